"""What adapters share: one private ccxt client, told to send each request once, and answers taken from the raw bytes.

ccxt builds addresses, signs and paces. It does not judge: an exception of ccxt says too little (a 400 is a "network error"
to one venue's class, a 503 with JSON a plain refusal to another's), so the meaning of an answer is read from its status and
body by each adapter's own table. No order logic here; no exception leaves an adapter.
"""

from __future__ import annotations

import email.utils
import functools
import logging
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar
from urllib.parse import quote, urlparse

from engine.access.outbound import current
from engine.access.outbound_http import guard
from engine.venues.adapters._reading import Garbled, parse
from engine.venues.adapters._wire import Incoming, Internet, Transport, Wire
from engine.venues.bounds import BIGGEST, LONGEST_WAIT_MS
from engine.venues.defects import tell
from engine.venues.port import Clock, Refused, Request, Rules, Unknown

Ms = Callable[[], int]
P = ParamSpec("P")
T = TypeVar("T")

WORDS = 240
CALL_MS, CALL_BYTES = 60_000, 64 << 20
"""What one call of a port may take, all its pages together. The lane does nothing else meanwhile, no cancel either."""
JUMP_MS, JUMPS = 60_000, 3
"""A venue's clock that moves by more, against ours, is believed once it has said so three times."""
WAIT_429_MS, WAIT_418_MS = 5_000, 120_000
"""Silence where the venue names none: a short one, and the shortest ban."""

_ID = re.compile(r"[0-9A-Za-z_-]{1,36}")
_SPOT = re.compile(r"[A-Z0-9]{1,20}/[A-Z0-9]{2,10}")
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}
_QUERY = re.compile(r"\?[^\s'\"]*")
_SECRETS = re.compile(
    r"(?i)(-----BEGIN[\s\S]*?(-----END[^-]*-----|\Z))|(\beyJ[\w-]+\.[\w-]+(\.[\w-]*)?)|(bearer\s+\S+)|(\b(signature|x-mbx-apikey|cb-access-\w+)[\"']?\s*[=:]\s*\S+)"
)


