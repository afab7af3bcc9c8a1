"""One exchange's REST side: one HTTP session, one market list, one queue for its rate limit, and retries that wait.

Every request of this process to an exchange goes through here. ccxt is loaded on first use (it takes most of a second).
Numbers come back as the text the exchange sent, so that prices stay exact.
"""

from __future__ import annotations

import difflib
import random
import threading
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlparse

from engine.access.outbound import Forbidden, current
from engine.access.outbound_http import guard
from engine.market.backoff import Backoff
from engine.market.symbols import canonical

TRIES = 6
TIMEOUT_MS = 10_000


class VenueError(Exception):
    """An exchange refused, or there is no such thing; the text says what to do."""


class VenueUnreachable(VenueError):
    """The exchange did not answer after all tries; worth trying again later."""


class UnknownSymbol(VenueError):
    """The exchange does not list the symbol."""


class Venue:
    """A ccxt exchange behind one lock (its limiter has none), safe to call from any thread.

    `base_url` aims at a server that speaks this exchange's REST protocol; `pace` is the speed of its time, by which
    waits shrink.
    """

    def __init__(
        self,
        exchange_id: str,
        base_url: str = "",
        *,
        pace: float = 1.0,
        tries: int = TRIES,
        rng: random.Random | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.exchange_id, self.base_url, self.pace, self.tries = exchange_id.lower(), base_url.rstrip("/"), pace, tries
        self.retries = 0
        self._lock = threading.RLock()
        self._rng, self._sleep = rng, sleep
        self._made: Any = None
        self._markets: dict[str, dict[str, Any]] | None = None

    @property
    def ccxt(self) -> Any:
        """The exchange object; loads ccxt when first asked for."""
        with self._lock:
            if self._made is None:
                self._made = _make(self.exchange_id, self.base_url)
                if self.pace > 1:
                    self._made.rateLimit = self._made.rateLimit / self.pace
            return self._made

    def has(self, capability: str) -> bool:
        return bool(self.ccxt.has.get(capability))

    def call(self, method: str, *args: Any, **kwargs: Any) -> Any:
        """Calls a ccxt method; network faults, 429 and 5xx are tried again with full jitter. VenueError for the rest.

        Only for requests that may be repeated: nothing that sends an order goes through here.
        """
        import ccxt

        backoff = Backoff(self.pace, self._rng)
        for attempt in range(1, self.tries + 1):
            try:
                with self._lock:
                    return getattr(self.ccxt, method)(*args, **kwargs)
            except ccxt.BadSymbol as error:
                raise UnknownSymbol(f"{self.exchange_id}: {_words(error)}") from error
            except (ccxt.OperationFailed, ccxt.BadResponse) as error:
                if attempt == self.tries:
                    raise VenueUnreachable(self._unreachable(error)) from error
            except Forbidden as error:
                raise VenueError(f"{self.exchange_id}: {error}") from None
            except ccxt.BaseError as error:
                raise VenueError(f"{self.exchange_id} refused {method}: {_words(error)}") from error
            self.retries += 1
            self._sleep(backoff.next())
        raise AssertionError("unreachable")

    def markets(self) -> dict[str, dict[str, Any]]:
        """ccxt's markets by canonical symbol, asked once and kept."""
        with self._lock:
            if self._markets is None:
                self._markets = self.call("load_markets")
            return self._markets

    def market(self, symbol: str) -> dict[str, Any]:
        """One market by any spelling; UnknownSymbol names the nearest ones."""
        name = canonical(symbol)
        markets = self.markets()
        if name in markets:
            return markets[name]
        base = name.partition("/")[0]
        near = [m for m in markets if m.startswith(base + "/")][:5] or difflib.get_close_matches(name, markets, 5)
        hint = f"; it lists {', '.join(near)}" if near else ""
        raise UnknownSymbol(f"{self.exchange_id} does not list {name}{hint}")

    def now(self) -> int:
        """The exchange's time in ms UTC where it tells it, else this machine's."""
        told = self.call("fetch_time", *_time_params(self.exchange_id)) if self.has("fetchTime") else None
        return int(told) if told else int(time.time() * 1000)

    def _unreachable(self, error: Exception) -> str:
        where = self.base_url or self.exchange_id
        return (
            f"{where} did not answer after {self.tries} tries ({_words(error)}); check the network, the address and the "
            "exchange's status page, then try again"
        )


_venues: dict[tuple[str, str, float], Venue] = {}
_venues_lock = threading.Lock()


def open_venue(exchange_id: str, base_url: str = "", pace: float = 1.0) -> Venue:
    """This process's one Venue for an exchange and address."""
    key = (exchange_id.lower(), base_url.rstrip("/"), pace)
    with _venues_lock:
        if key not in _venues:
            _venues[key] = Venue(exchange_id, base_url, pace=pace)
        return _venues[key]


def _time_params(exchange_id: str) -> tuple[dict[str, str], ...]:
    # Coinbase tells its time on two hosts' worth of paths; the one of the trading API is the one we speak anyway.
    return ({"method": "v3PublicGetBrokerageTime"},) if exchange_id == "coinbase" else ()


def _words(error: Exception) -> str:
    """A ccxt error on one line, short enough to show."""
    return " ".join(str(error).split())[:240] or type(error).__name__


def _make(exchange_id: str, base_url: str) -> Any:
    import ccxt

    if exchange_id not in ccxt.exchanges:
        near = difflib.get_close_matches(exchange_id, ccxt.exchanges, 3)
        hint = (
            f"did you mean {' or '.join(near)}?" if near else "write its name as ccxt does, such as coinbase or kraken"
        )
        raise VenueError(f"exchange {exchange_id!r} is not one of ccxt's {len(ccxt.exchanges)}; {hint}")
    options: dict[str, Any] = {"enableRateLimit": True, "timeout": TIMEOUT_MS}
    if exchange_id == "binance":
        options["options"] = {"fetchMarkets": {"types": ["spot"]}, "fetchCurrencies": False, "fetchMargins": False}
    made = _with_statuses(getattr(ccxt, exchange_id))(options)
    made.number = str
    if base_url:
        _aim(made, base_url)
        guard(made.session, current().with_sandbox(base_url))
    return made


def _with_statuses(cls: Any) -> Any:
    """The class with HTTP statuses read before the body: some venues' errors in JSON hide a 429 or 503 as a plain
    refusal.
    """
    import ccxt

    class Mapped(cls):  # type: ignore[misc]
        def handle_errors(
            self, code: int, reason: str, url: str, method: str, headers: Any, body: str, *rest: Any
        ) -> Any:
            if code in (418, 429):
                raise ccxt.RateLimitExceeded(f"HTTP {code} {reason}")
            if code >= 500:
                raise ccxt.ExchangeNotAvailable(f"HTTP {code} {reason}")
            if code in (401, 403):
                raise ccxt.AuthenticationError(f"HTTP {code} {reason}")
            return super().handle_errors(code, reason, url, method, headers, body, *rest)

    Mapped.__name__ = cls.__name__
    return Mapped


def _aim(made: Any, base_url: str) -> None:
    """Points every REST address of the exchange at `base_url`, keeping paths that are not the exchange's root."""

    def moved(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: moved(inner) for key, inner in value.items()}
        path = urlparse(str(value)).path.rstrip("/")
        return base_url + path

    api = made.urls["api"]
    made.urls["api"] = moved(api) if isinstance(api, dict) else base_url
