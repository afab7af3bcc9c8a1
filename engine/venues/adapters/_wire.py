"""The one seam all HTTP of an adapter goes through: bytes out, bytes in, bounded. No signing, no meaning.

ccxt believes that it holds a requests session. What it holds is a `Wire`, which hands each request to a `Transport`: the
internet by default, an exchange played in this process for tests and the simulation. A Transport that raises means that no
answer came; it never says that the request was not delivered.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

MAX_BYTES = 32 << 20
"""Of one answer. The longest list that exchanges send (all markets of Binance) is about half of it."""
MAX_DEPTH = 32
TIMEOUT_S = 10.0
DEADLINE_S = 30.0
MOST_LEFT = 8

_STRINGS = re.compile(
    rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL
)  # runs, not single characters: answers may have megabytes
_BRACKETS = re.compile(rb"[\[\]{}]")


@dataclass(frozen=True, slots=True, repr=False)
class Outgoing:
    """A signed request as it goes out. It shows nothing of itself in logs: headers and query carry signatures."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Incoming:
    """An answer as it came."""

    status: int
    headers: Mapping[str, str]
    body: bytes


Transport = Callable[[Outgoing], Incoming]


class NoAnswer(Exception):
    """Nothing usable came back. The request may have arrived."""


class Wire:
    """What ccxt takes for its session. Keeps what was heard last, counts what was sent, and lets one request a call out."""

    def __init__(self, transport: Transport) -> None:
        self.transport = transport
        self.sent = 0
        self.heard: Incoming | None = None
        self.headers: dict[str, str] = {}
        self.cookies = _NoCookies()

    def begin(self) -> None:
        """Before each call of the library: forget the former answer."""
        self.sent, self.heard = 0, None

    def request(self, method: str, url: str, data: Any = None, headers: Any = None, **_: Any) -> Any:
        """As requests.Session.request. NoAnswer, or whatever the transport raises."""
        if self.sent:
            raise NoAnswer("the library tried to send a second request for one call")
        self.sent += 1
        body = data.encode() if isinstance(data, str) else bytes(data or b"")
        heard = self.transport(Outgoing(method, url, dict(headers or {}), body))
        if len(heard.body) > MAX_BYTES:
            raise NoAnswer(f"an answer of more than {MAX_BYTES} bytes")
        if depth(heard.body) > MAX_DEPTH:
            raise NoAnswer(f"an answer nested deeper than {MAX_DEPTH}")
        self.heard = heard
        return _response(heard, url)

    def close(self) -> None:
        close = getattr(self.transport, "close", None)
        if close:
            close()


class _NoCookies:
    def clear(self) -> None:
        """ccxt clears cookies before each request; there are none."""


def depth(body: bytes) -> int:
    """How deep the brackets of a JSON text go."""
    deepest = now = 0
    for match in _BRACKETS.finditer(_STRINGS.sub(b"", body)):
        now += 1 if match[0] in b"[{" else -1
        deepest = max(deepest, now)
    return deepest


def _response(heard: Incoming, url: str) -> Any:
    import requests
    from requests.structures import CaseInsensitiveDict

    made = requests.Response()
    made.status_code, made.url, made.reason = heard.status, url, ""
    made._content = heard.body
    made.headers = CaseInsensitiveDict(heard.headers)
    return made


class Internet:
    """The real transport: TLS verified, one attempt, no redirect, bounded in size and time.

    Time-outs of sockets are between two bytes; a peer that sends one now and then would hold the lane for hours. So each
    request has a thread of its own, which is left to itself, with its session, when the deadline is over.
    """

    def __init__(self, timeout_s: float = TIMEOUT_S, deadline_s: float = DEADLINE_S) -> None:
        self.timeout_s, self.deadline_s = timeout_s, deadline_s
        self.session = _session()
        self._left: list[threading.Thread] = []

    def __call__(self, out: Outgoing) -> Incoming:
        self._left = [thread for thread in self._left if thread.is_alive()]
        if len(self._left) >= MOST_LEFT:
            raise NoAnswer("too many requests that never end; nothing is sent until one of them does")
        told: list[Incoming | Exception] = []
        worker = threading.Thread(target=self._told, args=(self.session, out, told), daemon=True, name="venue-request")
        worker.start()
        worker.join(self.deadline_s)
        if not told:
            self._left.append(worker)
            self.session = _session()
            raise NoAnswer(f"no whole answer within {self.deadline_s:.0f} s")
        if isinstance(told[0], Exception):
            raise told[0]
        return told[0]

    def _told(self, session: Any, out: Outgoing, told: list[Incoming | Exception]) -> None:
        try:
            told.append(self._asked(session, out))
        except Exception as error:
            told.append(error)

    def _asked(self, session: Any, out: Outgoing) -> Incoming:
        with session.request(
            out.method,
            out.url,
            data=out.body or None,
            headers=dict(out.headers),
            timeout=self.timeout_s,
            allow_redirects=False,
            stream=True,
            verify=True,
        ) as answer:
            body = bytearray()
            for piece in answer.iter_content(65_536):
                body += piece
                if len(body) > MAX_BYTES:
                    raise NoAnswer(f"an answer of more than {MAX_BYTES} bytes")
            return Incoming(answer.status_code, dict(answer.headers), bytes(body))

    def close(self) -> None:
        self.session.close()


def _session() -> Any:
    import requests
    from requests.adapters import HTTPAdapter

    made = requests.Session()
    made.trust_env = False  # no .netrc, no proxy by accident: these requests are signed
    for scheme in ("https://", "http://"):
        made.mount(scheme, HTTPAdapter(max_retries=0, pool_connections=2, pool_maxsize=2))
    return made
