"""What a request says of itself, and plain answers to it. Pure but for reading a small body; knows no session."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, MutableMapping
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from starlette.types import Receive, Send

LARGEST_BODY = 8 * 1024
Scope = MutableMapping[str, Any]

HEADERS: Mapping[str, str] = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "SAMEORIGIN",
    "referrer-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), payment=()",
}
"""On every answer, and one of these two policies."""

PAGE_POLICY = "; ".join(
    (
        "default-src 'self'", "script-src 'self' 'unsafe-inline' 'wasm-unsafe-eval' blob:", "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:", "font-src 'self' data:", "media-src 'self' data: blob:", "connect-src 'self'",
        "worker-src 'self' blob:", "frame-src 'self'", "object-src 'none'", "base-uri 'self'", "form-action 'self'",
        "frame-ancestors 'self'",
    )
)  # fmt: skip
"""For what Streamlit serves: nothing is loaded from elsewhere and nothing is told there (no picture, no request, no form).
Its page needs inline scripts and styles; components come as blobs."""

OWN_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""For the answers of the door itself."""


def header(scope: Scope, name: str) -> str:
    """A request header's value; empty where there is none, the last one where there are several."""
    wanted = name.lower().encode()
    return next((value.decode("latin-1") for key, value in reversed(scope["headers"]) if key == wanted), "")


def host_of(authority: str) -> str:
    """The name in a Host header, lower case, without port: "[::1]:8501" -> "::1"; empty if there is none, or more than one
    could read out of it."""
    try:
        parts = urlsplit(f"//{authority}")
        _ = parts.port
    except ValueError:
        return ""
    return (parts.hostname or "").lower() if parts.netloc == authority and "@" not in authority else ""


def is_ours(scope: Scope, hosts: Iterable[str]) -> bool:
    """Whether the request names a host this app answers to (another page that points its own name here does not), and
    whether, if a page sent it, that page is the app's own."""
    named = header(scope, "host")
    allowed = {host.lower().strip("[]") for host in hosts}
    if allowed and host_of(named) not in allowed:
        return False
    origin = header(scope, "origin")
    changes = scope["type"] == "websocket" or scope.get("method") not in ("GET", "HEAD", "OPTIONS")
    return not (changes and origin) or urlsplit(origin).netloc.lower() == named.lower()


def cookie(scope: Scope, name: str) -> str:
    """A cookie's value; empty where there is none."""
    try:
        found = SimpleCookie(header(scope, "cookie")).get(name)
    except CookieError:
        return ""
    return found.value if found else ""


def local_path(text: str) -> str:
    """`text` if it is an address within this app, else the root: nobody is led elsewhere after a login."""
    if not text.startswith("/") or text.startswith("//") or "\\" in text or not text.isprintable():
        return "/"
    return quote(text, safe="/?&=%+:;,@!$'()*#~")


def asked_for(scope: Scope) -> str:
    """The request's path and query, to come back to."""
    query = scope.get("query_string", b"").decode("latin-1")
    return quote(scope["path"], safe="/-._~") + (f"?{query}" if query else "")


async def form(receive: Receive) -> dict[str, str]:
    """The fields of a small URL-encoded body; empty if it is too large or no form."""
    body = b""
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return {}
        body += message.get("body", b"")
        if len(body) > LARGEST_BODY:
            return {}
        if not message.get("more_body", False):
            break
    try:
        fields = parse_qs(body.decode("utf-8"), max_num_fields=10)
    except (UnicodeDecodeError, ValueError):
        return {}
    return {name: values[-1] for name, values in fields.items()}


async def answer(
    send: Send,
    status: int,
    text: str = "",
    *,
    kind: str = "text/plain; charset=utf-8",
    headers: Mapping[str, str] | None = None,
    cookies: Iterable[str] = (),
) -> None:
    """One whole answer."""
    body = text.encode()
    said = {"content-type": kind, "content-length": str(len(body)), "cache-control": "no-store", **(headers or {})}
    pairs = [*said.items(), *(("set-cookie", one) for one in cookies)]
    rows = [(name.encode(), value.encode("latin-1")) for name, value in pairs]
    await send({"type": "http.response.start", "status": status, "headers": rows})
    await send({"type": "http.response.body", "body": body})
