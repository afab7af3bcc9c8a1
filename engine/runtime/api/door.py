"""What every request passes before a route sees it: the name it calls us by, where it comes from, and how much it brings.

Plain ASGI, no route and no token is known here. A page of another site whose name was made to point at this machine (DNS
rebinding) calls us by its own name, and is refused for that.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

from engine.runtime.api.problems import problem_bytes

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

BODY_BYTES = 65_536
BODY_S = 10.0
DEPTH = 20
LOCAL = ("localhost", "127.0.0.1", "::1")
HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)


class Door:
    """Wraps an application; `hosts` are the names it may be called by."""

    def __init__(self, app: App, hosts: Iterable[str]) -> None:
        self.app, self.hosts = app, {host.lower() for host in hosts}

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        headers = [(name.lower(), value) for name, value in scope["headers"]]
        refusal = self._refusal(headers)
        if refusal:
            await _refuse(send, 403, refusal)
            return
        try:
            body = await asyncio.wait_for(_body(receive), BODY_S)
        except TimeoutError:
            await _refuse(send, 408, f"the request's body did not come within {BODY_S:g} s")
            return
        if body is None:
            await _refuse(send, 413, f"the request's body is larger than {BODY_BYTES:,} bytes: ask for less at once")
            return
        if b"\0" in body:  # another encoding, in which a byte is not what it looks like
            await _refuse(send, 400, "the request's body is no text in UTF-8")
            return
        if depth_of(body) > DEPTH:
            await _refuse(
                send, 400, f"the request's body is nested deeper than {DEPTH} levels: nothing here needs that"
            )
            return
        await self.app(scope, _given(body, receive), _with_headers(send))

    def _refusal(self, headers: list[tuple[bytes, bytes]]) -> str:
        called = [value for name, value in headers if name == b"host"]
        if len(called) != 1 or _name(called[0]) not in self.hosts:
            return "this engine is not called by that name: use 127.0.0.1 or localhost, or add the name to allowed_hosts in [api]"
        for name, value in headers:
            if name == b"origin" and (_origin(value) not in self.hosts):
                return "pages of other sites may not ask this engine"
        return ""


def depth_of(body: bytes) -> int:
    """How deep the brackets of a JSON text go; what stands in strings does not count."""
    deepest = now = 0
    for mark in _MARKS.findall(_STRING.sub(b"", body)):
        now += 1 if mark in b"[{" else -1
        deepest = max(deepest, now)
    return deepest


_MARKS, _STRING = re.compile(rb"[\[\]{}]"), re.compile(rb'"(?:[^"\\]|\\.)*+"', re.S)


_ODD = frozenset(b"@/?#\\ \t")
"""What stands in an address, never in a host's name."""


def _name(host: bytes) -> str:
    """The name in a Host header, without its port; "" where it is none, or could be read in two ways."""
    return "" if set(host) & _ODD else _host("//" + host.decode("latin-1"))


def _origin(value: bytes) -> str:
    return _host(value.decode("latin-1"))


def _host(address: str) -> str:
    try:
        return (urlsplit(address).hostname or "").lower()
    except ValueError:
        return ""


async def _body(receive: Receive) -> bytes | None:
    """The whole body; None where it is too large."""
    parts, size = list[bytes](), 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return b"".join(parts)
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > BODY_BYTES:
            return None
        if not message.get("more_body", False):
            return b"".join(parts)


def _given(body: bytes, receive: Receive) -> Receive:
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def given() -> Message:
        return waiting.pop() if waiting else await receive()

    return given


def _with_headers(send: Send) -> Send:
    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", ()), *HEADERS]
        await send(message)

    return sent


async def _refuse(send: Send, status: int, words: str) -> None:
    content = problem_bytes(status, words)
    headers = [
        (b"content-type", b"application/problem+json"),
        (b"content-length", str(len(content)).encode()),
        *HEADERS,
    ]
    if status in (408, 413):
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})
