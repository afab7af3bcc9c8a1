"""One slot of a run as it is drawn: the bars its strategy saw, the one that is open, and what its code makes of them.

Reading only: files, rows and the strategy's own file. Whatever a person's code raises becomes a sentence. No drawing, no
statistics.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy import Engine, select
from sqlmodel import col

from db.models import Snapshot
from engine.core.types import TF_BAR, Instrument, Rows
from engine.market.barbook import BarBook
from engine.research.outcomes_market import Bars as RunBars
from engine.research.outcomes_market import told_of
from engine.research.play import signals_of
from engine.research.trade_bars import FROM_RUN, FROM_STORE
from engine.strategies import catalog
from engine.strategies._record import Row
from engine.strategies.base import Bars, StrategyError

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Standing:
    """What the newest snapshot says: `now` exchange ms UTC (0 without one), by slot key what its strategy made of its newest
    bar (end, bars, warmup, checks) and until when it cools down, the bars' counts by file, the open bars by (symbol, ms)."""

    now: int = 0
    said: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    blocked_until: Mapping[str, int] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)
    firsts: Mapping[str, int] = field(default_factory=dict)
    opened: Mapping[tuple[str, int], list[Any]] = field(default_factory=dict)
    known: Mapping[str, Sequence[Row]] = field(default_factory=dict)
    """By strategy, what it was told of its own signals, and when."""

    def stamp(self, symbol: str, timeframe_ms: int) -> tuple[int, int]:
        """Changes with each bar that closes and each cut: what is made of the closed bars depends on nothing else."""
        name = BarBook.name_of(symbol, timeframe_ms)
        return self.counts.get(name, 0), self.firsts.get(name, 0)

    def open_bar(
        self, symbol: str, timeframe_ms: int, grid: Instrument
    ) -> tuple[int, float, float, float, float, float] | None:
        """The bar that is not over: ts (ms UTC), open, high, low, close in quote currency, volume; None without one."""
        bar = self.opened.get((symbol, timeframe_ms))
        if not bar:
            return None
        opened, high, low, close = (grid.price(int(ticks)) for ticks in bar[1:5])
        return int(bar[0]), opened, high, low, close, float(bar[5])


def standing(engine: Engine, run_id: int) -> Standing:
    """As the engine left it with its newest commit."""
    newest = (
        select(col(Snapshot.extra)).where(col(Snapshot.run_id) == run_id).order_by(col(Snapshot.id).desc()).limit(1)
    )
    with engine.connect() as connection:
        extra: Mapping[str, Any] = connection.execute(newest).scalar() or {}
    if not extra:
        return Standing()
    symbols = [one["symbol"] for one in extra.get("setup", {}).get("instruments", ())]
    opened = {
        (symbols[number], int(timeframe)): bar
        for timeframe, state in extra.get("resamplers", {}).items()
        for number, bar in state["open"]
        if number < len(symbols)
    }
    return Standing(
        int(extra["now"]), extra.get("said", {}), extra.get("blocked_until", {}), extra.get("bars", {}),
        extra.get("first_bars", {}), opened, extra.get("known", {}),
    )  # fmt: skip


@dataclass(frozen=True)
class SlotBars:
    """TF_BAR[n] of the slot's own timeframe, the grid their prices are on, and where they are from, or why there are none."""

    rows: Rows
    grid: Instrument
    source: str


def slot_bars(engine: Engine, run_id: int, slot_id: int, stands: Standing, folder: Path) -> SlotBars:
    """The bars that the slot's strategy saw, to the last one closed: the run's own file, else what a backtest was played on,
    else the store's. `folder` is the data folder."""
    told = told_of(engine, run_id)
    spec, grid = told.specs[slot_id], told.grids[slot_id]
    name = BarBook.name_of(spec.symbol, spec.timeframe_ms)
    path = folder / "runs" / str(run_id) / "bars" / name
    if path.exists():
        first, whole = stands.firsts.get(name, 0), path.stat().st_size // TF_BAR.itemsize
        count = min(stands.counts.get(name, whole), whole) - first
        rows = np.fromfile(path, TF_BAR, max(count, 0), offset=first * TF_BAR.itemsize)
        return SlotBars(rows, grid, FROM_RUN)
    rows, why = RunBars(engine, told, folder).of(slot_id, 0)
    return SlotBars(rows, grid, FROM_STORE if rows.size else why)


@dataclass(frozen=True)
class Evaluated:
    """What the strategy's file makes of the bars: series and checks of n values, `warmup` bars, entries (1, -1, 0).

    `problem` says why there is nothing; `changed` that the file is not the code that the run was made with.
    """

    plot: Mapping[str, Floats] = field(default_factory=dict)
    checks: Mapping[str, Bools] = field(default_factory=dict)
    entry: npt.NDArray[np.int8] = field(default_factory=lambda: np.zeros(0, np.int8))
    warmup: int = 0
    problem: str = ""
    changed: bool = False

    def needs(self) -> dict[int, tuple[str, ...]]:
        """By direction, the checks that were true at every entry there was: what an entry waits for, as the past shows it."""
        found = {}
        for side in (1, -1):
            at = self.entry == side
            if at.any():
                found[side] = tuple(name for name, values in self.checks.items() if bool(values[at].all()))
        return found

    def newest(self) -> dict[str, bool]:
        """The checks at the last bar."""
        return {name: bool(values[-1]) for name, values in self.checks.items() if values.size}


def evaluate(
    name: str, params: Mapping[str, Any], source_hash: str, grid: Instrument, timeframe_ms: int, rows: Rows,
    known: Sequence[Row] = (),
) -> Evaluated:  # fmt: skip
    """The strategy `name` on TF_BAR[n], by the code that backtests and the engine call, told `known` of its own signals as its
    run was. Never raises for its code."""
    try:
        strategy = catalog.make(name, params)
        changed = bool(source_hash) and catalog.source(name)[1] != source_hash
        warm = strategy.warmup()
        if not rows.size:
            return Evaluated(warmup=warm, changed=changed)
        signals = signals_of(strategy, replace(Bars.from_ticks(grid, timeframe_ms, rows), known=known))
        plot = {str(key): np.asarray(values, np.float64).view(np.ndarray) for key, values in signals.plot.items()}
        checks = {str(key): np.asarray(values).astype(np.bool_) for key, values in signals.checks.items()}
        return Evaluated(plot, checks, np.asarray(signals.entry).astype(np.int8), warm, "", changed)
    except StrategyError as error:  # it takes its own lines off the chart and nothing else
        return Evaluated(problem=str(error))
