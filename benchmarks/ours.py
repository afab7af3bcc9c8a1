"""Evenkeel on the benchmark's work, served line by line like its peers: `python -m benchmarks.ours BARS`.

Timed: `sma_cross` as shipped (the two means, exact, on ticks, and their crossings), the check of its signals, the
decisions with their volatility, the kernel's run with its trade log and equity curve. Outside, as for the peers: the bars
in the form the system keeps them in.
"""

from __future__ import annotations

import sys
from decimal import Decimal
from typing import Any

import numpy as np

import engine
from benchmarks import work
from engine.core.machine import Frames, Machine
from engine.core.types import TF_BAR, AccountSpec, Instrument, Protection, Rows, Sizing, SlotSpec
from engine.strategies.base import Bars
from engine.strategies.decisions import check_signals, decisions_of
from engine.strategies.sma_cross import SmaCross

FEE = Decimal(str(work.FEE))
STRATEGY = SmaCross(SmaCross.Params(fast=work.FAST, slow=work.SLOW))


def decisions(bars: Bars, instrument: Instrument) -> Any:
    """DECISION rows of the crossings, by the product's own strategy: its means, its checks, its rows."""
    signals = STRATEGY.signals(bars)
    check_signals(bars, signals)
    rows = decisions_of(0, bars, signals, instrument)
    rows["signal_id"] = np.arange(1, rows.size + 1)
    return rows


def setting(exact: bool) -> tuple[AccountSpec, Instrument, SlotSpec]:
    """Research mode sizes at the fill as the peers do; exact mode sizes at the close, reserves, and may refuse."""
    tick, lot, quantum = (Decimal("1e-4"), Decimal("1e-6"), Decimal("1e-6")) if exact else (Decimal("1e-8"),) * 3
    instrument = Instrument("X/USD", "X", "USD", tick, lot, quantum, maker=FEE, taker=FEE)
    account = AccountSpec(Decimal(int(work.CASH)), "USD", quantum, symbol_cap=0.0, slippage_bps=0.0, research=not exact)
    sizing = Sizing("share", work.SHARE)
    slot = SlotSpec("", "cross", "X/USD", work.MINUTE_MS, sizing, Protection(stop=work.STOP, target=work.TARGET))
    return account, instrument, slot


def _rows(ts: Any, columns: list[Any]) -> Rows:
    rows = np.zeros(ts.size, TF_BAR)
    rows["ts"] = ts
    for name, values in zip(("open", "high", "low", "close"), columns, strict=True):
        rows[name] = values
    return rows


class Contender:
    """The bars in ticks, and one run over them."""

    def __init__(self, count: int, exact: bool = False) -> None:
        self.account, self.instrument, self.slot = setting(exact)
        bars = work.stored(count)
        self.ts = np.ascontiguousarray(bars["ts"], np.int64)
        columns = [self.instrument.to_ticks(bars[name]) for name in ("open", "high", "low", "close")]
        self.frames = Frames.of_candles(self.ts, np.stack(columns, axis=1))
        self.bars = Bars.from_ticks(self.instrument, work.MINUTE_MS, _rows(self.ts, columns))

    def run(self) -> tuple[int, float]:
        machine = Machine(self.account, [self.instrument], [self.slot])
        reports = machine.run(self.frames, decisions(self.bars, self.instrument))
        return int(reports.trades.size), float(machine.account["equity"][0])


def main() -> None:
    exact = sys.argv[2:] == ["exact"]
    contender = Contender(int(sys.argv[1]), exact)
    contender.run()  # compiles, or loads what was compiled
    work.serve("evenkeel exact" if exact else "evenkeel", {"version": engine.__version__}, contender.run)


if __name__ == "__main__":
    main()
