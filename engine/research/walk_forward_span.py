"""A setup traded over a part of its candles: indicators warm from those before, nothing seen of those after.

What walk-forward is made of. No choosing, no folds, no database.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from engine.core.machine import Frames, Machine, Reports
from engine.core.setup import Setup
from engine.core.types import Instrument, Rows, SlotSpec
from engine.market.candles import Candles
from engine.research.own_record import LESSONS, Known, Teller, hear
from engine.research.play import Played, PlayedSlot, frames_of, longer, signals_of, ticks_of
from engine.strategies import catalog
from engine.strategies.base import Bars, Signals
from engine.strategies.decisions import decisions_of


class Ground:
    """Candles up to an instant on the instruments' grids, their bars and frames made once for all who walk on them."""

    def __init__(self, instruments: Sequence[Instrument], candles: Mapping[str, Candles], to_ts: int) -> None:
        """Nothing of `candles` at or after `to_ts` (ms UTC) is kept."""
        self.instruments, self.to_ts = tuple(instruments), to_ts
        seen = {one.symbol: candles[one.symbol].between(None, to_ts) for one in instruments}
        self.steps = {symbol: one.timeframe_ms for symbol, one in seen.items()}
        self.ticks = {one.symbol: ticks_of(seen[one.symbol], one) for one in instruments}
        self._grid = {one.symbol: one for one in instruments}
        self.candles = seen
        self._bars: dict[tuple[str, int], Bars] = {}
        self._rows: dict[tuple[str, int], Rows] = {}
        self._frames: dict[tuple[int, bool], Frames] = {}

    def bars(self, symbol: str, timeframe_ms: int) -> Bars:
        """Whole bars of one timeframe from the beginning of the data."""
        key = symbol, timeframe_ms
        if key not in self._bars:
            rows = longer(self.ticks[symbol], self.steps[symbol], timeframe_ms)
            self._rows[key], self._bars[key] = rows, Bars.from_ticks(self._grid[symbol], timeframe_ms, rows)
        return self._bars[key]

    def teller(self, spec: SlotSpec) -> Teller:
        """A slot with the bars that it sees."""
        bars = self.bars(spec.symbol, spec.timeframe_ms)
        return Teller(spec, self._grid[spec.symbol], bars, self._rows[spec.symbol, spec.timeframe_ms])

    def frames(self, from_ts: int, known: bool) -> Frames:
        """Frames from `from_ts` on; with `known` the bar before it too, so that there is a price to begin with."""
        key = from_ts, known
        if key not in self._frames:
            self._frames[key] = frames_of([self._after(one.symbol, from_ts, known) for one in self.instruments])
        return self._frames[key]

    def _after(self, symbol: str, from_ts: int, known: bool) -> Rows:
        rows = self.ticks[symbol]
        first = int(np.searchsorted(rows["ts"], from_ts))
        out: Rows = rows[max(first - 1, 0) if known else first :]
        return out


@dataclass(frozen=True)
class Stretch:
    """What a setup's slots say on [from_ts, ground.to_ts), and the ground they say it on."""

    slots: tuple[PlayedSlot, ...]
    ground: Ground
    from_ts: int


def stretch_of(setup: Setup, ground: Ground, from_ts: int, known: Known | None = None) -> Stretch:
    """Ask every slot; one that reads its own record is told `known`, or else of what it would have said since the beginning of
    the data. StrategyError for signals that cannot be used."""
    slots = []
    for i, (bars, signals) in enumerate(_heard(setup, ground, known)):
        said = decisions_of(i, bars, signals, ground.teller(setup.slots[i]).instrument, setup.account.delay_ms)
        inside = (said["decided_at"] >= from_ts) & (said["decided_at"] < ground.to_ts)
        slots.append(PlayedSlot(bars, signals, said[inside].copy()))
    return Stretch(tuple(slots), ground, from_ts)


def _heard(setup: Setup, ground: Ground, known: Known | None) -> list[tuple[Bars, Signals]]:
    strategies = [
        catalog.make(spec.strategy, dict(params)) for spec, params in zip(setup.slots, setup.params, strict=True)
    ]
    tellers = [ground.teller(spec) for spec in setup.slots]
    if known is not None:
        told = [replace(one.bars, known=known.get(one.spec.strategy, ())) for one in tellers]
        return [(bars, signals_of(strategy, bars)) for strategy, bars in zip(strategies, told, strict=True)]
    return hear(
        tellers, lambda i, bars: signals_of(strategies[i], bars),
        lambda i, bars, said: decisions_of(i, bars, said, tellers[i].instrument),
        setup.account.slippage_bps, LESSONS, ground.candles,
    ).slots  # fmt: skip


def advance(machine: Machine, stretch: Stretch, first_signal: int, *, first: bool, last: bool) -> tuple[Reports, int]:
    """Take `machine` through a stretch; the reports, and the number that the next signal has.

    What is due at the very end of a stretch belongs to the next one, if there is one.
    """
    parts = [slot.decisions for slot in stretch.slots]
    rows: Rows = np.concatenate(parts)
    order = np.lexsort((rows["slot"], rows["decided_at"]))
    rows["signal_id"][order] = np.arange(first_signal, first_signal + rows.size)
    start = 0
    for part in parts:  # each slot's own rows get their numbers too
        part["signal_id"] = rows["signal_id"][start : start + part.size]
        start += part.size
    until = stretch.ground.to_ts - (0 if last else 1)
    frames = stretch.ground.frames(stretch.from_ts, first)
    return machine.run(frames, rows[order], until=until), first_signal + rows.size


def play_on(setup: Setup, ground: Ground, from_ts: int) -> Played:
    """One setup from `from_ts` to the ground's end, in an account of its own."""
    stretch = stretch_of(setup, ground, from_ts)
    machine = setup.machine()
    reports, _ = advance(machine, stretch, 1, first=True, last=True)
    return Played(machine, reports, stretch.slots, from_ts, ground.to_ts)


def play_span(setup: Setup, candles: Mapping[str, Candles], from_ts: int, to_ts: int) -> Played:
    """One setup traded over [from_ts, to_ts), ms UTC."""
    return play_on(setup, Ground(setup.instruments, candles, to_ts), from_ts)
