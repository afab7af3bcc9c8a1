"""Evenkeel's sweep on the benchmark's work, served line by line: `python -m benchmarks.ours_sweep BARS SETS KIND WORKERS`.

KIND: `plan` (the strategy's plan, many sets together), `signals` (its signals, set by set). Timed: everything
from the parameter sets to the table of statistics with exact deepest fall and daily returns.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

import engine
from benchmarks import ours, work
from engine.core.setup import Setup
from engine.core.types import SlotSpec
from engine.market.candles import Candles
from engine.research.grid import Listed
from engine.research.study import Source, Study
from engine.research.sweep import sweep
from engine.strategies import catalog
from engine.strategies.base import Bars, Signals, Strategy


class Said(catalog.load("sma_cross")):  # type: ignore[misc]
    """The same strategy without its plan: any strategy's way."""

    plan: Any = None

    def signals(self, bars: Bars) -> Signals:
        from engine.core.indicators import sma

        fast, slow = sma(bars.close, self.params.fast), sma(bars.close, self.params.slow)
        return Signals.long_while(fast > slow)


class Contender:
    def __init__(self, count: int, sets: int, kind: str, workers: int) -> None:
        account, instrument, slot = ours.setting(False)
        slot = SlotSpec("", "sma_cross", slot.symbol, slot.timeframe_ms, slot.sizing, slot.protection)
        bars = work.stored(count)
        columns = [bars[name] for name in ("open", "high", "low", "close", "volume")]
        ts = np.ascontiguousarray(bars["ts"], np.int64)
        self.candles = {slot.symbol: Candles(ts, *columns, work.MINUTE_MS, slot.symbol)}
        self.study = Study(Setup(account, (instrument,), (slot,), ({},), (), 0, 0), (Source(slot.symbol),))
        pairs = work.pairs(min(sets, 1000))
        more = -(-sets // len(pairs))  # beyond a thousand: the same windows with other stops
        stops = [work.STOP + k * 1e-5 for k in range(more)]
        points = [{"fast": fast, "slow": slow, "stop": stop} for stop in stops for fast, slow in pairs]
        self.points = Listed(points[:sets])
        self.classes: list[type[Strategy]] = [Said] if kind == "signals" else [catalog.load("sma_cross")]
        self.workers = workers

    def run(self, points: Any = None) -> tuple[int, float]:
        table = sweep(self.study, points or self.points, self.candles, self.workers, classes=self.classes, force=True)
        return int(table.column("trades").sum()), float(table.column("final_equity").mean())


def main() -> None:
    count, sets, kind, workers = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
    contender = Contender(count, sets, kind, workers)
    loaded = work.peak_mib()  # libraries and bars
    contender.run(Listed([{"fast": 5, "slow": 25}]))  # compiles, or loads what was compiled
    work.serve(f"evenkeel {kind}", {"version": engine.__version__, "loaded_mib": loaded}, contender.run)


if __name__ == "__main__":
    main()
