"""HTTP to an address that a person gave: connections by outbound's rules, no redirects, an end in time, a bounded answer.

A `requests` session whose every connection goes to an address that was judged. Where the person's environment names a proxy,
the proxy resolves names: then the address as written is judged, and the rest is the proxy's.
"""

from __future__ import annotations

import contextlib
import socket
import sys
import threading
import time
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError

from engine.access.outbound import Rules, current


class TooLong(requests.RequestException):
    """The answer is larger, or took longer, than what is waited for."""


def session(seconds: float, rules: Rules | None = None) -> requests.Session:
    """A session for one exchange of words, to be closed: whatever a server does, its connections end after `seconds`.

    No .netrc (its password would replace ours), no cookies kept, proxies as the environment names them.
    """
    made = _Session()
    made.trust_env = False
    _mount(made, rules, seconds)
    return made


def guard(made: requests.Session, rules: Rules | None = None) -> None:
    """Let a session of somebody else's (ccxt's) connect by the rules alone. To be sent elsewhere is an error there."""
    _mount(made, rules, None)
    made.max_redirects = 0


def _mount(made: requests.Session, rules: Rules | None, seconds: float | None) -> None:
    for scheme in ("https://", "http://"):
        made.mount(scheme, _Guarded(rules or current(), seconds))


class _Session(requests.Session):
    """Is sent nowhere, whatever its caller asks for."""

    def get_redirect_target(self, resp: requests.Response) -> None:
        return None


def proxies(url: str) -> dict[str, str]:
    """The environment's proxies for this address."""
    return dict(requests.utils.get_environ_proxies(url))


def body(answer: requests.Response, most: int, deadline: float) -> bytes:
    """At most `most` bytes of a streamed answer, unpacked, until `deadline` (monotonic). TooLong beyond either."""
    data = bytearray()
    for block in answer.iter_content(16_384):
        data += block
        if len(data) > most:
            raise TooLong(f"the answer is longer than {most:,} bytes")
        if time.monotonic() > deadline:
            raise TooLong("the answer came too slowly")
    return bytes(data)


class _Guarded(HTTPAdapter):
    """Judges an address before it is asked, and connects where it was judged."""

    def __init__(self, rules: Rules, seconds: float | None) -> None:
        self.rules, self.seconds = rules, seconds
        self.was_cut = threading.Event()
        self._ends: list[tuple[threading.Timer, socket.socket]] = []
        super().__init__()

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = _pools(self)

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:
        self.rules.judge(str(request.url))
        answer = super().send(request, *args, **options)
        if self.was_cut.is_set():  # half a head looks like a whole one
            answer.close()
            raise requests.ReadTimeout("the answer did not end in time", request=request)
        return answer

    def close(self) -> None:
        super().close()
        for timer, spare in self._ends:
            timer.cancel()
            spare.close()
        self._ends.clear()

    def ends_in_time(self, made: socket.socket) -> None:
        """A byte a second for ever is no answer: the connection is cut, whoever reads it."""
        if self.seconds is None:
            return
        spare = made.dup()
        timer = threading.Timer(self.seconds, self._cut, (spare,))
        timer.daemon = True
        self._ends.append((timer, spare))
        timer.start()

    def _cut(self, spare: socket.socket) -> None:
        self.was_cut.set()
        with contextlib.suppress(OSError):
            spare.shutdown(socket.SHUT_RDWR)


def _pools(adapter: _Guarded) -> dict[str, type[HTTPConnectionPool]]:
    class Plain(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            return _open(self, adapter)

    class Secure(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            return _open(self, adapter)

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = Secure

    return {"http": PlainPool, "https": SecurePool}


def _open(wanted: HTTPConnection, adapter: _Guarded) -> socket.socket:
    """urllib3's own errors, since requests knows those."""
    timeout = wanted.timeout if isinstance(wanted.timeout, (int, float)) else None
    try:
        made = adapter.rules.connect(wanted._dns_host, wanted.port or 0, timeout, wanted.socket_options or ())
    except socket.gaierror as error:
        raise NameResolutionError(wanted.host, wanted, error) from error
    except TimeoutError as error:
        raise ConnectTimeoutError(wanted, f"no connection within {timeout} s") from error
    except OSError as error:
        raise NewConnectionError(wanted, f"no connection: {error}") from error
    sys.audit("http.client.connect", wanted, wanted.host, wanted.port)
    adapter.ends_in_time(made)
    return made
