"""What a run's rows are named by: ids of run and slots, instruments, breakers, and the grid that turns integers into REALs.

Pure: no database is asked here. See engine.ledger.context for reading a Context.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from engine.core.types import Instrument, SlotSpec


@dataclass(frozen=True)
class Grid:
    """One instrument's integers as floats: k * n / 10**d, correctly rounded, so that each equals its decimal."""

    instrument: Instrument

    @cached_property
    def _tick(self) -> tuple[int, int]:
        return self.instrument.tick_ratio

    @cached_property
    def _lot(self) -> tuple[int, int]:
        return self.instrument.lot_ratio

    @cached_property
    def _quantum(self) -> tuple[int, int]:
        numerator, denominator = self.instrument.quantum.as_integer_ratio()
        return numerator, denominator

    def price(self, ticks: int) -> float:
        n, d = self._tick
        return ticks * n / d

    def price_or_none(self, ticks: int) -> float | None:
        """Price of `ticks`; None where 0 stands for none."""
        return self.price(ticks) if ticks else None

    def qty(self, lots: int) -> float:
        n, d = self._lot
        return lots * n / d

    def money(self, quanta: int) -> float:
        n, d = self._quantum
        return quanta * n / d

    def notional(self, ticks: int, lots: int) -> int:
        """Quanta of `lots` at `ticks`, half to even, as the kernel books it."""
        instrument = self.instrument
        quotient, rest = divmod(abs(ticks) * lots * instrument.num, instrument.den)
        up = 2 * rest > instrument.den or (2 * rest == instrument.den and quotient % 2 == 1)
        return quotient + int(up) if ticks >= 0 else -(quotient + int(up))


@dataclass(frozen=True)
class Context:
    """The names of one run: instruments, slots and breakers as its machine orders them; `source_hashes` are per slot."""

    run_id: int
    instruments: tuple[Instrument, ...]
    slots: tuple[SlotSpec, ...]
    slot_ids: tuple[int, ...]
    breaker_names: tuple[str, ...]
    config_version_id: int | None
    source_hashes: tuple[str, ...]

    @cached_property
    def grids(self) -> tuple[Grid, ...]:
        """The grid of each slot's symbol."""
        of = {instrument.symbol: Grid(instrument) for instrument in self.instruments}
        return tuple(of[slot.symbol] for slot in self.slots)

    @cached_property
    def account_grid(self) -> Grid:
        """The grid of the account's money: all instruments of a run share its quantum."""
        return Grid(self.instruments[0])

    @property
    def quote(self) -> str:
        return self.instruments[0].quote

    def breaker(self, index: int) -> str:
        """A breaker's name; `kill` is a person's latch."""
        return self.breaker_names[index] if index >= 0 else "kill"

    def slot_id(self, index: int) -> int | None:
        """The row id of slot `index`; None for the account (-1)."""
        return self.slot_ids[index] if index >= 0 else None


@dataclass(frozen=True)
class Unsent:
    """A signal that the machine never saw: why, and the close it was said at, in ticks."""

    status: str
    reason: str
    mark: int


@dataclass(frozen=True)
class SignalFacts:
    """What a strategy said besides what became of it: its DECISION row, its tag in words, its checks at that bar; who
    said it (the rule, or a model by a version of a prompt), and for what never reached the machine why."""

    decision: np.void
    tag: str
    checks: dict[str, bool]
    source: str = "rule"
    model: str = ""
    prompt: str = ""
    unsent: Unsent | None = None
