"""One exchange without a tongue: judges orders, holds funds, keeps the queue of what is to happen, and its own time.

Time comes in from outside and only goes forward: `advance(now)` lets happen what lies between, in order of time, so what
an order meets does not depend on who asked when. What fills when is in `matching`.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from engine.sandbox.trading.books import Books
from engine.sandbox.trading.orders import Orders
from engine.sandbox.trading.prices import Prices, Standing
from engine.sandbox.trading.terms import Ask, Instrument, Order, Refusal, State, Transfer, uuid

MARGIN = 50
"""A stop order to buy holds 1/50 more than it would cost at its stop."""
MILLION = 1_000_000


@dataclass(frozen=True)
class Rules:
    """Where exchanges differ. Fee rates in millionths.

    `fee_on`: the quote currency, on top of the price (Coinbase), or whatever is received, cut to `fee_digits` (Binance).
    `ids`: a client id must be new among open orders, or for ever. `stops`: kinds it knows.
    """

    maker: int
    taker: int
    fee_on: Literal["quote", "received"]
    fee_digits: int
    ids: Literal["open", "ever"]
    kinds: tuple[str, ...]


class Venue:
    """The exchange's state. Not thread-safe."""

    def __init__(
        self, name: str, instruments: Iterable[Instrument], prices: Prices, rules: Rules, seed: int = 0
    ) -> None:
        self.name, self.prices, self.rules, self.seed = name, prices, rules, seed
        self.instruments = {one.name: one for one in instruments}
        self.maker, self.taker = rules.maker, rules.taker
        self.fee_coin = ""  # fees are paid in it while there is any
        self.books, self.orders = Books(), Orders()
        self.transfers: list[Transfer] = []
        self.now = 0
        self.gate: Callable[[Ask], None] = _nothing
        self.on_take: Callable[[Order], None] = _nothing
        self.on_close: Callable[[Order], None] = _nothing
        self._queue: list[tuple[int, int, Callable[[int], None]]] = []
        self._queued = 0
        for one in self.instruments.values():
            self.books.open(one.base)
            self.books.open(one.quote)

    # --- time --------------------------------------------------------------------------------------------------------

    def at(self, ts: int, what: Callable[[int], None]) -> None:
        """Calls `what(ts)` when time gets there."""
        self._queued += 1
        heapq.heappush(self._queue, (max(ts, self.now), self._queued, what))

    def next_event(self) -> int | None:
        """When the next thing in the queue is due."""
        return self._queue[0][0] if self._queue else None

    def due(self, ts: int) -> None:
        """Runs what is due at `ts`, and what that puts into the queue for the same moment."""
        self.now = max(self.now, ts)
        while self._queue and self._queue[0][0] <= ts:
            at, _, what = heapq.heappop(self._queue)
            what(at)

    # --- what matching and the tongues use ---------------------------------------------------------------------------

    def standing(self, instrument: Instrument, ts: int) -> Standing:
        found = self.prices.standing(instrument.product, ts)
        if found is None:
            raise Refusal("halted", f"{instrument.name} has no price yet")
        return found

    def take(self, ask: Ask) -> Order:
        """Judges an order, holds what it may cost and lists it; filling is not done here. Refusal says why not."""
        self._judge(ask)
        self.gate(ask)
        number = len(self.orders.all) + 1
        order = Order(number, uuid(self.name, self.seed, "order", number), ask, self.now)
        asset, amount = self._needed(ask)
        self.books.move(self.now, asset, "free", "held", amount, f"hold {number}")
        order.hold = amount
        self.orders.add(order)
        if ask.life == "GTD":
            self.at(ask.end, lambda ts: self.close(order, "expired", ts))
        self.on_take(order)
        return order

    def close(self, order: Order, state: State, ts: int, why: str = "") -> None:
        """Ends an open order and frees what is left of its hold; nothing happens to one that is closed."""
        if order.state != "open":
            return
        order.state, order.closed, order.why = state, ts, why
        self.release(order, order.hold, ts)
        self.orders.open.pop(order.number, None)
        self.on_close(order)

    def release(self, order: Order, amount: int, ts: int) -> None:
        asset = order.instrument.quote if order.ask.side > 0 else order.instrument.base
        self.books.move(ts, asset, "held", "free", amount, f"release {order.number}")
        order.hold -= amount

    def transfer(self, asset: str, amount: int, ts: int) -> Transfer:
        """Atoms in (> 0) or out (< 0), as the person does it. Refusal(`funds`) when there is not so much."""
        self.books.open(asset)
        if amount >= 0:
            self.books.move(ts, asset, "outside", "free", amount, "deposit")
        else:
            self.books.move(ts, asset, "free", "outside", -amount, "withdrawal")
        made = Transfer(len(self.transfers) + 1, asset, amount, ts)
        self.transfers.append(made)
        return made

    # --- judging -----------------------------------------------------------------------------------------------------

    def _judge(self, ask: Ask) -> None:
        one, standing = ask.instrument, self.standing(ask.instrument, self.now)
        if ask.kind not in self.rules.kinds:
            raise Refusal("kind", f"{ask.kind} orders are not taken here")
        known = self.orders.by_client(ask.client_id)
        if any(self.rules.ids == "ever" or order.state == "open" for order in known):
            raise Refusal("duplicate", "the client id is in use")
        if not ask.spend and not one.least <= ask.lots <= one.most:
            raise Refusal("size", f"quantity {one.size_text(ask.lots)} is out of bounds")
        if ask.lots % one.step:
            raise Refusal("size", f"quantity {one.size_text(ask.lots)} is off the grid")
        price = ask.limit or ask.stop or standing.price
        if (ask.spend or one.value(price, ask.lots)) < one.least_notional:
            raise Refusal("notional", "the order is worth less than the minimum")
        if ask.stop and (standing.price >= ask.stop if ask.stop_up else standing.price <= ask.stop):
            raise Refusal("stop", "the stop would trigger at once")
        if ask.post_only and crosses(ask, standing):
            raise Refusal("post_only", "the order would take")

    def _needed(self, ask: Ask) -> tuple[str, int]:
        """What an order must have free: (asset, atoms)."""
        one = ask.instrument
        if ask.side < 0:
            return one.base, one.coins(ask.lots)
        if ask.spend:
            return one.quote, ask.spend
        price = ask.limit
        if not price:
            price = ask.stop or self.standing(one, self.now).ask
            price += price // MARGIN + 1 if ask.stop else 0
        value = one.value(price, ask.lots)
        fee = -(-value * self.taker // MILLION) if self.rules.fee_on == "quote" else 0
        return one.quote, value + fee


def _nothing(_what: object) -> None:
    """Nobody listens."""


def crosses(ask: Ask, standing: Standing) -> bool:
    """Whether an order with a limit, or none, trades against the quote at once."""
    if not ask.limit:
        return True
    return ask.limit >= standing.ask if ask.side > 0 else ask.limit <= standing.bid
