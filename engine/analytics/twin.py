"""Live minus twin, trade by trade: what real orders cost against the model's fills of the same decisions. Pure.

For a pair of trades on one decision, at the live size q: live P&L less the twin's = -(entry slip + exit slip + dearer fees), each
in quote currency, a cost above zero. What is left between two accounts is size, missed fills and fills that the twin has not;
the parts add up to the difference of the accounts' closed trades.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields


@dataclass(frozen=True)
class Leg:
    """One closed trade: direction 1 or -1, times ms UTC, prices in quote currency, fees and pnl (net of fees and funding) in
    money."""

    direction: int
    qty: float
    entry_ts: int
    exit_ts: int
    entry_price: float
    exit_price: float
    fees: float
    pnl: float
    reason: str


@dataclass(frozen=True)
class Gap:
    """What a pair costs, or a sum over pairs, in quote currency; a cost is above zero. `exit_elsewhere` is the exit's part where
    the two left for different reasons; `size` what the twin made more by being larger, `missed` what it made on decisions that
    the live account never filled, `alone` what the live account lost on decisions that the twin never filled."""

    entry_slip: float = 0.0
    exit_slip: float = 0.0
    exit_elsewhere: float = 0.0
    fees: float = 0.0
    size: float = 0.0
    missed: float = 0.0
    alone: float = 0.0

    @property
    def total(self) -> float:
        """Twin's P&L less the live account's."""
        return float(sum(getattr(self, one.name) for one in fields(self)))

    def __add__(self, other: Gap) -> Gap:
        return Gap(*(getattr(self, one.name) + getattr(other, one.name) for one in fields(self)))


def gap(live: Leg | None, twin: Leg | None) -> Gap:
    """The cost of one decision. ValueError where neither side traded."""
    if live is None and twin is None:
        raise ValueError("nobody traded on this decision")
    if live is None:
        assert twin is not None
        return Gap(missed=twin.pnl)
    if twin is None:
        return Gap(alone=-live.pnl)
    part = live.qty / twin.qty
    entry = live.direction * (live.entry_price - twin.entry_price) * live.qty
    leaving = live.direction * (twin.exit_price - live.exit_price) * live.qty
    same = live.reason == twin.reason
    at_live_size = twin.pnl * part
    fees = at_live_size - live.pnl - entry - leaving
    return Gap(
        entry_slip=entry,
        exit_slip=leaving if same else 0.0,
        exit_elsewhere=0.0 if same else leaving,
        fees=fees,
        size=twin.pnl - at_live_size,
    )


def summed(gaps: Iterable[Gap]) -> Gap:
    """The sum, part by part."""
    total = Gap()
    for one in gaps:
        total = total + one
    return total
