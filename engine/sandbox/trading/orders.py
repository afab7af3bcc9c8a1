"""What was asked and what became of it: every order and fill ever, found by any of their names, told as of any moment."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from operator import attrgetter
from typing import NamedTuple

from engine.sandbox.trading.terms import Fill, Order, State


class Seen(NamedTuple):
    """An order as of a moment. `value` and the fills' fees in atoms, `updated` ms UTC."""

    order: Order
    state: State
    filled: int
    value: int
    fills: list[Fill]
    updated: int
    triggered: bool


_created: Callable[[Order], int] = attrgetter("created")
_filled: Callable[[Fill], int] = attrgetter("ts")


class Orders:
    """The store; nothing is ever forgotten."""

    def __init__(self) -> None:
        self.all: list[Order] = []
        self.fills: list[Fill] = []
        self.open: dict[int, Order] = {}
        self._by_id: dict[str, Order] = {}
        self._by_client: dict[str, list[Order]] = defaultdict(list)
        self._by_market: dict[str, list[Order]] = defaultdict(list)
        self._market_fills: dict[str, list[Fill]] = defaultdict(list)

    def add(self, order: Order) -> None:
        self.all.append(order)
        self.open[order.number] = order
        self._by_id[order.id] = order
        self._by_client[order.ask.client_id].append(order)
        self._by_market[order.instrument.name].append(order)

    def add_fill(self, fill: Fill) -> None:
        self.fills.append(fill)
        self._market_fills[fill.order.instrument.name].append(fill)

    def by_id(self, order_id: str) -> Order | None:
        return self._by_id.get(order_id)

    def by_client(self, client_id: str) -> list[Order]:
        """Every order that carried the id, oldest first."""
        return self._by_client.get(client_id, [])

    def in_market(self, name: str, since: int = 0) -> list[Order]:
        """Every order of a market made at or after `since`, oldest first; of all markets without a name."""
        found = self._by_market.get(name, []) if name else self.all
        return found[bisect_left(found, since, key=_created) :] if since > 0 else found

    def fills_in(self, name: str = "", since: int = 0) -> list[Fill]:
        """Every fill of a market at or after `since`, oldest first; of all markets without a name."""
        found = self._market_fills[name] if name else self.fills
        return found[bisect_left(found, since, key=_filled) :] if since > 0 else found


def seen(order: Order, at: int, now: int) -> Seen | None:
    """The order as of `at` <= `now`; None where it is not known then, or kept out of sight."""
    if order.created > at or (order.closed and order.closed <= at and now < order.unseen_until):
        return None
    fills = order.fills
    if fills and fills[-1].ts > at:
        fills = [fill for fill in fills if fill.ts <= at]
    closed = 0 < order.closed <= at
    updated = max(order.created, order.closed if closed else 0, fills[-1].ts if fills else 0)
    filled = order.filled if fills is order.fills else sum(fill.lots for fill in fills)
    value = sum(fill.value for fill in fills)
    return Seen(order, order.state if closed else "open", filled, value, fills, updated, 0 < order.triggered <= at)


def shown(orders: Iterable[Order], at: int, now: int) -> Iterator[Seen]:
    """Those of them that are known as of `at`."""
    for order in orders:
        found = seen(order, at, now)
        if found is not None:
            yield found