@dataclass(frozen=True, slots=True, repr=False)
class Keys:
    """An API key and its secret. Never shown: no repr, and redacted from every text an adapter gives out."""

    key: str
    secret: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one call. `sent` False: nothing left this process. `status` 0: no answer that can be read.

    `data` is the JSON of it, None where it is none; `text` is then its first words.
    """

    sent: bool
    status: int
    data: Any
    why: str
    wait_ms: int = 0
    text: str = ""

    @property
    def good(self) -> bool:
        return 200 <= self.status < 300


class Nothing(Exception):
    """Carries an Unknown up to the Port method that gives it back."""

    def __init__(self, unknown: Unknown) -> None:
        super().__init__(unknown.why)
        self.unknown = unknown


def told(method: Callable[P, T]) -> Callable[P, T | Unknown]:
    """A Port method that never raises: what cannot be said becomes Unknown."""

    @functools.wraps(method)
    def safe(*args: P.args, **kwargs: P.kwargs) -> T | Unknown:
        try:
            with _call_of(args[0] if args else None):
                return method(*args, **kwargs)
        except Nothing as nothing:
            return nothing.unknown
        except Garbled as error:
            return Unknown(f"an answer that is not as documented: {error}")
        except Exception as error:  # nor is what nobody foresaw a fact about an order
            tell(method.__qualname__, error)
            return Unknown(f"{type(error).__name__} while reading an answer")

    return safe


def _call_of(adapter: object) -> AbstractContextManager[None]:
    client = getattr(adapter, "client", None)
    return client.call() if isinstance(client, Client) else nullcontext()


def _boot_ms() -> int:
    # Goes on while the machine sleeps, and does not jump when its clock is set.
    clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return time.clock_gettime_ns(clock) // 1_000_000


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000


class Client:
    """One account's ccxt client. `clock` (wall, ms UTC) and `steady` (ms, never set back) are those of the simulation there.

    `pace_ms`: the least time between two requests for each unit of ccxt's cost; 0 does not pace (in-process exchanges).
    """

    def __init__(
        self,
        exchange_id: str,
        keys: Keys,
        *,
        base_url: str = "",
        transport: Transport | None = None,
        clock: Ms | None = None,
        steady: Ms | None = None,
        pace_ms: int = 0,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        self.clock = clock or _wall_ms
        self.steady = steady or clock or _boot_ms
        self.wire = Wire(transport or Internet())
        self._silent_until = self._next_at = 0
        self._calls = self._call_began = self._call_asked = self._call_bytes = self._jumps = 0
        self._venue_at, self._steady_at = 0, 0
        self.by_machine = False  # sign by this machine's clock: for an exchange whose time runs faster than life
        self._pace_ms = pace_ms
        self._keys = keys
        self._secrets = _spellings(keys)
        self.rules: dict[str, Rules] = {}
        self.made = self._make(exchange_id, base_url.rstrip("/"), dict(options or {}))

    def _make(self, exchange_id: str, base_url: str, options: dict[str, Any]) -> Any:
        import ccxt

        made = getattr(ccxt, exchange_id)(
            {
                "apiKey": self._keys.key,
                "secret": self._keys.secret,
                "enableRateLimit": True,
                "options": {**options, "maxRetriesOnFailure": 0},
            }
        )
        made.session.close()
        made.session = self.wire
        made.milliseconds, made.seconds = self.signing, lambda: self.signing() // 1000
        # ccxt's own limiter sleeps by the wall clock: an hour, when that is set back by one.
        made.throttle = self._pace
        made.logger = _MUTE  # at debug level it would write signed headers
        made.enableLastHttpResponse = made.enableLastJsonResponse = made.enableLastResponseHeaders = False
        if base_url:
            _aim(made, base_url)
            if isinstance(self.wire.transport, Internet):
                guard(self.wire.transport.session, current().with_sandbox(base_url))
        if made.options.get("maxRetriesOnFailure") != 0 or made.verbose:
            raise RuntimeError(
                "ccxt must send each request once and say nothing; this version does not take its options"
            )
        return made

    def __repr__(self) -> str:
        return f"Client({self.made.id})"

    # -- time

    def now(self) -> int:
        """The venue's time: as found by `sync`, carried on by the steady clock; before that, the wall clock's."""
        return self._venue_at + self.steady() - self._steady_at if self._venue_at else self.clock()

    def signing(self) -> int:
        """The time that a request is signed with."""
        return self.clock() if self.by_machine else self.now()

    def sync(self, method: str, read: Callable[[Any], int]) -> Clock:
        """Asks the venue's time by a public endpoint. The venue is taken to have answered half way."""
        began, wall = self.steady(), self.clock()
        venue = read(self.read(method))
        ended = self.steady()
        half = (ended - began) // 2
        jump = venue - (self._venue_at + began + half - self._steady_at) if self._venue_at else 0
        self._jumps = self._jumps + 1 if abs(jump) > JUMP_MS and not self.by_machine else 0
        if 0 < self._jumps < JUMPS:
            raise Nothing(Unknown(f"the exchange's clock jumped by {jump / 1000:.0f} s; it is asked again"))
        self._jumps = 0
        self._venue_at, self._steady_at = venue, began + half
        return Clock(venue - (wall + half), ended - began)

    def _pace(self, cost: float | None = None) -> None:
        if not self._pace_ms:
            return
        wait = self._next_at - self.steady()
        if 0 < wait < 60_000:
            time.sleep(wait / 1000)
        self._next_at = self.steady() + int(self._pace_ms * (1 if cost is None else cost))

    # -- asking

    @contextmanager
    def call(self) -> Iterator[None]:
        """One call of a port, with everything that it asks: bounded in time and size. Those inside it count as its own."""
        if not self._calls:
            self._call_began, self._call_asked, self._call_bytes = self.steady(), 0, 0
        self._calls += 1
        try:
            yield
        finally:
            self._calls -= 1

    def _spent(self) -> bool:
        """Whether the call has had its share; its first request always goes."""
        late = self.steady() - self._call_began > CALL_MS
        return bool(self._calls and self._call_asked and (late or self._call_bytes > CALL_BYTES))

    def ask(self, method: str, params: Mapping[str, Any] | None = None) -> Answer:
        """One request by ccxt's name of the endpoint, and the raw answer to it. Never raises, never sends twice."""
        if self._spent():
            return Answer(False, 0, None, "what was asked takes too long or says too much; it is asked again later")
        self._call_asked += 1
        wait = self._silent_until - self.steady()
        if wait > 0:
            return Answer(False, 0, None, "the venue asked for silence; nothing is sent until it is over", wait)
        self.wire.begin()
        why = ""
        try:
            getattr(self.made, method)(dict(params or {}))
        except Exception as error:  # the library's opinion; the answer itself is read below
            why = self.redacted(f"{type(error).__name__}: {error}")
        heard = self.wire.heard
        if heard is None:
            return Answer(bool(self.wire.sent), 0, None, why or "no answer")
        self._call_bytes += len(heard.body)
        wait = self._silence(heard)
        try:
            data = parse(heard.body)
        except Garbled as error:
            words = heard.body[:80].decode("ascii", "replace").strip()
            return Answer(True, heard.status, None, f"HTTP {heard.status}, {error}", wait, words)
        return Answer(True, heard.status, data, self.redacted(why) or f"HTTP {heard.status}", wait)

    def read(self, method: str, params: Mapping[str, Any] | None = None) -> Any:
        """The data of a good answer; Nothing otherwise."""
        answer = self.ask(method, params)
        if not answer.good or answer.data is None:
            raise Nothing(Unknown(answer.why, answer.wait_ms))
        return answer.data

    def _silence(self, heard: Incoming) -> int:
        """How long the venue asks for silence, ms; from here on nothing is sent for that long."""
        if heard.status not in (418, 429, 503):
            return 0
        wait = self._retry_after(heard)
        if not wait and heard.status != 503:
            wait = WAIT_418_MS if heard.status == 418 else WAIT_429_MS
        wait = min(wait, LONGEST_WAIT_MS)
        self._silent_until = max(self._silent_until, self.steady() + wait)
        return wait

    def be_silent(self, ms: int) -> None:
        """Nothing is sent for `ms`: the venue has asked a former process for it."""
        self._silent_until = max(self._silent_until, self.steady() + min(max(ms, 0), LONGEST_WAIT_MS))

    def _retry_after(self, heard: Incoming) -> int:
        told = next((value for key, value in heard.headers.items() if key.lower() == "retry-after"), "").strip()
        if told.isascii() and told.isdigit() and len(told) < 9:
            return int(told) * 1000
        try:
            return max(0, int(email.utils.parsedate_to_datetime(told).timestamp() * 1000) - self.now())
        except (ValueError, TypeError, OverflowError, IndexError):
            pass
        until = re.search(rb"until (\d{13})\b", heard.body[:1000])
        return max(0, int(until[1]) - self.now()) if until else 0

    # -- words

    def redacted(self, words: str) -> str:
        """One line without keys, signatures, tokens or query strings."""
        for secret in self._secrets:
            words = words.replace(secret, "***")
        words = _SECRETS.sub("***", _QUERY.sub("?***", words))
        return "".join(c for c in " ".join(words.split()) if c.isprintable())[:WORDS]

    def unwritable(self, request: Request) -> Refused | None:
        """The refusal of a request that must not go out: no number, no id, or off the market's grid where that is known.

        Venues refuse a quantity off the grid or, worse, round it; nothing here rounds.
        """
        values = [v for v in (request.qty, request.limit, request.stop) if v is not None]
        if not (_ID.fullmatch(request.client_id) and _SPOT.fullmatch(request.symbol)):
            return Refused("unsent", "no client id, or no spot market such as BTC/USD", "unsent")
        if not all(v.is_finite() and 0 < v < BIGGEST for v in values):
            return Refused("unsent", "a quantity or price that is no number above 0", "unsent")
        rules = self.rules.get(request.symbol)
        if rules and (request.qty % rules.lot or any(price % rules.tick for price in values[1:])):
            return Refused("unsent", f"quantity or price is no multiple of {rules.lot} or {rules.tick}", "filter")
        return None

    def unsent(self, answer: Answer) -> Refused | None:
        """The refusal of a request that never left, or None where it did."""
        if answer.sent:
            return None
        return Refused("unsent", answer.why, "rate" if answer.wait_ms else "unsent")

    def close(self) -> None:
        self.wire.close()


_MUTE = logging.getLogger("evenkeel.ccxt.mute")
_MUTE.disabled = True


def _spellings(keys: Keys) -> tuple[str, ...]:
    """A key and secret as they may turn up in a text: as they are, quoted for an address, with their line breaks escaped."""
    found = {spelling for s in (keys.key, keys.secret) for spelling in (s, quote(s, safe=""), s.replace("\n", "\\n"))}
    found |= {line for line in keys.secret.splitlines() if len(line) >= 16}
    return tuple(sorted((s for s in found if len(s) >= 4), key=len, reverse=True))


def _aim(made: Any, base_url: str) -> None:
    """Points every REST address at `base_url`, keeping paths. Plain http only to this machine: requests are signed."""
    where = urlparse(base_url)
    if where.scheme != "https" and where.hostname not in _LOOPBACK:
        raise ValueError(f"{base_url}: signed requests go over https, or to this machine; write an https address")

    def moved(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: moved(each) for key, each in value.items()}
        return base_url + urlparse(str(value)).path.rstrip("/")

    api = made.urls["api"]
    made.urls["api"] = moved(api) if isinstance(api, dict) else base_url
