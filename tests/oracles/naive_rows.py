"""What the naive engine writes down: orders, fills, positions, trades. Prices in ticks, quantities in lots, money
Decimal.

No rule of trading but the level that protects a position.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from engine.core.types import SlotSpec


@dataclass
class Order:
    """One thing asked for. `limit` in ticks for limit orders."""

    seq: int
    slot: int
    side: int
    purpose: str
    lots: int
    created: int
    known: int
    limit: int | None = None
    expires: int | None = None
    reserved: Decimal = Decimal(0)
    state: str = "queued"
    reason: str = ""
    done: int | None = None
    decision: Any = None


@dataclass
class Fill:
    seq: int
    order: int
    slot: int
    side: int
    lots: int
    price: int
    base: int
    notional: Decimal
    fee: Decimal
    maker: bool
    ts: int
    cash: Decimal


@dataclass
class Position:
    """What a slot holds; levels and distances in ticks."""

    direction: int
    lots: int
    entry_ts: int
    entry_price: int
    entry_notional: Decimal
    fees: Decimal
    order: Order
    stop: int | None
    target: int | None
    trail: int
    breakeven: int | None
    extreme: int
    high: int
    low: int
    stop_why: str = "stop"
    stop_initial: int | None = None
    fresh_limit: bool = False
    outage: bool = False
    funding: Decimal = Decimal(0)

    def __post_init__(self) -> None:
        self._trail()
        self.stop_initial = self.stop

    def tighten(self) -> None:
        """Moves the stop by what bars before this one have shown; never loosens it."""
        self._trail()
        if self.breakeven is not None and (self.extreme - self.breakeven) * self.direction >= 0:
            self._tighten_to(self.entry_price, "breakeven")

    def _trail(self) -> None:
        if self.trail:
            self._tighten_to(self.extreme - self.direction * self.trail, "trail")

    def _tighten_to(self, level: int, why: str) -> None:
        if self.stop is None or (level - self.stop) * self.direction > 0:
            self.stop, self.stop_why = max(level, 1), why


@dataclass
class Trade:
    seq: int
    slot: int
    direction: int
    lots: int
    entry_ts: int
    exit_ts: int
    entry_price: int
    exit_price: int
    fees: Decimal
    funding: Decimal
    pnl: Decimal
    kind_pnl: Decimal
    reason: str
    ambiguous: bool
    high: int
    low: int
    bars_held: int


@dataclass
class SlotState:
    spec: SlotSpec
    position: Position | None = None
    entry: Order | None = None
    exit: Order | None = None
    cool_until: int = 0


@dataclass
class Result:
    orders: list[Order] = field(default_factory=list)
    fills: list[Fill] = field(default_factory=list)
    trades: list[Trade] = field(default_factory=list)
    equity: list[tuple[int, Decimal]] = field(default_factory=list)
    signals: list[tuple[int, str, str]] = field(default_factory=list)
