"""Evenkeel on the benchmark's work, served line by line like its peers: `python -m benchmarks.ours BARS`.

Timed: the two means (exact, on ticks), their crossings, the decisions, the kernel's run with its trade log and
equity curve. Outside, as for the peers: the bars in the form the system keeps them in.
"""

from __future__ import annotations

import sys
from decimal import Decimal
from typing import Any

import numpy as np
from numba import njit

import engine
from benchmarks import work
from engine.core.machine import Frames, Machine
from engine.core.types import DECISION, AccountSpec, Instrument, Protection, Sizing, SlotSpec

FEE = Decimal(str(work.FEE))


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _turns(close: Any, fast: int, slow: int, at: Any, way: Any) -> int:
    """Bars at which the fast mean turns above (1) or not above (-1) the slow one, from exact sums; the first is no
    turn.
    """
    a, b, before, count = 0, 0, 0, 0
    for t in range(close.size):
        a += close[t]
        b += close[t]
        if t >= fast:
            a -= close[t - fast]
        if t >= slow:
            b -= close[t - slow]
        if t >= slow - 1:
            now = 1 if a * slow > b * fast else -1
            if before != 0 and now != before:
                at[count] = t
                way[count] = now
                count += 1
            before = now
    return count


def decisions(ts: Any, close: Any) -> Any:
    """DECISION rows of the crossings of bars with open times `ts` and closes in ticks."""
    at, way = np.empty(close.size, np.int64), np.empty(close.size, np.int8)
    count = _turns(close, work.FAST, work.SLOW, at, way)
    rows = np.zeros(count, DECISION)
    rows["entry"] = way[:count] > 0
    rows["exit"] = way[:count] < 0
    rows["decided_at"] = rows["known_at"] = ts[at[:count]] + work.MINUTE_MS
    rows["signal_id"] = np.arange(1, count + 1)
    rows["volatility"] = np.nan
    return rows


def setting(exact: bool) -> tuple[AccountSpec, Instrument, SlotSpec]:
    """Research mode sizes at the fill as the peers do; exact mode sizes at the close, reserves, and may refuse."""
    tick, lot, quantum = (Decimal("1e-4"), Decimal("1e-6"), Decimal("1e-6")) if exact else (Decimal("1e-8"),) * 3
    instrument = Instrument("X/USD", "X", "USD", tick, lot, quantum, maker=FEE, taker=FEE)
    account = AccountSpec(Decimal(int(work.CASH)), "USD", quantum, symbol_cap=0.0, slippage_bps=0.0, research=not exact)
    sizing = Sizing("share", work.SHARE)
    slot = SlotSpec("", "cross", "X/USD", work.MINUTE_MS, sizing, Protection(stop=work.STOP, target=work.TARGET))
    return account, instrument, slot


class Contender:
    """The bars in ticks, and one run over them."""

    def __init__(self, count: int, exact: bool = False) -> None:
        self.account, self.instrument, self.slot = setting(exact)
        bars = work.stored(count)
        self.ts = np.ascontiguousarray(bars["ts"], np.int64)
        columns = [self.instrument.to_ticks(bars[name]) for name in ("open", "high", "low", "close")]
        self.frames = Frames.of_candles(self.ts, np.stack(columns, axis=1))
        self.close = columns[3]

    def run(self) -> tuple[int, float]:
        machine = Machine(self.account, [self.instrument], [self.slot])
        reports = machine.run(self.frames, decisions(self.ts, self.close))
        return int(reports.trades.size), float(machine.account["equity"][0])


def main() -> None:
    exact = sys.argv[2:] == ["exact"]
    contender = Contender(int(sys.argv[1]), exact)
    contender.run()  # compiles, or loads what was compiled
    work.serve("evenkeel exact" if exact else "evenkeel", {"version": engine.__version__}, contender.run)


if __name__ == "__main__":
    main()
