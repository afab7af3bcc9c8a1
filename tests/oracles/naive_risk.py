"""Breakers and order rates for the naive engine: what they watch, when they trip, how they end, what follows.

Everything is asked anew each time from plain lists, in the order of the rules' text.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from engine.core.types import MS_DAY, AccountSpec, BreakerSpec, SlotSpec
from tests.oracles.naive_money import nine

HALTED, KILLED = 3, 4
LEVELS = {"running": 0, "paused": 1, "reduce_only": 2, "halted": 3, "killed": 4}
MINUTE = 60_000
FAULTS = {"feed_errors": "feed", "venue_errors": "venue", "storage": "storage", "ai_budget": "ai"}


@dataclass
class Breaker:
    """One rule and whom it is about: `slots` of the run, or everything."""

    spec: BreakerSpec
    owner: str
    slots: list[int]
    frame: int
    count: int = 0
    tripped: bool = False
    until: int | None = None
    trips: tuple[int, int] = (-1, 0)  # UTC day, number
    probation: int | None = None  # trades still to close

    @property
    def whole(self) -> bool:
        return self.spec.scope == "account"


@dataclass
class Now:
    """What breakers look at: the account, what each slot has made so far, the last bar of each slot's symbol."""

    ts: int
    equity: Decimal
    midnight: int | None
    made: list[Decimal]
    last: list[int | None]


