"""The gate before everything the app serves: an ASGI middleware, so that files, uploads and the WebSocket are behind it too.

Without a password the app answers the machine it runs on and nobody else. With one, whoever has no session sees the login
and nothing more. Every answer carries the browser's safety headers.
"""

from __future__ import annotations

import asyncio
import hmac
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
from engine.access.addresses import is_loopback
from engine.access.password import PasswordError, device, knows, matches, stored

LOGIN, LOGOUT, HEALTH = "/login", "/logout", "/_stcore/health"
FORM_S = 10.0
"""A form whose body does not come whole within so long is none."""
AT_ONCE = 2
"""Passwords that are looked at side by side: each takes 64 MB."""
DEVICE_S = 180 * 86_400
log = logging.getLogger("evenkeel.app")


class Gate:
    """Lets a request through, or answers it itself. `folder` holds the password, `hosts` are the names the app answers to
    (any if empty), `clock` is a steady one in seconds; `code` is asked for where there is no password ("": nothing is)."""

    def __init__(
        self,
        app: ASGIApp,
        folder: Path,
        hosts: Sequence[str] = (),
        clock: Callable[[], float] = time.monotonic,
        code: str = "",
    ) -> None:
        self.app, self.folder, self.hosts, self.clock, self.code = app, folder, tuple(hosts), clock, code
        self.sessions, self.throttle = Sessions(), Throttle()
        self._looking = asyncio.Semaphore(AT_ONCE)

    async def __call__(self, scope: requests.Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        raw, send = send, _with_headers(scope, send, requests.OWN_POLICY)
        inside = _with_headers(scope, raw, requests.PAGE_POLICY)
        if not requests.is_ours(scope, self.hosts):
            await _refuse(scope, send, 403, "This app does not answer to that name, or to that page.")
            return
        try:
            password = self._kept()
        except PasswordError as error:
            log.error("%s", error)
            await _refuse(scope, send, 503, "The app's password cannot be read; its log says what to do.")
            return
        path = scope["path"]
        if path == HEALTH and scope["type"] == "http":
            await self.app(scope, receive, inside)
        elif password is None and not _from_here(scope):
            await _refuse(
                scope, send, 403, "This app has no password: it answers the machine it runs on and nobody else."
            )
        elif password is None:
            await self.app(scope, receive, inside)
        elif path == LOGIN and scope["type"] == "http":
            await self._login(scope, receive, send, password)
        elif not self.sessions.valid(_token(scope), self.clock(), password):
            await _send_to_login(scope, send)
        elif path == LOGOUT and scope["type"] == "http":
            await self._logout(scope, send)
        elif scope["type"] == "websocket":
            await self.app(scope, self._watched(scope, receive), self._stopped(scope, inside))
        else:
            await self.app(scope, receive, inside)

    def _kept(self) -> str | None:
        """What stands for the password in force: its hash, or this start's code."""
        return stored(self.folder) or (f"code {self.code}" if self.code else None)

    # ---- coming and going ------------------------------------------------------------------------------------------------
    async def _login(self, scope: requests.Scope, receive: Receive, send: Send, password: str) -> None:
        back = requests.local_path(parse_qs(scope.get("query_string", b"").decode("latin-1")).get("next", ["/"])[-1])
        action = f"{LOGIN}?{urlencode({'next': back})}"
        if scope["method"] != "POST":
            await requests.answer(send, 200, screens.login(action), kind=_HTML)
            return
        given = (await _form(receive)).get("password", "")
        mark = requests.cookie(scope, _name(scope, DEVICE))
        known = knows(password, mark)
        address = mark if known else scope["client"][0] if scope.get("client") else ""
        # from here to the count nothing else runs: tries side by side are counted one after another
        if (wait := self.throttle.wait(address, self.clock(), known)) > 0:
            words = f"Too many wrong passwords. Try again in {wait:.0f} seconds."
            headers = {"retry-after": str(max(1, round(wait)))}
            await requests.answer(send, 429, screens.login(action, words), kind=_HTML, headers=headers)
            return
        self.throttle.wrong(address, self.clock(), known)  # counted before it is looked at
        if not await self._is_right(given):
            log.warning("a wrong password from %s", "a browser that was let in before" if known else address)
            await requests.answer(send, 401, screens.login(action, "That is not the password."), kind=_HTML)
            return
        self.throttle.right(address)
        self.sessions.close(_token(scope))
        now = self._kept() or ""
        token = self.sessions.open(self.clock(), now)
        cookies = [_cookie(scope, device(now), DEVICE_S, DEVICE), _cookie(scope, token)]
        await requests.answer(send, 303, headers={"location": back}, cookies=cookies)

    async def _is_right(self, given: str) -> bool:
        if self.code and stored(self.folder) is None:
            return hmac.compare_digest(given.encode(), self.code.encode())
        async with self._looking:
            return await run_in_threadpool(matches, self.folder, given)

    async def _logout(self, scope: requests.Scope, send: Send) -> None:
        if scope["method"] != "POST":
            await requests.answer(send, 200, screens.logout(LOGOUT), kind=_HTML)
            return
        self.sessions.close(_token(scope))
        await requests.answer(send, 303, headers={"location": LOGIN}, cookies=[_cookie(scope, "", 0)])

    # ---- a WebSocket that outlives its session ---------------------------------------------------------------------------
    def _stands(self, scope: requests.Scope, touch: bool) -> bool:
        try:
            return self.sessions.valid(_token(scope), self.clock(), self._kept(), touch=touch)
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


SESSION, DEVICE = "evenkeel", "evenkeel-known"
"""The cookie of a session, and the one that tells a browser in which somebody logged in before: strangers who guess cannot
keep it waiting."""


def _name(scope: requests.Scope, name: str = SESSION) -> str:
    """The cookie's name: bound to this very host where the connection is encrypted."""
    return f"__Host-{name}" if scope.get("scheme") in ("https", "wss") else name


def _from_here(scope: requests.Scope) -> bool:
    """Whether the connection came in at an address that only this machine reaches (`server` is the socket's own)."""
    server = scope.get("server")
    return server is None or server[1] is None or is_loopback(str(server[0]))


async def _form(receive: Receive) -> dict[str, str]:
    try:
        return await asyncio.wait_for(requests.form(receive), FORM_S)
    except TimeoutError:
        return {}


def _token(scope: requests.Scope) -> str:
    return requests.cookie(scope, _name(scope))


def _cookie(scope: requests.Scope, value: str, age: int = int(LIFE_S), name: str = SESSION) -> str:
    secure = "; Secure" if _name(scope).startswith("__Host-") else ""
    return f"{_name(scope, name)}={value}; Path=/; HttpOnly; SameSite=Strict; Max-Age={age}{secure}"


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


def _with_headers(scope: requests.Scope, send: Send, policy: str) -> Send:
    said = {**requests.HEADERS, "content-security-policy": policy}
    if scope.get("scheme") == "https":
        said["strict-transport-security"] = "max-age=31536000"
    added = [(name.encode(), value.encode()) for name, value in said.items()]

    async def with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            rows: list[Any] = [row for row in message.get("headers", []) if row[0].decode().lower() not in said]
            message = {**message, "headers": [*rows, *added]}
        await send(message)

    return with_headers
