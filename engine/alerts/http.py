"""One POST to a provider, and what its answer means: no redirects, a small answer, an end in time, no address in the words.

The words never hold the address asked: for most providers it is the secret.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from typing import Any

import requests
from urllib3.exceptions import HTTPError

from engine.access import outbound_http
from engine.access.outbound import Forbidden
from engine.alerts.message import Receipt, clip, one_line

MOST_BYTES = 65_536
LONGEST_WAIT_S = 3_600.0
WORDS = 240


class Unreached(Exception):
    """Nobody answered, or not in time: the words say how."""


@dataclass(frozen=True)
class Answer:
    """A provider's answer: status, headers, and the body as text and, where it is one, as a JSON object."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def json(self) -> dict[str, Any]:
        try:
            found = json.loads(self.text)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}


def post(url: str, timeout: float, **request: Any) -> Answer:
    """POST; Unreached when there is no whole answer within about `timeout` seconds. `request` as for requests.post."""
    return ask("POST", url, timeout, **request)


def ask(method: str, url: str, timeout: float, **request: Any) -> Answer:
    """As post, with another method. The whole exchange ends after twice `timeout`, however slowly a server speaks."""
    end = time.monotonic() + timeout
    try:
        with outbound_http.session(2 * timeout) as session:
            session.proxies = outbound_http.proxies(url)
            answer = session.request(method, url, timeout=timeout, allow_redirects=False, stream=True, **request)
            return Answer(answer.status_code, answer.headers, _body(answer, end))
    except Forbidden as error:
        raise Unreached(str(error)) from None
    except requests.RequestException as error:
        raise Unreached(why(error, timeout)) from None
    except (OSError, ValueError) as error:
        raise Unreached(f"the connection failed ({type(error).__name__})") from None


def _body(answer: requests.Response, end: float) -> str:
    """At most MOST_BYTES of it, and no longer than until `end`: a server may send a byte a second for ever."""
    got = b""
    try:
        while len(got) < MOST_BYTES:
            part = answer.raw.read1(8_192, decode_content=True)
            if not part:
                break
            got += part
            if time.monotonic() > end:
                raise Unreached("the answer did not end in time")
    except (HTTPError, HTTPException, OSError, ValueError, AttributeError) as error:
        # The last two: a connection that is cut by its clock, on another thread, is None or closed where it was being read.
        raise Unreached(f"the answer broke off ({type(error).__name__})") from None
    return got[:MOST_BYTES].decode("utf-8", "replace")


def why(error: Exception, timeout: float) -> str:
    """A failed request in words, without its address."""
    found = repr(error).lower()
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return f"no connection within {timeout:g} s"
    if isinstance(error, requests.Timeout) or "read timed out" in found:
        return f"no answer within {timeout:g} s"
    if isinstance(error, requests.exceptions.SSLError):
        return "no secure connection: the server's certificate is not trusted, or it speaks no TLS"
    if "nameresolution" in found or "name or service" in found or "getaddrinfo" in found:
        return "the server's name is not known: check the address and the network"
    if "refused" in found:
        return "the connection was refused: nothing listens there"
    if isinstance(error, (requests.exceptions.InvalidURL, requests.exceptions.MissingSchema)):
        return "the address is none: copy it again"
    return f"the connection failed ({type(error).__name__})"


def judge(answer: Answer, *, good: bool, said: str = "", wait_s: float | None = None) -> Receipt:
    """The receipt of an answer. `good`: the body is what the provider sends on success; `said`: its own words, `wait_s`: the wait
    its body asks for."""
    words = f"{answer.status} {clip(one_line(said or plain(answer.text)), WORDS)}".strip()
    if 200 <= answer.status < 300:
        if good:
            return Receipt("sent", words)
        return Receipt("retry", f"{answer.status}, but not this provider's answer: check the address and the network")
    if answer.status == 429:
        return Receipt("retry", words, wait_of(answer) if wait_s is None else min(max(wait_s, 0.0), LONGEST_WAIT_S))
    if answer.status in (408, 425) or answer.status >= 500:
        return Receipt("retry", words, wait_of(answer))
    if 300 <= answer.status < 400:
        return Receipt("refused", f"{answer.status}: it wants to send us elsewhere, which is not followed", broken=True)
    return Receipt("refused", words, broken=answer.status in (401, 403, 404, 410))


def wait_of(answer: Answer) -> float:
    """Seconds of the header Retry-After (a number or a date); 0 without one."""
    text = str(answer.headers.get("Retry-After", "")).strip()
    try:
        seconds = float(text)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(text).timestamp() - time.time()
        except (ValueError, TypeError, IndexError):
            return 0.0
    return min(max(seconds, 0.0), LONGEST_WAIT_S) if seconds == seconds else 0.0


def plain(text: str) -> str:
    """A page of HTML says nothing worth keeping."""
    return "" if text.lstrip()[:1] == "<" else text
