"""Faults at work inside an exchange: how fills are cut, what cancels meet, what vanishes, and what a person does beside us."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from engine.sandbox.trading.faults import PERSON, TradeFault, TradeFaults
from engine.sandbox.trading.matching import Matching
from engine.sandbox.trading.terms import BUY, SELL, Ask, Order, Refusal, atoms, chance, rate
from engine.sandbox.trading.view import View


class Trouble:
    """Connects faults to an exchange's matching and to what it shows."""

    def __init__(self, faults: TradeFaults, matching: Matching, view: View) -> None:
        self.faults, self.matching, self.venue = faults, matching, matching.venue
        matching.cut, matching.before_cancel = self.cut, self.before_cancel
        self.venue.on_close, self.venue.on_take, self.venue.gate = self.on_close, self.on_take, self.gate
        view.lag, view.quiet = self.lag, self.quiet

    def add(self, fault: TradeFault) -> TradeFault:
        """Lists a fault, and puts what happens at a certain moment into the exchange's queue."""
        made = self.faults.add(fault, self.venue.now)
        begin = made.at or 0
        if made.kind == "fee":
            usual = (self.venue.rules.maker, self.venue.rules.taker, "")
            new = (rate(made.maker), rate(made.taker), made.asset)
            self._between(made, lambda: self._charge(*new), lambda: self._charge(*usual))
        elif made.kind == "grid" and made.market in self.venue.instruments:
            self._between(made, lambda: self._grid(made.market, made.step), lambda: self._grid(made.market, 1))
        elif made.kind in PERSON and made.probability >= 1:
            self.venue.at(begin, lambda ts: self._person(made, ts) if made in self.faults.listed else None)
        return made

    def _between(self, fault: TradeFault, on: Callable[[], None], off: Callable[[], None]) -> None:
        """Something is so from the fault's beginning, unless it is cleared before, until its end."""

        def begin(_ts: int) -> None:
            if fault in self.faults.listed:
                fault.struck += 1
                on()

        self.venue.at(fault.at or 0, begin)
        if fault.seconds is not None:
            self.venue.at(fault.end, lambda _ts: off())

    def _charge(self, maker: int, taker: int, coin: str) -> None:
        self.venue.maker, self.venue.taker, self.venue.fee_coin = maker, taker, coin

    def _grid(self, market: str, step: int) -> None:
        self.venue.instruments[market].step = step

    # --- a person at the same account --------------------------------------------------------------------------------

    def chances(self, now: int) -> None:
        """What a person may do at any request, by chance."""
        for kind in PERSON:
            fault = self.faults.strike(kind, now)
            if fault is not None:
                self._person(fault, now, counted=True)

    def _person(self, fault: TradeFault, ts: int, counted: bool = False) -> None:
        fault.struck += 0 if counted else 1
        with suppress(Refusal):
            if fault.kind in ("deposit", "withdrawal"):
                sign = 1 if fault.kind == "deposit" else -1
                self.venue.transfer(fault.asset, sign * atoms(fault.amount), ts)
                return
            one = self.venue.instruments.get(fault.market)
            if one is not None:
                side = BUY if fault.kind == "person_buy" else SELL
                number = len(self.venue.orders.all) + 1
                lots = one.lots(atoms(fault.amount))
                self.matching.place(Ask(one, f"web_{number}", side, "market", lots=lots, life="IOC", by="person"))

    # --- orders ------------------------------------------------------------------------------------------------------

    def gate(self, ask: Ask) -> None:
        if not self.faults.listed or ask.by != "api":
            return
        if self.faults.strike("halt", self.venue.now, market=ask.instrument.name):
            raise Refusal("halted", "the market is halted")
        if self.faults.strike("reject", self.venue.now, market=ask.instrument.name):
            raise Refusal("halted", "the sandbox was told to reject it")

    def on_take(self, order: Order) -> None:
        if self.faults.listed and order.ask.by == "api":
            fault = self.faults.strike("self_cancel", order.created, market=order.instrument.name)
            if fault is not None:
                after = order.created + self.faults.wait(fault)
                self.venue.at(after, lambda ts: self.venue.close(order, "cancelled", ts, "by the exchange"))

    def on_close(self, order: Order) -> None:
        if self.faults.listed and order.ask.by == "api":
            fault = self.faults.strike("vanish", order.closed, market=order.instrument.name)
            if fault is not None:
                order.unseen_until = order.closed + self.faults.wait(fault)

    def before_cancel(self, order: Order, ts: int) -> None:
        """The order may fill while its cancel is on the way, or the cancel be refused for no reason."""
        if not self.faults.listed or order.state != "open":
            return
        if self.faults.strike("cancel_fails", ts, market=order.instrument.name):
            raise Refusal("not_open", "the sandbox was told to refuse the cancel")
        if order.resting or (order.pending and order.ask.limit):
            fault = self.faults.strike("fill_in_cancel", ts, market=order.instrument.name)
            if fault is not None:
                part = self.faults.draw(fault, "part")
                lots = order.left if part < 0.5 else max(1, int(order.left * (part - 0.5) * 2))
                self.matching.book(order, lots, order.ask.limit, ts, maker=True)

    def cut(self, order: Order, lots: int) -> tuple[list[int], int, bool]:
        """The pieces of a fill, ms between them, and whether the last one never comes."""
        if not self.faults.listed:
            return [lots], 0, False
        now, market = self.venue.now, order.instrument.name
        fault = self.faults.strike("pieces", now, market=market)
        gap, sizes = 0, [lots]
        if fault is not None:
            count = min(1 + int(self.faults.draw(fault, "count") * fault.pieces), lots)
            sizes, gap = _cut(lots, count, self.faults.seed, order.number), self.faults.wait(fault)
        fault = self.faults.strike("short", now, market=market)
        if fault is None:
            return sizes, gap, False
        if len(sizes) == 1 and lots > 1:
            sizes = _cut(lots, 2, self.faults.seed, order.number)
        return (sizes[:-1], gap, True) if len(sizes) > 1 else (sizes, gap, False)

    # --- what is shown -----------------------------------------------------------------------------------------------

    def lag(self, what: str) -> int:
        if not self.faults.listed:
            return 0
        fault = self.faults.strike("stale", self.venue.now, path=what)
        return self.faults.wait(fault) if fault is not None else 0

    def quiet(self) -> bool:
        return bool(self.faults.listed) and self.faults.strike("quiet", self.venue.now) is not None


def _cut(lots: int, count: int, seed: int, number: int) -> list[int]:
    """`lots` in `count` parts of at least one lot, drawn."""
    spare = lots - count
    marks = sorted(int(chance(seed, "cut", number, place) * (spare + 1)) for place in range(count - 1))
    return [high - low + 1 for low, high in zip([0, *marks], [*marks, spare], strict=True)]
