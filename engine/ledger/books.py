"""A run's books done again in Decimal, fill by fill: the arithmetic of the audit, by the rules of the kernel and not by its code.

Pure. Amounts are rounded half to even on the instrument's grid; nothing is a float. Callers set a wide decimal context.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

RATE = Decimal("1e-9")
ZERO = Decimal(0)


@dataclass(frozen=True)
class DecimalGrid:
    """An instrument's steps, and the fee rates that may have been charged."""

    tick: Decimal
    lot: Decimal
    quantum: Decimal
    maker: frozenset[Decimal]
    taker: frozenset[Decimal]

    @staticmethod
    def of(row: Mapping[str, Any]) -> DecimalGrid:
        """From decimals as text; rates are kept to 1e-9, as the kernel does."""
        tick, lot, quantum, maker, taker = (Decimal(row[n]) for n in ("tick", "lot", "quantum", "maker", "taker"))
        return DecimalGrid(tick, lot, quantum, frozenset({rounded(maker, RATE)}), frozenset({rounded(taker, RATE)}))

    def with_rates(self, maker: set[Decimal], taker: set[Decimal]) -> DecimalGrid:
        """The same grid, charged at these rates at other times."""
        return DecimalGrid(self.tick, self.lot, self.quantum, self.maker | maker, self.taker | taker)

    def notional(self, price: Decimal, qty: Decimal) -> Decimal:
        return rounded(price * qty, self.quantum)

    def fees(self, notional: Decimal, maker: bool) -> set[Decimal]:
        """What may be charged for `notional`."""
        return {rounded(notional * rate, self.quantum) for rate in (self.maker if maker else self.taker)}


def exact(real: float) -> Decimal:
    """A stored REAL as the decimal it was written for."""
    return Decimal(repr(float(real)))


def rounded(value: Decimal, step: Decimal) -> Decimal:
    """To the nearest multiple of `step`, ties to the even one."""
    return (value / step).to_integral_value(ROUND_HALF_EVEN) * step


@dataclass
class Holding:
    """One position from its first fill on; closed when `qty` is back at zero. Fields are named as the trade's columns."""

    seq: int
    slot_id: int
    symbol: str
    direction: int
    entry_ts: int
    entry_order_seq: int
    qty: Decimal = ZERO
    held: Decimal = ZERO
    entry_price: Decimal = ZERO
    exit_price: Decimal = ZERO
    entry_notional: Decimal = ZERO
    exit_notional: Decimal = ZERO
    fees: Decimal = ZERO
    funding: Decimal = ZERO
    exit_ts: int = 0
    exit_order_seq: int = 0

    @property
    def pnl(self) -> Decimal:
        return self.direction * (self.exit_notional - self.entry_notional) - self.fees - self.funding

    def enter(self, fill: Fill, tick: Decimal) -> None:
        self.qty += fill.qty
        self.held += fill.qty
        self.entry_notional += fill.notional
        self.entry_price += rounded((fill.price - self.entry_price) * fill.qty / self.qty, tick)

    def leave(self, fill: Fill, tick: Decimal) -> None:
        self.held -= fill.qty
        gone = self.qty - self.held
        self.exit_notional += fill.notional
        self.exit_price += rounded((fill.price - self.exit_price) * fill.qty / gone, tick)
        self.exit_ts, self.exit_order_seq = fill.ts, fill.order_seq


@dataclass(frozen=True)
class Fill:
    """A stored fill, its REALs as decimals."""

    seq: int
    order_seq: int
    slot_id: int
    symbol: str
    direction: int
    entry: bool
    maker: bool
    qty: Decimal
    price: Decimal
    notional: Decimal
    fee: Decimal
    cash_after: Decimal
    ts: int


@dataclass
class Books:
    """Cash and holdings as the fills make them; `take` in order of seq."""

    cash: Decimal
    open: dict[int, Holding] = field(default_factory=dict)
    closed: dict[int, Holding] = field(default_factory=dict)
    opened: int = 0

    def flow(self, amount: Decimal, slot_id: int | None) -> None:
        """Money that came in (or left, negative) without a fill; with a slot it is the funding of what that holds."""
        self.cash += amount
        if slot_id is not None and slot_id in self.open:
            self.open[slot_id].funding -= amount

    def take(self, fill: Fill, grid: DecimalGrid) -> str | None:
        """Book one fill; a sentence if it cannot belong where it stands."""
        self.cash -= fill.direction * fill.notional + fill.fee
        holding = self.open.get(fill.slot_id)
        if fill.entry:
            return self._enter(fill, holding, grid)
        if holding is None:
            return "closes a position that its slot does not hold"
        if fill.direction == holding.direction or fill.qty > holding.held:
            return f"takes {fill.qty:f} out of a position of {holding.held:f}"
        holding.fees += fill.fee
        holding.leave(fill, grid.tick)
        if not holding.held:
            self.closed[holding.seq] = self.open.pop(fill.slot_id)
        return None

    def _enter(self, fill: Fill, holding: Holding | None, grid: DecimalGrid) -> str | None:
        if holding is None:
            self.opened += 1
            holding = Holding(self.opened, fill.slot_id, fill.symbol, fill.direction, fill.ts, fill.order_seq)
            self.open[fill.slot_id] = holding
        elif holding.direction != fill.direction:
            return "enters against the position that its slot holds"
        holding.fees += fill.fee
        holding.enter(fill, grid.tick)
        return None
