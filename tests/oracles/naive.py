"""The kernel's rules a second time: slow, obvious, in Decimal, from the rules' text alone.

Takes what the machine takes (account, instruments, slots, breakers, frames, decisions) and gives orders, fills,
trades and the account's equity. It shares the records of `engine.core.types` with the engine and not one line of
arithmetic or of bookkeeping: where the two disagree, one of them is wrong. Prices are whole ticks, quantities whole
lots, money Decimal. Only fills by the model are here; a venue's reports are scripted elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal, localcontext
from typing import Any

from engine.core.types import FLAG_GAP, MS_DAY
from tests.oracles.naive_desk import Desk
from tests.oracles.naive_risk import HALTED, KILLED
from tests.oracles.naive_rows import Result

Frame = tuple[int, Any]
Fault = tuple[int, str, float]


class Naive(Desk):
    """One account. `run(frames, decisions)`; a frame is (ts, EXEC_BAR rows)."""

    # ---------------------------------------------------------------- the walk
    def run(
        self,
        frames: Iterable[Frame],
        decisions: Iterable[Any],
        funding: Iterable[Any] = (),
        until: int = -1,
        faults: Iterable[Fault] = (),
    ) -> Result:
        """Frames in order, what falls due between them, and then what falls due up to `until`."""
        with localcontext() as context:
            context.prec = 80
            self.decisions = sorted(decisions, key=lambda d: (int(d["decided_at"]), int(d["slot"])))
            self.funding = sorted(funding, key=lambda payment: int(payment["ts"]))
            self.faults = sorted(faults)
            for ts, bars in frames:
                self._until(ts)
                self._frame(ts, {int(bar["symbol"]): bar for bar in bars})
            self._until(until)
        return self.out

    def _until(self, ts: int) -> None:
        """All that happens before a frame opens, in the order of time: funding, then what time brings, then
        decisions.
        """
        while True:
            queue = [(int(row["ts"]), 0) for row in self.funding[:1]]
            queue += [(due, 1) for due in self._due()]
            queue += [(int(row["decided_at"]), 2) for row in self.decisions[:1]]
            queue += [(at, 3) for at, _, _ in self.faults[:1]]
            now, kind = min(queue, default=(ts + 1, 0))
            if now > ts:
                return
            now = self.clock = max(now, self.clock)  # what fell due under a kill is done when the kill ends
            if kind == 0:
                self._pay(self.funding.pop(0))
            elif kind == 1:
                self._time(now)
            elif kind == 2:
                self._decide(self.decisions.pop(0))
            else:
                at, source, value = self.faults.pop(0)
                self.breakers.faults[source] = value
                self._break(at)

    def _due(self) -> list[int]:
        """Instants at which time alone does something."""
        due = [at for at in (self.bucket_end, self.midnight) if at is not None]
        due += [self._time_stop(k) for k in range(len(self.slots)) if self._has_time_stop(k)]
        return due + self.breakers.ends()

    def _has_time_stop(self, k: int) -> bool:
        slot = self.slots[k]
        return bool(
            slot.position and slot.spec.protection.time_stop and slot.exit is None and self.breakers.level() < KILLED
        )

    def _time_stop(self, k: int) -> int:
        position, spec = self.slots[k].position, self.slots[k].spec
        assert position is not None
        first = position.entry_ts // spec.timeframe_ms * spec.timeframe_ms
        return first + int(spec.protection.time_stop or 0) * spec.timeframe_ms

    def _time(self, now: int) -> None:
        if self.bucket_end is not None and self.bucket_end <= now:
            self.out.equity.append((self.bucket_end, self.equity()))
            self.bucket_end = None
        if self.midnight is not None and self.midnight <= now:
            self.breakers.day_start, self.breakers.day_base = self.equity(), self.now(now).made
            self.midnight += MS_DAY
        for k, slot in enumerate(self.slots):
            if self._has_time_stop(k) and (due := self._time_stop(k)) <= now and slot.position:
                slot.exit = self._order(
                    k, -slot.position.direction, "time", slot.position.lots, now, due + self.account.delay_ms
                )
        if self.breakers.expire(self.now(now)):
            self._cancel_barred(now)

    def _frame(self, ts: int, bars: dict[int, Any]) -> None:
        gap = any(int(bar["flags"]) & FLAG_GAP for bar in bars.values())
        for k in range(len(self.slots)):
            if not gap:
                self._opens(k, ts, bars.get(self.symbol[k]))
        for k in range(len(self.slots)):
            self._protect(k, ts, bars.get(self.symbol[k]), gap)
        for symbol, bar in bars.items():
            self._mark(symbol, bar)
            self.last[symbol] = ts
        self._break(ts)
        self.clock = ts
        self.midnight = self.midnight or (ts // MS_DAY + 1) * MS_DAY
        self.bucket_end = (ts // self.finest + 1) * self.finest

    def _mark(self, symbol: int, bar: Any) -> None:
        """Mark at the middle of the quote standing at the close if there is one, else at the close."""
        self.close[symbol] = self.mark[symbol] = int(bar["close"])
        bid, ask = int(bar["bid_close"]), int(bar["ask_close"])
        if 0 < bid <= ask:
            self.mark[symbol] = (bid + ask) // 2

    def _pay(self, payment: Any) -> None:
        """Funding: a long pays notional at mark x rate when the rate is positive, a short receives it."""
        for k, slot in enumerate(self.slots):
            if slot.position and self.symbol[k] == int(payment["symbol"]):
                notional = self.books.notional(self.symbol[k], slot.position.lots, self.mark[self.symbol[k]])
                amount = self.books.to_quantum(
                    slot.position.direction * notional * Decimal(int(payment["rate"])) / 10**9
                )
                slot.position.funding += amount
                self.books.cash -= amount

    # ---------------------------------------------------------------- phase 1
    def _opens(self, k: int, ts: int, bar: Any) -> None:
        """Orders that waited: the exit, then the entry; an entry whose time is over is cancelled by any live
        frame.
        """
        slot = self.slots[k]
        if bar is not None and slot.position and slot.position.outage and self.breakers.level() < KILLED:
            self._leave(k, ts, "outage", ts)
        if bar is not None and self._halted_past_its_time(k, ts):
            self._leave(k, ts, "time", ts)
        if bar is not None and slot.exit and slot.position and ts >= slot.exit.known and self._may_leave(slot.exit):
            self._close(k, ts, *self._market(bar, slot.exit.side), slot.exit.purpose)
        if slot.entry is None or slot.exit is not None:
            return
        if slot.entry.expires is not None and ts >= slot.entry.expires:
            self._cancel(slot, ts, "expired")
        elif bar is not None and ts >= slot.entry.known:
            self._enter(k, ts, bar, slot.entry)

    def _halted_past_its_time(self, k: int, ts: int) -> bool:
        """The strategy's exit waits for a halt to end, and meanwhile the time stop has fallen due."""
        slot = self.slots[k]
        return bool(
            slot.position
            and slot.spec.protection.time_stop
            and slot.exit
            and slot.exit.purpose == "exit"
            and ts >= slot.exit.known
            and self.breakers.level() == HALTED
            and ts >= self._time_stop(k) + self.account.delay_ms
        )

    # ---------------------------------------------------------------- phase 4
    def _break(self, ts: int) -> None:
        """Trips, in the breakers' order; each may flatten, replacing exits that wait; then entries that are barred
        go.
        """
        for why, slots in self.breakers.check(self.now(ts)):
            for k in slots:
                if why in ("level", "bar"):
                    if self.slots[k].entry:
                        self._cancel(self.slots[k], ts, "level" if why == "level" else "breaker")
                elif self.slots[k].position:
                    self._leave(k, ts, why, ts + self.account.delay_ms)
        self._cancel_barred(ts)

    def _cancel_barred(self, ts: int) -> None:
        for k, slot in enumerate(self.slots):
            if slot.entry and self.breakers.level() > 0:
                self._cancel(slot, ts, "level")
            elif slot.entry and self.breakers.bars(k):
                self._cancel(slot, ts, "breaker")

    # ---------------------------------------------------------------- decisions
    def _decide(self, d: Any) -> None:
        k = int(d["slot"])
        verdict = ("ignored", "no_position")
        if d["exit"]:
            verdict = self._ask_exit(k, d)
        if d["entry"]:
            verdict = self._ask_entry(k, d)
        self.out.signals.append((int(d["signal_id"]), *verdict))

    def _ask_exit(self, k: int, d: Any) -> tuple[str, str]:
        slot, at = self.slots[k], int(d["decided_at"])
        if slot.entry is not None:
            self._cancel(slot, at, "superseded")
        if slot.position is None:
            return "ignored", "no_position"
        if slot.exit is not None:
            return "ignored", "pending"
        if self.breakers.level() >= HALTED:
            return "refused", "level"
        slot.exit = self._order(k, -slot.position.direction, "exit", slot.position.lots, at, int(d["known_at"]))
        return "taken", ""

    def _ask_entry(self, k: int, d: Any) -> tuple[str, str]:
        slot, side = self.slots[k], int(d["entry"])
        if slot.entry is not None:
            return "ignored", "pending"
        if slot.position and side == slot.position.direction:
            return "ignored", "in_position"
        if slot.position and slot.exit is None:
            return "ignored", "opposite"
        if d["missed"]:
            return "missed", "missed"
        why = self._forbidden(k, side, int(d["decided_at"])) or self._queue(k, d, side)
        return ("refused", why) if why else ("taken", "")

    def _forbidden(self, k: int, side: int, at: int) -> str:
        slot = self.slots[k]
        if self.symbol[k] not in self.close:
            return "no_price"
        if side < 0 and not (slot.spec.allow_short or self.books.instruments[self.symbol[k]].kind == "perp"):
            return "short_not_allowed"
        if self.breakers.level() > 0:
            return "level"
        if self.breakers.bars(k):
            return "breaker"
        if at < slot.cool_until:
            return "cooldown"
        taken = sum(s.position is not None or s.entry is not None for s in self.slots)
        if slot.position is None and taken >= self.account.max_positions:
            return "max_positions"
        return "order_rate" if self.breakers.too_many(at, self.symbol[k]) else ""

    def _queue(self, k: int, d: Any, side: int) -> str:
        """Fixes the quantity and queues the order; why not, if it cannot be."""
        slot, symbol, offset = self.slots[k], self.symbol[k], int(d["limit_offset"])
        price = max(self.close[symbol] - side * offset, 1)
        known, frame, research = int(d["known_at"]), slot.spec.timeframe_ms, self.account.research
        if slot.spec.sizing.kind == "risk" and not self._distance(int(d["stop"]), slot.spec.protection.stop, price):
            return "no_stop"
        lots, why = (0, "") if research else self._size(k, d, price)
        if why:
            return why
        slot.entry = self._order(k, side, "entry", lots, int(d["decided_at"]), known, decision=d)
        slot.entry.reserved = Decimal(0) if research else self.books.need(symbol, lots, price)
        self.breakers.queued.append((int(d["decided_at"]), symbol))
        if offset:
            slot.entry.limit, slot.entry.expires = price, known + max(int(d["limit_bars"]), 1) * frame
        elif not research:
            slot.entry.expires = known + frame
        return ""
