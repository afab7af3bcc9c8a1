"""An exchange in memory, in the port's own words, with the faults that real ones have. Its clock is whoever's `now` it is told.

Client ids are unique among open orders only, requests after their expiry are refused, what happened is visible in lists and
look-ups only after a while: nothing here helps whoever would send an order twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from random import Random
from typing import Any

from engine.venues.port import (
    Accepted,
    Balance,
    Clock,
    Fees,
    Flow,
    NativeStop,
    NotFound,
    Permissions,
    Placed,
    Refused,
    Request,
    Rules,
    Seen,
    State,
    Trade,
    Unknown,
)

FEE = Decimal("0.001")
CENT = Decimal("0.01")


@dataclass
class Order:
    request: Request
    venue_id: str
    ts: int
    state: State = "open"
    filled: Decimal = Decimal(0)
    triggered: bool = False
    visible_ts: int = 0
    changed: int = 0
    cost: Decimal = Decimal(0)


@dataclass
class Faults:
    """Chances, each a request: the request is lost, its answer is, it comes late, it is refused; a question is not answered.
    `pieces` most of a market order's, `lag_ms` until lists know, `thin` the chance that a triggered stop finds nobody."""

    lost: float = 0.0
    answer: float = 0.0
    late: float = 0.0
    refused: float = 0.0
    silent: float = 0.0
    thin: float = 0.0
    pieces: int = 1
    lag_ms: int = 0


