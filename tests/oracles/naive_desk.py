"""The naive engine's desk: sizes, prices, fills, stops and targets, trades. The walk through time is in `naive`."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from engine.core.types import AccountSpec, BreakerSpec, Instrument, SlotSpec
from tests.oracles.naive_money import Books, floor, half_even, nine
from tests.oracles.naive_risk import HALTED, KILLED, Breakers, Now
from tests.oracles.naive_rows import Fill, Order, Position, Result, SlotState, Trade


class Desk:
    """An account's state and what can be done with it at one instant."""

    def __init__(
        self,
        account: AccountSpec,
        instruments: list[Instrument],
        slots: list[SlotSpec],
        breakers: Iterable[BreakerSpec] = (),
    ) -> None:
        self.account, self.books = account, Books(account, instruments)
        index = {ins.symbol: k for k, ins in enumerate(instruments)}
        self.slots = [SlotState(spec) for spec in slots]
        self.symbol = [index[spec.symbol] for spec in slots]
        self.finest = min(spec.timeframe_ms for spec in slots)
        self.mark: dict[int, int] = {}
        self.close: dict[int, int] = {}
        self.clock = -1
        self.bucket_end: int | None = None
        self.midnight: int | None = None
        self.out = Result()
        self.sectors = dict(account.sectors)
        self.last: dict[int, int] = {}
        self.realized = [Decimal(0) for _ in slots]
        self.breakers = Breakers(breakers, slots, [ins.symbol for ins in instruments], account)

    # ---------------------------------------------------------------- money
    def equity(self) -> Decimal:
        total = self.books.cash
        for k, slot in enumerate(self.slots):
            if slot.position:
                symbol = self.symbol[k]
                total += slot.position.direction * self.books.notional(symbol, slot.position.lots, self.mark[symbol])
        return total

    def now(self, ts: int) -> Now:
        last = [self.last.get(symbol) for symbol in self.symbol]
        return Now(ts, self.equity(), self.midnight, [self._made(k) for k in range(len(self.slots))], last)

    def _made(self, k: int) -> Decimal:
        """What a slot has made since the run began, its open position at the mark, net of costs."""
        total, p, symbol = self.realized[k], self.slots[k].position, self.symbol[k]
        if p is None:
            return total
        worth = self.books.notional(symbol, p.lots, self.mark[symbol])
        return total + p.direction * (worth - p.entry_notional) - p.fees - p.funding

    def _exposure(self, symbol: int | None = None, without: int = -1) -> Decimal:
        """Sum of |notional at mark| of open positions (of one symbol), without a slot that is on its way out."""
        total = Decimal(0)
        for k, slot in enumerate(self.slots):
            mine = symbol is None or self.symbol[k] == symbol
            if slot.position and mine and not (k == without and slot.exit is not None):
                total += self.books.notional(self.symbol[k], slot.position.lots, self.mark[self.symbol[k]])
        return total

    def _size(self, k: int, d: Any, price: int, at_fill: bool = False) -> tuple[int, str]:
        slot, symbol, equity = self.slots[k], self.symbol[k], self.equity()
        if equity <= 0:
            return 0, "buying_power"
        stop = self._distance(int(d["stop"]), slot.spec.protection.stop, price)
        lots, why = self.books.wish(symbol, slot.spec.sizing, equity, price, stop, float(d["volatility"]))
        if why:
            return 0, why
        part = self.breakers.share(k)
        lots = lots if part is None else floor(lots * part)
        reserved = {j: s.entry.reserved for j, s in enumerate(self.slots) if s.entry and not at_fill}
        cap, gross = nine(self.account.symbol_cap), nine(self.account.max_gross)
        lots, why = self._money_clip(k, lots, why, price, reserved)
        if cap:
            mine = sum((money for j, money in reserved.items() if self.symbol[j] == symbol), Decimal(0))
            room = self.books.down(cap * equity) - self._exposure(symbol, without=k) - mine
            lots, why = self._clip(lots, why, self.books.lots(symbol, room, price), "symbol_cap")
        lots, why = self._sector_clip(k, lots, why, price, reserved)
        most = Decimal(str(self.account.gross_most)) or Decimal("Infinity")
        power = (
            min(self.books.down(gross * equity), most) - self._exposure(without=k) - sum(reserved.values(), Decimal(0))
        )
        lots, why = self._clip(lots, why, self.books.affordable(symbol, power, price, at_fill), "buying_power")
        if self.books.too_small(symbol, lots, price):
            return 0, why or "min_notional"
        return lots, ""

    def _money_clip(self, k: int, lots: int, why: str, price: int, reserved: dict[int, Decimal]) -> tuple[int, str]:
        """The first positions small, then no order and no symbol above its amount."""
        symbol, account = self.symbol[k], self.account
        if len(self.out.trades) + sum(slot.position is not None for slot in self.slots) < account.first_trades:
            instrument = self.books.instruments[symbol]
            least = self.books.lots(symbol, instrument.min_notional * 6 / 5, price) + 1
            lots = min(lots, max(least, -(-instrument.min_qty // instrument.lot)))
        if account.order_most:
            most = Decimal(str(account.order_most))
            lots, why = self._clip(lots, why, self.books.lots(symbol, most, price), "symbol_cap")
        if account.symbol_most:
            mine = sum((money for j, money in reserved.items() if self.symbol[j] == symbol), Decimal(0))
            room = Decimal(str(account.symbol_most)) - self._exposure(symbol, without=k) - mine
            lots, why = self._clip(lots, why, self.books.lots(symbol, room, price), "symbol_cap")
        return lots, why

    def _sector_clip(self, k: int, lots: int, why: str, price: int, reserved: dict[int, Decimal]) -> tuple[int, str]:
        cap, sector = nine(self.account.sector_cap), self.sectors.get(self.slots[k].spec.symbol)
        if not cap or sector is None:
            return lots, why
        mine = [j for j, slot in enumerate(self.slots) if self.sectors.get(slot.spec.symbol) == sector]
        held = sum((self._exposure(symbol, without=k) for symbol in {self.symbol[j] for j in mine}), Decimal(0))
        waiting = sum((money for j, money in reserved.items() if j in mine), Decimal(0))
        room = self.books.down(cap * self.equity()) - held - waiting
        return self._clip(lots, why, self.books.lots(self.symbol[k], room, price), "sector_cap")

    @staticmethod
    def _clip(lots: int, why: str, room: int, name: str) -> tuple[int, str]:
        return (room, name) if room < lots else (lots, why)

    # ---------------------------------------------------------------- phase 1: fills
    def _may_leave(self, order: Order) -> bool:
        level = self.breakers.level()
        return order.purpose in ("flatten", "wiped_out", "manual") or level < (
            HALTED if order.purpose == "exit" else KILLED
        )

    def _enter(self, k: int, ts: int, bar: Any, order: Order) -> None:
        slot, symbol = self.slots[k], self.symbol[k]
        maker = order.limit is not None
        if order.limit is not None:
            beyond = int(bar["low"]) < order.limit if order.side > 0 else int(bar["high"]) > order.limit
            if not beyond:
                return
            base = price = order.limit
        else:
            price, base = self._market(bar, order.side)
            collar = nine(self.account.collar)
            if collar and abs(price - self.mark[symbol]) > floor(self.mark[symbol] * collar):
                self._cancel(slot, ts, "collar")
                return
        if self.account.research:
            order.lots, why = self._size(k, order.decision, price, at_fill=True)
            if why:
                self._cancel(slot, ts, why)
                return
        notional = self.books.notional(symbol, order.lots, price)
        fee = self.books.fee(symbol, notional, maker)
        if not (self.account.research or maker) and notional + fee > order.reserved:
            self._cancel(slot, ts, "moved")
            return
        self._fill(order, ts, price, base, notional, fee, maker)
        slot.entry = None
        slot.position = self._open_position(k, ts, price, notional, fee, order)
        slot.position.fresh_limit = maker

    def _open_position(self, k: int, ts: int, price: int, notional: Decimal, fee: Decimal, order: Order) -> Position:
        guard, d, side = self.slots[k].spec.protection, order.decision, order.side
        stop = self._level(int(d["stop"]), guard.stop, price, -side)
        target = self._level(int(d["target"]), guard.target, price, side)
        return Position(
            direction=side,
            lots=order.lots,
            entry_ts=ts,
            entry_price=price,
            entry_notional=notional,
            fees=fee,
            order=order,
            stop=stop,
            target=target,
            trail=self._distance(int(d["trail"]), guard.trail, price),
            breakeven=self._level(0, guard.breakeven, price, side),
            extreme=price,
            high=price,
            low=price,
        )

    @staticmethod
    def _level(distance: int, fraction: float | None, price: int, way: int) -> int | None:
        """A price away from the fill: by the signal's distance, else by the slot's fraction, to the nearest tick."""
        if distance <= 0 and not fraction:
            return None
        return max(1, price + way * distance if distance > 0 else half_even(price * (1 + way * nine(fraction))))

    @staticmethod
    def _distance(own: int, fraction: float | None, price: int) -> int:
        """The signal's own distance, else from the price down to the slot's fraction of it; 0 = none."""
        if own > 0 or not fraction:
            return max(own, 0)
        return max(1, price - max(1, half_even(price * (1 - nine(fraction)))))

    # ---------------------------------------------------------------- phase 2
    def _protect(self, k: int, ts: int, bar: Any, gap: bool) -> None:
        position = self.slots[k].position
        if position is None or bar is None:
            return
        position.tighten()
        side, level = position.direction, position.stop
        touched = level is not None and (int(bar["low"]) <= level if side > 0 else int(bar["high"]) >= level)
        if gap:
            position.outage = position.outage or touched
        elif self.breakers.level() < KILLED:
            self._act(k, ts, bar, position, touched)
        if self.slots[k].position is position:
            self._watch(position, bar)

    def _act(self, k: int, ts: int, bar: Any, p: Position, touched: bool) -> None:
        side, opening = p.direction, int(bar["open"])
        stop, target = p.stop or 0, None if p.fresh_limit else p.target
        reached = target is not None and (int(bar["high"]) > target if side > 0 else int(bar["low"]) < target)
        if touched and (opening - stop) * side <= 0 and not p.fresh_limit:
            base = self._base(bar, -side)
            base = min(base, stop) if side > 0 else max(base, stop)
            self._leave_at(k, ts, p.stop_why, self._slipped(base, -side), base)
        elif reached and target is not None and (opening - target) * side > 0:
            self._leave_at(k, ts, "target", opening, opening)
        elif touched:
            self._leave_at(k, ts, p.stop_why, self._slipped(stop, -side), stop, kind=target if reached else None)
        elif reached and target is not None:
            self._leave_at(k, ts, "target", target, target)

    def _leave(self, k: int, created: int, why: str, known: int) -> None:
        """An exit that takes the place of one that still waits."""
        slot = self.slots[k]
        assert slot.position is not None
        if slot.exit is not None:
            self._finish(slot.exit, created, "cancelled", "superseded")
        slot.exit = self._order(k, -slot.position.direction, why, slot.position.lots, created, known)

    def _leave_at(self, k: int, ts: int, why: str, price: int, base: int, kind: int | None = None) -> None:
        self._leave(k, ts, why, ts)
        self._close(k, ts, price, base, why, kind)

    @staticmethod
    def _watch(position: Position, bar: Any) -> None:
        """After a bar that was held to its close."""
        high, low = int(bar["high"]), int(bar["low"])
        position.high, position.low = max(position.high, high), min(position.low, low)
        position.extreme = max(position.extreme, high) if position.direction > 0 else min(position.extreme, low)
        position.fresh_limit = False

    # ---------------------------------------------------------------- prices and booking
    @staticmethod
    def _base(bar: Any, side: int) -> int:
        quote = int(bar["ask_open"] if side > 0 else bar["bid_open"])
        return quote or int(bar["open"])

    def _slipped(self, base: int, side: int) -> int:
        """Slippage against the trader, rounded against the trader."""
        exact = base * (1 + side * nine(self.account.slippage_bps / 10_000))
        whole = int(exact)
        return whole + 1 if side > 0 and exact != whole else max(whole, 1)

    def _market(self, bar: Any, side: int) -> tuple[int, int]:
        base = self._base(bar, side)
        return self._slipped(base, side), base

    def _close(self, k: int, ts: int, price: int, base: int, why: str, kind: int | None = None) -> None:
        """Fills the waiting exit of a slot, whole."""
        slot, symbol, position = self.slots[k], self.symbol[k], self.slots[k].position
        assert position is not None
        assert slot.exit is not None
        maker = why == "target"
        notional = self.books.notional(symbol, position.lots, price)
        fee = self.books.fee(symbol, notional, maker)
        self._fill(slot.exit, ts, price, base, notional, fee, maker)
        slot.exit = slot.position = None
        self._trade(k, ts, price, position, notional, fee, why, kind)
        if why in ("stop", "trail", "breakeven", "outage"):
            slot.cool_until = ts + slot.spec.cooldown_ms

    def _trade(
        self, k: int, ts: int, price: int, p: Position, notional: Decimal, fee: Decimal, why: str, kind: int | None
    ) -> None:
        pnl = p.direction * (notional - p.entry_notional) - p.fees - fee - p.funding
        kind_pnl = pnl
        if kind is not None:
            value = self.books.notional(self.symbol[k], p.lots, kind)
            kind_fee = self.books.fee(self.symbol[k], value, maker=True)
            kind_pnl = p.direction * (value - p.entry_notional) - p.fees - kind_fee - p.funding
        high, low = max(p.high, price), min(p.low, price)
        frame = self.slots[k].spec.timeframe_ms
        self.out.trades.append(
            Trade(
                seq=len(self.out.trades) + 1,
                slot=k,
                direction=p.direction,
                lots=p.lots,
                entry_ts=p.entry_ts,
                exit_ts=ts,
                entry_price=p.entry_price,
                exit_price=price,
                fees=p.fees + fee,
                funding=p.funding,
                pnl=pnl,
                kind_pnl=kind_pnl,
                reason=why,
                ambiguous=kind is not None,
                high=high,
                low=low,
                bars_held=ts // frame - p.entry_ts // frame,
            )
        )
        self.realized[k] += pnl
        self.breakers.closed(k, pnl)

    def _order(
        self, k: int, side: int, purpose: str, lots: int, created: int, known: int, decision: Any = None
    ) -> Order:
        order = Order(len(self.out.orders) + 1, k, side, purpose, lots, created, known, decision=decision)
        self.out.orders.append(order)
        return order

    def _fill(self, order: Order, ts: int, price: int, base: int, notional: Decimal, fee: Decimal, maker: bool) -> None:
        self.books.cash -= order.side * notional + fee
        self._finish(order, ts, "filled")
        n = len(self.out.fills) + 1
        self.out.fills.append(
            Fill(
                n, order.seq, order.slot, order.side, order.lots, price, base, notional, fee, maker, ts, self.books.cash
            )
        )

    def _cancel(self, slot: SlotState, ts: int, why: str, state: str = "cancelled") -> None:
        assert slot.entry is not None
        self._finish(slot.entry, ts, state, why)
        slot.entry = None

    @staticmethod
    def _finish(order: Order, ts: int, state: str, reason: str = "") -> None:
        order.state, order.reason, order.done = state, reason, ts
