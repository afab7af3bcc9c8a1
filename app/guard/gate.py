"""The gate before everything the app serves: an ASGI middleware, so that files, uploads and the WebSocket are behind it too.

Without a password the app answers the machine it runs on and nobody else. With one, whoever has no session sees the login
and nothing more. Every answer carries the browser's safety headers.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlencode

from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Message, Receive, Send

from app.guard import requests, screens
from app.guard.sessions import LIFE_S, Sessions
from app.guard.throttle import Throttle
from engine.access.password import PasswordError, matches, stored

LOGIN, LOGOUT, HEALTH = "/login", "/logout", "/_stcore/health"
log = logging.getLogger("evenkeel.app")


class Gate:
    """Lets a request through, or answers it itself. `folder` holds the password, `hosts` are the names the app answers to
    (any if empty), `clock` is a steady one in seconds."""

    def __init__(
        self, app: ASGIApp, folder: Path, hosts: Sequence[str] = (), clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.app, self.folder, self.hosts, self.clock = app, folder, tuple(hosts), clock
        self.sessions, self.throttle = Sessions(), Throttle()

    async def __call__(self, scope: requests.Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        send = _with_headers(scope, send)
        if not requests.is_ours(scope, self.hosts):
            await _refuse(scope, send, 403, "This app does not answer to that name, or to that page.")
            return
        try:
            password = stored(self.folder)
        except PasswordError as error:
            log.error("%s", error)
            await _refuse(scope, send, 503, "The app's password cannot be read; its log says what to do.")
            return
        path = scope["path"]
        if password is None or path == HEALTH:
            await self.app(scope, receive, send)
        elif path == LOGIN and scope["type"] == "http":
            await self._login(scope, receive, send)
        elif not self.sessions.valid(_token(scope), self.clock(), password):
            await _send_to_login(scope, send)
        elif path == LOGOUT and scope["type"] == "http":
            await self._logout(scope, send)
        elif scope["type"] == "websocket":
            await self.app(scope, self._watched(scope, receive), self._stopped(scope, send))
        else:
            await self.app(scope, receive, send)

    # ---- coming and going ------------------------------------------------------------------------------------------------
    async def _login(self, scope: requests.Scope, receive: Receive, send: Send) -> None:
        back = requests.local_path(parse_qs(scope.get("query_string", b"").decode("latin-1")).get("next", ["/"])[-1])
        action = f"{LOGIN}?{urlencode({'next': back})}"
        if scope["method"] != "POST":
            await requests.answer(send, 200, screens.login(action), kind=_HTML)
            return
        address = scope["client"][0] if scope.get("client") else ""
        if (wait := self.throttle.wait(address, self.clock())) > 0:
            words = f"Too many wrong passwords. Try again in {wait:.0f} seconds."
            headers = {"retry-after": str(max(1, round(wait)))}
            await requests.answer(send, 429, screens.login(action, words), kind=_HTML, headers=headers)
            return
        given = (await requests.form(receive)).get("password", "")
        self.throttle.wrong(address, self.clock())  # counted before it is looked at: tries side by side count, too
        if not await run_in_threadpool(matches, self.folder, given):
            log.warning("a wrong password from %s", address)
            await requests.answer(send, 401, screens.login(action, "That is not the password."), kind=_HTML)
            return
        self.throttle.right(address)
        token = self.sessions.open(self.clock(), stored(self.folder) or "")
        await requests.answer(send, 303, headers={"location": back, "set-cookie": _cookie(scope, token)})

    async def _logout(self, scope: requests.Scope, send: Send) -> None:
        if scope["method"] != "POST":
            await requests.answer(send, 200, screens.logout(LOGOUT), kind=_HTML)
            return
        self.sessions.close(_token(scope))
        await requests.answer(send, 303, headers={"location": LOGIN, "set-cookie": _cookie(scope, "", 0)})

    # ---- a WebSocket that outlives its session ---------------------------------------------------------------------------
    def _stands(self, scope: requests.Scope, touch: bool) -> bool:
        try:
            return self.sessions.valid(_token(scope), self.clock(), stored(self.folder), touch=touch)
        except PasswordError:
            return False

    def _watched(self, scope: requests.Scope, receive: Receive) -> Receive:
        async def watched() -> Message:
            message = await receive()
            if message["type"] == "websocket.receive" and not self._stands(scope, touch=True):
                return {"type": "websocket.disconnect", "code": 1008}
            return message

        return watched

    def _stopped(self, scope: requests.Scope, send: Send) -> Send:
        closed = False

        async def stopped(message: Message) -> None:
            nonlocal closed
            if message["type"] == "websocket.send" and not self._stands(scope, touch=False):
                message = {"type": "websocket.close", "code": 1008}
            if not closed:
                closed = message["type"] == "websocket.close"
                await send(message)

        return stopped


_HTML = "text/html; charset=utf-8"


def _name(scope: requests.Scope) -> str:
    """The cookie's name: bound to this very host where the connection is encrypted."""
    return "__Host-evenkeel" if scope.get("scheme") in ("https", "wss") else "evenkeel"


def _token(scope: requests.Scope) -> str:
    return requests.cookie(scope, _name(scope))


def _cookie(scope: requests.Scope, token: str, age: int = int(LIFE_S)) -> str:
    secure = "; Secure" if _name(scope).startswith("__Host-") else ""
    return f"{_name(scope)}={token}; Path=/; HttpOnly; SameSite=Strict; Max-Age={age}{secure}"


async def _send_to_login(scope: requests.Scope, send: Send) -> None:
    wants_page = (
        scope["type"] == "http" and scope["method"] == "GET" and "text/html" in requests.header(scope, "accept")
    )
    if wants_page:
        where = f"{LOGIN}?next={quote(requests.asked_for(scope), safe='')}"
        await requests.answer(send, 303, headers={"location": where})
    else:
        await _refuse(scope, send, 401, "Log in first.")


async def _refuse(scope: requests.Scope, send: Send, status: int, words: str) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
    else:
        await requests.answer(send, status, words)


def _with_headers(scope: requests.Scope, send: Send) -> Send:
    said = dict(requests.HEADERS)
    if scope.get("scheme") == "https":
        said["strict-transport-security"] = "max-age=31536000"
    added = [(name.encode(), value.encode()) for name, value in said.items()]

    async def with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            rows: list[Any] = [row for row in message.get("headers", []) if row[0].decode().lower() not in said]
            message = {**message, "headers": [*rows, *added]}
        await send(message)

    return with_headers