@dataclass
class MemoryPort:
    """A Port. `now_ms`, `price` and `faults` are set from outside; `advance` lets time do what it does."""

    seed: int = 0
    name: str = "memory"
    expiry_ms: int = 5_000
    native_stop: NativeStop = "stop"
    base: Decimal = Decimal(0)
    quote: Decimal = Decimal(50_000)
    now_ms: int = 0
    price: dict[str, Decimal] = field(default_factory=dict)
    faults: Faults = field(default_factory=Faults)
    orders: dict[str, Order] = field(default_factory=dict)
    executed: list[tuple[int, Trade]] = field(default_factory=list)
    came: list[tuple[int, Request]] = field(default_factory=list)
    under_way: list[tuple[int, Request]] = field(default_factory=list)
    moved: list[Flow] = field(default_factory=list)
    cancels: list[str] = field(default_factory=list)
    asked: dict[str, int] = field(default_factory=dict)
    down: bool = False
    hold: bool = False  # market orders rest unfilled
    script: list[str] = field(default_factory=list)
    """What the next orders meet: lost, answer, late, refused or ok; the dice decide when it is empty."""

    def __post_init__(self) -> None:
        self.dice = Random(self.seed)

    # ---- orders ------------------------------------------------------------------------------------------------------------
    def place(self, request: Request) -> Placed:
        self.came.append((self.now_ms, request))
        fate = self._fate()
        if fate == "lost" or self.down:
            return Unknown("the connection was reset")
        if fate == "late":
            self.under_way.append((self.now_ms + self.dice.randint(500, 20_000), request))
            return Unknown("no answer in time")
        if fate == "refused":
            return Refused("INSUFFICIENT_FUND", "insufficient funds", "funds")
        answer = self._take(request)
        return Unknown("the answer was lost") if fate == "answer" else answer

    def _fate(self) -> str:
        if self.script:
            return self.script.pop(0)
        roll, faults = self.dice.random(), self.faults
        for name in ("lost", "answer", "late", "refused"):
            roll -= getattr(faults, name)
            if roll < 0:
                return name
        return "ok"

    def _take(self, request: Request) -> Placed:
        if request.expires_ts and self.now_ms > request.expires_ts:
            return Refused("-1021", "outside of the recvWindow", "expired")
        if any(o.request.client_id == request.client_id and o.state == "open" for o in self.orders.values()):
            return Refused("-2010", "Duplicate order sent.", "duplicate")
        if request.side == "sell" and request.qty > self.base - self._held():
            return Refused("INSUFFICIENT_FUND", "insufficient funds", "funds")
        number = f"v{len(self.orders) + 1}"
        order = Order(request, number, self.now_ms, visible_ts=self.now_ms + self._lag())
        self.orders[number] = order
        price = self.price[request.symbol]
        if request.kind == "market" and request.limit is not None and not self.hold:
            beyond = price > request.limit if request.side == "buy" else price < request.limit
            if beyond:
                order.state = "cancelled"  # immediate or cancel
                return Accepted(number, self.now_ms)
        if request.kind == "market" and not self.hold:
            self._execute(order, self.price[request.symbol], self.dice.randint(1, self.faults.pieces))
        return Accepted(number, self.now_ms)

    def _held(self) -> Decimal:
        resting = [o for o in self.orders.values() if o.state == "open" and o.request.side == "sell"]
        return sum((o.request.qty - o.filled for o in resting), Decimal(0))

    def _lag(self) -> int:
        return self.dice.randint(0, self.faults.lag_ms)

    def _execute(self, order: Order, price: Decimal, pieces: int = 1) -> None:
        request = order.request
        left = request.qty - order.filled
        step = Decimal("0.000001")
        for n in range(pieces):
            part = left if n == pieces - 1 else (left / 2 / step).to_integral_value() * step
            if part > 0:
                self.fill(order, part, price)
                left -= part
        order.state = "filled"

    def fill(self, order: Order, qty: Decimal, price: Decimal) -> None:
        """One execution, whatever the order's state says."""
        request = order.request
        buy = request.side == "buy"
        fee = (qty * price * FEE).quantize(Decimal("1e-8"))
        self.base += qty if buy else -qty
        self.quote -= qty * price + fee if buy else fee - qty * price
        order.filled += qty
        order.cost += qty * price
        order.changed = self.now_ms
        trade = Trade(
            f"t{len(self.executed) + 1}", order.venue_id, self._told(order), request.symbol, request.side, qty, price, fee,
            "USD", False, self.now_ms,
        )  # fmt: skip
        self.executed.append((self.now_ms + self._lag(), trade))

    def _told(self, order: Order) -> str:
        """Some venues tell our id with a trade, some do not."""
        return order.request.client_id if self.seed % 2 else ""

    def advance(self, now: int) -> None:
        """Time goes on to `now`: what was late arrives, stops meet the price, limits too."""
        self.now_ms = now
        arrived = [one for one in self.under_way if one[0] <= now]
        self.under_way = [one for one in self.under_way if one[0] > now]
        for _, request in arrived:
            self._take(request)
        for order in list(self.orders.values()):
            if order.state == "open" and not self.hold:
                self._meet(order)

    def _meet(self, order: Order) -> None:
        request, price = order.request, self.price[order.request.symbol]
        sells = request.side == "sell"
        if request.stop is not None and not order.triggered:
            order.triggered = price <= request.stop if sells else price >= request.stop
            if not order.triggered or self.dice.random() < self.faults.thin:
                return
        elif request.stop is not None and self.dice.random() < self.faults.thin:
            return
        if request.limit is not None and (price < request.limit if sells else price > request.limit):
            return
        self._execute(order, price, self.dice.randint(1, self.faults.pieces))

    def cancel(self, symbol: str, client_id: str, venue_id: str) -> Placed:
        self.cancels.append(client_id)
        if self._silent():
            return Unknown("no answer")
        order = self._find(client_id, venue_id)
        if order is None or order.state != "open":
            return Refused("-2011", "Unknown order sent.", "unknown_order")
        order.state = "cancelled"
        return Unknown("the answer was lost") if self._silent() else Accepted(order.venue_id, self.now_ms)

    def _silent(self) -> bool:
        return self.down or self.dice.random() < self.faults.silent

    def _find(self, client_id: str, venue_id: str) -> Order | None:
        for order in reversed(list(self.orders.values())):
            if order.venue_id == venue_id or (not venue_id and order.request.client_id == client_id):
                return order
        return None

    # ---- questions ---------------------------------------------------------------------------------------------------------
    def look_up(self, symbol: str, client_id: str, venue_id: str, since: int = 0) -> Seen | NotFound | Unknown:
        self.asked[client_id] = self.asked.get(client_id, 0) + 1
        if self._silent():
            return Unknown("no answer")
        order = self._find(client_id, venue_id)
        if order is None or order.visible_ts > self.now_ms:
            return NotFound()
        return self._seen(order)

    def _seen(self, order: Order) -> Seen:
        request = order.request
        return Seen(
            request.client_id, order.venue_id, request.symbol, request.side, order.state, request.qty, order.filled, order.ts,
            order.triggered, order.cost,
        )  # fmt: skip

    def open_orders(self, symbols: Sequence[str]) -> list[Seen] | Unknown:
        if self._silent():
            return Unknown("no answer")
        return [self._seen(o) for o in self.orders.values() if o.state == "open" and o.visible_ts <= self.now_ms]

    def orders_since(self, symbol: str, ts: int) -> list[Seen] | Unknown:
        if self._silent():
            return Unknown("no answer")
        return [self._seen(o) for o in self.orders.values() if o.ts >= ts and o.visible_ts <= self.now_ms]

    def trades_since(self, symbol: str, ts: int) -> list[Trade] | Unknown:
        if self._silent():
            return Unknown("no answer")
        return [one for seen, one in self.executed if one.ts >= ts and seen <= self.now_ms and one.symbol == symbol]

    def balances(self) -> dict[str, Balance] | Unknown:
        if self._silent():
            return Unknown("no answer")
        return {"BTC": Balance(self.base - self._held(), self.base), "USD": Balance(self.quote, self.quote)}

    def flows_since(self, ts: int, currencies: Sequence[str] = ()) -> list[Flow] | Unknown:
        return Unknown("no answer") if self._silent() else [one for one in self.moved if one.ts >= ts]

    def rules(self, symbol: str) -> Rules | NotFound | Unknown:
        step = Decimal("0.000001")
        return Rules(symbol, "BTC", "USD", CENT, step, step, Decimal(0), Decimal(1), True)

    def fees(self, symbol: str) -> Fees | Unknown:
        return Fees(FEE, FEE)

    def permissions(self) -> Permissions | Unknown:
        return Permissions(False, True, True)

    def sync(self) -> Clock | Unknown:
        return Unknown("the connection was reset") if self.down else Clock(0, 20)

    def now(self) -> int:
        return self.now_ms

    def close(self) -> None: ...

    def facts(self) -> dict[str, Any]:
        """What is true there, for whoever compares."""
        return {
            "base": self.base,
            "trades": {one.trade_id for _, one in self.executed},
            "open": {o.request.client_id for o in self.orders.values() if o.state == "open"},
        }