class Breakers:
    """All breakers of an account, once per slot or symbol where that is their scope, in configuration order."""

    def __init__(
        self,
        specs: Iterable[BreakerSpec],
        slots: Sequence[SlotSpec],
        symbols: Sequence[str],
        account: AccountSpec,
    ) -> None:
        self.account = account
        self.peak = self.day_start = account.cash
        self.wiped = False
        self.day_base = [Decimal(0) for _ in slots]
        self.faults = {"feed": 0.0, "venue": 0.0, "storage": 0.0, "ai": 0.0}
        self.queued: list[tuple[int, int]] = []  # (ts, symbol) of every entry queued
        self.all: list[Breaker] = []
        for spec in specs:
            if spec.scope == "account":
                self.all.append(Breaker(spec, "", list(range(len(slots))), 0))
            elif spec.scope == "slot":
                self.all += [Breaker(spec, slot.key, [k], slot.timeframe_ms) for k, slot in enumerate(slots)]
            else:
                for symbol in symbols:
                    mine = [k for k, slot in enumerate(slots) if slot.symbol == symbol]
                    frame = min((slots[k].timeframe_ms for k in mine), default=0)
                    self.all.append(Breaker(spec, symbol, mine, frame))

    # ---------------------------------------------------------------- what holds now
    def level(self) -> int:
        """The account's level; a breaker of a slot or symbol bars that and leaves the account alone."""
        if self.wiped:
            return 4
        return max((LEVELS[b.spec.action] for b in self.all if b.tripped and b.whole), default=0)

    def bars(self, slot: int) -> bool:
        return any(b.tripped and not b.whole and slot in b.slots for b in self.all)

    def share(self, slot: int) -> Decimal | None:
        """Of its size an entry may have; None = all of it."""
        rates = [nine(b.spec.probation) for b in self.all if b.probation is not None and slot in b.slots]
        return min(rates, default=None)

    def ends(self) -> list[int]:
        return [b.until for b in self.all if b.tripped and b.until is not None]

    def too_many(self, ts: int, symbol: int) -> bool:
        limits = self.account
        minute = [s for t, s in self.queued if t // MINUTE == ts // MINUTE]
        today = [s for t, s in self.queued if t // MS_DAY == ts // MS_DAY]
        return (
            0 < limits.orders_symbol_minute <= minute.count(symbol)
            or 0 < limits.orders_minute <= len(minute)
            or 0 < limits.orders_day <= len(today)
        )

    # ---------------------------------------------------------------- what changes them
    def closed(self, slot: int, pnl: Decimal) -> None:
        """Counts a closed trade: a loss adds one, a gain starts anew, a draw leaves the count; a probation is one shorter."""
        for breaker in self.all:
            if slot in breaker.slots:
                if pnl:
                    breaker.count = breaker.count + 1 if pnl < 0 else 0
                if breaker.probation:
                    breaker.probation -= 1

    def expire(self, now: Now) -> bool:
        due = [b for b in self.all if b.tripped and b.until is not None and b.until <= now.ts]
        for breaker in due:
            self._anew(breaker, now)
            self._let_go(breaker)
        return bool(due)

    def _anew(self, breaker: Breaker, now: Now) -> None:
        """What it watches begins from here; whatever else reads the same number begins with it."""
        kind = breaker.spec.kind
        if kind == "drawdown":
            self.peak = now.equity
        elif kind == "daily_loss" and breaker.whole:
            self.day_start = now.equity
        elif kind == "daily_loss":
            for k in breaker.slots:
                self.day_base[k] = now.made[k]
        elif kind == "consecutive_losses":
            for other in self.all:
                if other.spec.scope == breaker.spec.scope and other.owner == breaker.owner:
                    other.count = 0
        elif kind != "stale_data":
            self.faults[FAULTS[kind]] = 0.0

    @staticmethod
    def _let_go(breaker: Breaker) -> None:
        breaker.tripped, breaker.until = False, None
        breaker.probation = breaker.spec.probation_trades or None

    def check(self, now: Now) -> list[tuple[str, list[int]]]:
        """Phase 4: what is to be done about it, in order: ("level", all), ("bar", slots), ("flatten" or "wiped_out", slots)."""
        acts: list[tuple[str, list[int]]] = []
        everything = list(range(len(self.day_base)))
        self.peak = max(self.peak, now.equity)
        if now.equity <= 0 and not self.wiped:
            self.wiped = True
            acts += [("level", everything), ("wiped_out", everything)]
        for breaker in self.all:
            value = self._value(breaker, now)
            if breaker.tripped:
                if breaker.spec.end == "regained" and value <= self._threshold(breaker) / 2:
                    self._let_go(breaker)
                continue
            if breaker.probation == 0:
                breaker.probation = None
            if value >= self._threshold(breaker):
                acts += self._trip(breaker, now)
        return acts

    def _trip(self, breaker: Breaker, now: Now) -> list[tuple[str, list[int]]]:
        day, number = breaker.trips
        today = now.ts // MS_DAY
        breaker.trips = (today, number + 1 if day == today else 1)
        breaker.tripped, breaker.probation, breaker.until = True, None, self._until(breaker, now)
        acts = [] if breaker.whole else [("bar", breaker.slots)]
        return [*acts, ("flatten", breaker.slots)] if breaker.spec.flatten else acts

    def _until(self, breaker: Breaker, now: Now) -> int | None:
        spec = breaker.spec
        often = bool(spec.trips_a_day) and breaker.trips[1] >= spec.trips_a_day
        if spec.end == "cooldown" and not often:
            return now.ts + max(spec.minutes * MINUTE, 4 * breaker.frame)
        if spec.end == "next_day":
            return now.midnight or (now.ts // MS_DAY + 1) * MS_DAY
        waits = spec.end != "regained" and self.account.auto_ack_ms
        return now.ts + self.account.auto_ack_ms if waits else None

    @staticmethod
    def _threshold(breaker: Breaker) -> float:
        """A symbol is not stale within one of its own strategy bars."""
        limit = breaker.spec.threshold
        return max(limit, breaker.frame / 1000) if breaker.spec.kind == "stale_data" else limit

    def _value(self, breaker: Breaker, now: Now) -> float:
        kind = breaker.spec.kind
        if kind == "consecutive_losses":
            return float(breaker.count)
        if kind == "stale_data":
            last = next((now.last[k] for k in breaker.slots), None)
            return 0.0 if last is None else (now.ts - last) / 1000
        if kind in FAULTS:
            return self.faults[FAULTS[kind]]
        if breaker.whole:
            start = self.peak if kind == "drawdown" else self.day_start
            return float((start - now.equity) / start) if start > 0 else 0.0
        lost = sum((self.day_base[k] - now.made[k] for k in breaker.slots), Decimal(0))
        return float(lost / self.day_start) if self.day_start > 0 else 0.0
