"""Exchanges to try an adapter on: the sandbox's, in this process, one for each adapter, with a network that misbehaves.

A new venue gets a `Spec` here; the conformance pack then runs on it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from engine.sandbox.trading import opening
from engine.sandbox.trading.prices import SetPrices
from engine.sandbox.trading.view import View
from engine.sandbox.trading.wire import NO_ANSWER
from engine.venues import adapters
from engine.venues.adapters._wire import Incoming, NoAnswer, Outgoing
from engine.venues.port import Accepted, Kind, Port, Request, Seen, Side, Trade

START = 1_767_607_200_000
"""2026-01-05 10:00 UTC."""
BID, ASK = Decimal("64000.00"), Decimal("64002.00")


@dataclass(frozen=True)
class Spec:
    """What differs between venues when they are tried. `reuse`: what an id used by an ended order leads to."""

    open: Callable[..., Any]
    symbol: str
    money: str
    reuse: str
    fee_on_buys: str


SPECS: dict[str, Spec] = {"binance": Spec(opening.open_binance, "BTC/USDT", "USDT", "a new order", "BTC")}
if hasattr(opening, "open_coinbase"):
    SPECS["coinbase"] = Spec(opening.open_coinbase, "BTC/USD", "USD", "the old order", "USD")


class Bench:
    """An exchange with one account (10,000 of money, 1 BTC), a port on it, and a hand on time, prices and the
    network. `key`: which of the exchange's demo keys.
    """

    def __init__(
        self,
        venue: str,
        restarts: bool = False,
        key: int = 0,
        start: int = START,
        begin: Mapping[str, str] | None = None,
    ) -> None:
        self.venue, self.spec = venue, SPECS[venue]
        self.symbol = self.spec.symbol
        self.market = self.symbol.replace("/", "-" if venue == "coinbase" else "")
        self.prices = SetPrices()
        self.now = start
        self.price(BID, ASK)
        begin = begin or {self.spec.money: "10000", "BTC": "1"}
        self.opened = self.spec.open(self.prices, balances=begin, start=start)
        self.asked: list[str] = []
        self.next: list[str] = []
        self.held_back: list[tuple[Any, ...]] = []
        self.key, self.restarts = self.opened.keys[key], restarts
        self._port = self._made()
        self._ids = 0

    def _made(self) -> Port:
        secret = self.key.secret.replace("\n", "\\n")  # as a PEM stands on one line of .env
        return adapters.make(
            self.venue, self.key.name, secret, transport=self.transport, clock=lambda: self.now, steady=lambda: self.now
        )

    @property
    def port(self) -> Port:
        """The adapter; with `restarts` a new one each time, as if the process had ended between any two calls."""
        if self.restarts:
            self._port = self._made()
        return self._port

    # -- the network

    def transport(self, out: Outgoing) -> Incoming:
        """What a request meets is next in `next`: `lost`, `answer lost`, `late` (until `deliver`), `twice`, `no id`, `half`,
        `html`, a status (`429`, `418`, `503`) instead of the exchange; else nothing.
        """
        split = urlsplit(out.url)
        self.asked.append(f"{out.method} {split.path}")
        head = {**out.headers, "Host": split.netloc}
        whole = (out.method, split.path, split.query, head, out.body)
        fate = self.next.pop(0) if self.next else ""
        if fate in ("lost", "late"):
            if fate == "late":
                self.held_back.append(whole)
            raise NoAnswer("read timed out")
        if fate.isdigit():
            return Incoming(int(fate), {"Retry-After": "7"} if fate != "503" else {}, b"<html>Try later</html>")
        if fate == "twice":
            self.opened.door.handle(*whole, self.now)
        status, headers, body = self.opened.door.handle(*whole, self.now)
        if fate == "answer lost" or status == NO_ANSWER:
            raise NoAnswer("read timed out")
        return Incoming(status, headers, _spoilt(body, fate))

    def deliver(self) -> list[int]:
        """What was late arrives now; the statuses nobody hears."""
        late, self.held_back = self.held_back, []
        return [self.opened.door.handle(*whole, self.now)[0] for whole in late]

    # -- the market

    def price(self, bid: Decimal, ask: Decimal, at: Decimal | None = None) -> None:
        """A print at `at` (the middle) that leaves this quote, now."""
        self.prices.set("BTC-USD", int(bid * 100), int(ask * 100), self.now, None if at is None else int(at * 100))

    def drop_to(self, price: str) -> None:
        self.price(Decimal(price) - 1, Decimal(price) + 1, Decimal(price))

    def wait(self, ms: int) -> None:
        self.now += ms

    def lag(self, ms: int) -> None:
        """Lists and look-ups are that much behind from here on."""
        for part in _reachable(self.opened.door, View):
            part.lag = lambda _what: ms

    # -- orders

    def order(self, side: Side = "sell", qty: str = "0.01", kind: Kind = "limit", **more: Any) -> Request:
        """A new request with an id of its own; a limit that rests unless `limit` says otherwise."""
        self._ids += 1
        rest = {"sell": Decimal("70000"), "buy": Decimal("60000")}[side]
        limit = {"limit": rest} if kind == "limit" else {}
        expires = self.port.now() + self.port.expiry_ms if self.port.expiry_ms else 0
        given = {"client_id": f"{self._ids:032x}", "expires_ts": expires, **limit, **more}
        return Request(symbol=self.symbol, side=side, qty=Decimal(qty), kind=kind, **given)

    def place(self, request: Request) -> Accepted:
        told = self.port.place(request)
        assert isinstance(told, Accepted), told
        return told

    def seen(self, request: Request, venue_id: str = "") -> Seen:
        told = self.port.look_up(self.symbol, request.client_id, venue_id)
        assert isinstance(told, Seen), told
        return told

    def trades(self) -> list[Trade]:
        told = self.port.trades_since(self.symbol, START - 1000)
        assert isinstance(told, list), told
        return told

    def truth(self) -> list[Any]:
        """Every order the exchange has taken, from behind."""
        return self.opened.venue.orders.all  # type: ignore[no-any-return]


def _spoilt(body: bytes, fate: str) -> bytes:
    if fate == "no id":
        return re.sub(rb'("order_?[iI]d"): ?("[^"]*"|\d+)', rb"\1:null", body)
    if fate == "half":
        return body[: len(body) // 2]
    return b"<html><body>Welcome</body></html>" if fate == "html" else body


def _reachable(root: Any, kind: type) -> Iterator[Any]:
    """Parts of that kind inside an object of the sandbox."""
    seen: set[int] = set()
    waiting = [root]
    while waiting:
        at = waiting.pop()
        if id(at) in seen or not hasattr(at, "__dict__"):
            continue
        seen.add(id(at))
        if isinstance(at, kind):
            yield at
        waiting += [v for v in vars(at).values() if type(v).__module__.startswith("engine.sandbox")]
