"""Breakers for the naive engine: consecutive losses, daily loss, drawdown; levels, latches and how they end."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from engine.core.types import MS_DAY, BreakerSpec, SlotSpec

HALTED, KILLED = 3, 4
LEVELS = {"running": 0, "paused": 1, "reduce_only": 2, "halted": 3, "killed": 4}


@dataclass
class Breaker:
    spec: BreakerSpec
    slot: int | None
    count: int = 0
    tripped: bool = False
    until: int | None = None

    def covers(self, slot: int) -> bool:
        return self.slot is None or self.slot == slot


class Breakers:
    """All breakers of an account, a slot-scoped one once per slot, in configuration order."""

    def __init__(
        self, specs: Iterable[BreakerSpec], slots: Sequence[SlotSpec], cash: Decimal, auto_ack_ms: int
    ) -> None:
        self.peak, self.day_start, self.wiped, self.auto_ack_ms = cash, cash, False, auto_ack_ms
        self.slots = slots
        self.all: list[Breaker] = []
        for spec in specs:
            scopes: list[int | None] = [None] if spec.scope == "account" else list(range(len(slots)))
            self.all += [Breaker(spec, scope) for scope in scopes]

    def level(self) -> int:
        """The account's level; a breaker of a slot bars that slot and leaves the account alone."""
        if self.wiped:
            return 4
        return max((LEVELS[b.spec.action] for b in self.all if b.tripped and b.slot is None), default=0)

    def bars(self, slot: int) -> bool:
        return any(b.tripped and b.slot == slot for b in self.all)

    def ends(self) -> list[int]:
        return [b.until for b in self.all if b.tripped and b.until is not None]

    def closed(self, slot: int, pnl: Decimal) -> None:
        """Counts a closed trade: a loss adds one, a gain starts anew, a draw leaves the count."""
        for breaker in self.all:
            if breaker.covers(slot) and pnl:
                breaker.count = breaker.count + 1 if pnl < 0 else 0

    def expire(self, ts: int, equity: Decimal) -> bool:
        due = [b for b in self.all if b.tripped and b.until is not None and b.until <= ts]
        for breaker in due:
            breaker.tripped, breaker.until = False, None
            if breaker.spec.kind == "drawdown":
                self.peak = equity
            elif breaker.spec.kind == "daily_loss":
                self.day_start = equity
            else:
                self._reset(breaker)
        return bool(due)

    def _reset(self, breaker: Breaker) -> None:
        """A count of losses belongs to the slot or the account: every breaker that reads it starts anew."""
        for other in self.all:
            if other.slot == breaker.slot:
                other.count = 0

    def check(self, ts: int, equity: Decimal, midnight: int | None) -> list[tuple[str, list[int]]]:
        """Phase 4: trips what is due; what to flatten and why, in order."""
        flatten: list[tuple[str, list[int]]] = []
        everything = list(range(len(self.slots)))
        self.peak = max(self.peak, equity)
        if equity <= 0 and not self.wiped:
            self.wiped = True
            flatten.append(("wiped_out", everything))
        for breaker in self.all:
            if not breaker.tripped and self._value(breaker, equity) >= breaker.spec.threshold:
                breaker.tripped, breaker.until = True, self._until(breaker, ts, midnight)
                if breaker.spec.flatten:
                    flatten.append(("flatten", [k for k in everything if breaker.covers(k)]))
        return flatten

    def _until(self, breaker: Breaker, ts: int, midnight: int | None) -> int | None:
        if breaker.spec.end == "cooldown":
            floor = 0 if breaker.slot is None else 4 * self.slots[breaker.slot].timeframe_ms
            return ts + max(breaker.spec.minutes * 60_000, floor)
        if breaker.spec.end == "next_day":
            return midnight or (ts // MS_DAY + 1) * MS_DAY
        return ts + self.auto_ack_ms if self.auto_ack_ms else None

    def _value(self, breaker: Breaker, equity: Decimal) -> float:
        if breaker.spec.kind == "consecutive_losses":
            return float(breaker.count)
        start = self.peak if breaker.spec.kind == "drawdown" else self.day_start
        return float((start - equity) / start) if start > 0 else 0.0
