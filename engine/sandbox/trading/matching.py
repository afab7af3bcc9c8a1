"""What fills, when and at which price: market orders and crossing limits take the quote, resting limits are met by the
prints that reach them, stops wake at the print that touches them.

There is no depth: whoever takes gets all of it at the quote, and a print that reaches a limit fills it whole, unless
a fault cuts a fill into pieces.
"""

from __future__ import annotations

from collections.abc import Callable

from engine.sandbox.trading.books import Account
from engine.sandbox.trading.orders import Orders
from engine.sandbox.trading.prices import Standing
from engine.sandbox.trading.terms import DIGITS, Ask, Fill, Instrument, Order, Refusal
from engine.sandbox.trading.venue import MILLION, Venue, crosses

Cut = Callable[[Order, int], tuple[list[int], int, bool]]
"""How so many lots are filled: the pieces, ms between them, and whether the last pieces never come."""


def whole(_order: Order, lots: int) -> tuple[list[int], int, bool]:
    return [lots], 0, False


class Matching:
    """Orders against the market."""

    def __init__(self, venue: Venue, cut: Cut = whole) -> None:
        self.venue, self.cut = venue, cut
        self.before_cancel: Callable[[Order, int], None] = lambda _order, _ts: None

    @property
    def orders(self) -> Orders:
        return self.venue.orders

    # --- time --------------------------------------------------------------------------------------------------------

    def advance(self, now: int) -> None:
        """Lets happen what happens up to and including `now`. An earlier time changes nothing."""
        venue = self.venue
        while True:
            due = venue.next_event()
            if venue.now >= now and (due is None or due > now):
                return
            until = now if due is None else min(now, due)
            hits = self._hits(venue.now, until) if venue.orders.open and until > venue.now else []
            for ts, order, price in hits:
                venue.now = ts
                self._meet(order, ts, price)
            if not hits:
                venue.due(until)

    def _hits(self, after: int, until: int) -> list[tuple[int, Order, int]]:
        """What the first print in (after, until] that means anything to an open order means: (ts, order, price)."""
        found: list[tuple[int, Order, int]] = []
        first = until
        for order in self.orders.open.values():
            ask = order.ask
            if order.pending or not (order.resting or (ask.stop and not order.triggered)):
                continue
            level, up = (ask.limit, ask.side < 0) if order.resting else (ask.stop, ask.stop_up)
            hit = self.venue.prices.reached(ask.instrument.product, after, first, level, up)
            if hit is not None:
                first = hit[0]
                found.append((hit[0], order, hit[1]))
        return [hit for hit in found if hit[0] == first]

    # --- orders ------------------------------------------------------------------------------------------------------

    def place(self, ask: Ask) -> Order:
        """Takes an order and fills what fills at once. Refusal says why the venue will not."""
        order = self.venue.take(ask)
        now = self.venue.now
        if ask.stop:
            return order
        if crosses(ask, self.venue.standing(ask.instrument, now)):
            self._fill(order, now, maker=False)
        if ask.life in ("IOC", "FOK") and not order.pending:
            self.venue.close(order, "expired", now)
        return order

    def cancel(self, order: Order, ts: int, why: str = "by the customer") -> None:
        """Refusal(`not_open`) for an order that has ended."""
        self.before_cancel(order, ts)
        if order.state != "open":
            raise Refusal("not_open", f"the order is {order.state}")
        self.venue.close(order, "cancelled", ts, why)

    def _meet(self, order: Order, ts: int, price: int) -> None:
        if order.state != "open":
            return
        if order.resting:
            self._fill(order, ts, maker=True)
            return
        order.triggered = ts
        standing = self.venue.standing(order.instrument, ts)
        if not order.ask.limit or crosses(order.ask, standing):
            self._fill(order, ts, maker=False)

    # --- fills -------------------------------------------------------------------------------------------------------

    def _fill(self, order: Order, ts: int, maker: bool) -> None:
        """Everything left of an order is met: at once, or in pieces."""
        if order.ask.spend:
            order.ask.lots = self._affordable(order.ask, self.venue.standing(order.instrument, ts))
            if order.ask.lots < order.instrument.least:
                self.venue.close(order, "expired", ts, "too little for one lot")
                return
        pieces, gap, short = self.cut(order, order.left)
        order.pending = sum(pieces)
        for place, lots in enumerate(pieces):
            if place == 0 or not gap:
                self._piece(order, lots, ts, maker)
            else:
                self.venue.at(ts + place * gap, lambda at, lots=lots: self._piece(order, lots, at, maker))  # type: ignore[misc]
        if short:
            self.venue.at(
                ts + len(pieces) * gap, lambda at: self.venue.close(order, "expired", at, "no more to be had")
            )

    def _affordable(self, ask: Ask, standing: Standing) -> int:
        one = ask.instrument
        cost = one.value(standing.ask, 1)
        lots = ask.spend // cost
        if self.venue.rules.fee_on == "quote":
            lots = ask.spend * MILLION // (cost * (MILLION + self.venue.taker))
        return lots // one.step * one.step

    def _piece(self, order: Order, lots: int, ts: int, maker: bool) -> None:
        if order.state != "open":
            return
        standing = self.venue.standing(order.instrument, ts)
        price = order.ask.limit if maker else standing.ask if order.ask.side > 0 else standing.bid
        if not maker and order.ask.limit:
            price = min(price, order.ask.limit) if order.ask.side > 0 else max(price, order.ask.limit)
        order.pending = max(order.pending - lots, 0)
        try:
            self.book(order, lots, price, ts, maker)
        except Refusal:
            self.venue.close(order, "cancelled", ts, "the funds are gone")

    def book(self, order: Order, lots: int, ticks: int, ts: int, maker: bool) -> Fill:
        """One fill into the books, all legs. Refusal(`funds`) before anything is moved."""
        venue, one, ask = self.venue, order.instrument, order.ask
        value, coins = one.value(ticks, lots), one.coins(lots)
        share = venue.maker if maker else venue.taker
        in_base = ask.side > 0 and venue.rules.fee_on == "received"
        words = f"fill {len(self.orders.fills) + 1}"
        move = venue.books.move
        beside = self._fee_beside(one, value * share, ts)
        paid_in = beside[0] if beside else one.base if in_base else one.quote
        fee = beside[1] if beside else _rounded((coins if in_base else value) * share, venue.rules.fee_digits)
        of_base, of_quote = (fee if not beside and paid_in == asset else 0 for asset in (one.base, one.quote))
        if ask.side > 0:
            self._pay(order, value + of_quote, lots, ts)
            move(ts, one.quote, "held", "market", value, words)
            move(ts, one.base, "market", "free", coins - of_base, words)
        else:
            move(ts, one.base, "held", "market", coins, words)
            order.hold -= coins
            move(ts, one.quote, "market", "free", value - of_quote, words)
        source: Account = "free" if beside else "held" if ask.side > 0 and not in_base else "market"
        if fee >= 0:
            move(ts, paid_in, source, "fees", fee, words)
        else:  # a rebate comes from there
            move(ts, paid_in, "fees", source, -fee, words)
        number = len(self.orders.fills) + 1
        serial = len(self.orders.fills_in(one.name)) + 1
        made = Fill(number, serial, order, ts, ticks, lots, value, fee, paid_in, maker)
        order.fills.append(made)
        order.filled += lots
        self.orders.add_fill(made)
        if order.filled >= ask.lots:
            venue.close(order, "filled", ts)
        return made

    def _fee_beside(self, one: Instrument, fee: int, ts: int) -> tuple[str, int] | None:
        """(coin, atoms) of a fee of `fee` millionths of an atom of quote currency, where it is paid in a coin that is no side of
        the market and of which there is enough."""
        venue, coin = self.venue, self.venue.fee_coin
        if not coin or fee <= 0 or coin in (one.base, one.quote):
            return None
        of = next((each for each in venue.instruments.values() if (each.base, each.quote) == (coin, one.quote)), None)
        if of is None:
            return None
        amount = _rounded(fee * 10**of.price_digits // venue.standing(of, ts).price, venue.rules.fee_digits)
        return (coin, amount) if venue.books.balance(coin, "free") >= amount else None

    def _pay(self, order: Order, cost: int, lots: int, ts: int) -> None:
        """Brings what a purchase costs to the held account: from its hold, else from what is free."""
        short = cost - order.hold
        if short > 0:
            if order.ask.spend:
                raise Refusal("funds", "the amount to be spent is spent")
            self.venue.books.move(ts, order.instrument.quote, "free", "held", short, f"more for {order.number}")
            order.hold += short
        order.hold -= cost


def _rounded(fee: int, digits: int) -> int:
    """`fee` is atoms times a million; the nearest amount of so many digits, half away from zero."""
    unit = MILLION * 10 ** (DIGITS - digits)
    return (fee + unit // 2) // unit * 10 ** (DIGITS - digits) if fee >= 0 else -_rounded(-fee, digits)
