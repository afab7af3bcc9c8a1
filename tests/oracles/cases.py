"""The cases on which trades are compared one by one with other libraries: bars, signals, protections, and our own
run.

Every entry is of one fixed amount, so that a trade does not depend on the ones before it and a difference cannot
spread. The signals are worked out here once, exactly, and handed to every library: how ties are broken is not what
is compared.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks import work
from engine.core.types import DECISION, EXEC_BAR, AccountSpec, Instrument, Protection, Sizing, SlotSpec

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "ohlcv"
AMOUNT, CASH, FEE = 1_000.0, 1_000_000.0, Decimal("0.001")


@dataclass(frozen=True)
class Case:
    """`source` is a file below the folder of real candles, or empty for the benchmark's synthetic market."""

    name: str
    source: str
    start: int
    rows: int
    fast: int
    slow: int
    stop: float
    target: float
    short: bool = False
    minutes: int = 1

    @property
    def available(self) -> bool:
        return not self.source or (DATA / self.source).exists()


CASES = (
    Case("synthetic", "", 0, 8_000, 10, 50, 0.004, 0.008),
    Case("synthetic-short", "", 8_000, 8_000, 10, 50, 0.004, 0.008, short=True),
    Case("btc-crash", "binance_spot/1m/BTCUSDT_20240726_20240825.parquet", 13_000, 8_000, 10, 50, 0.004, 0.008),
    Case(
        "eth-short",
        "binance_spot/1m/ETHUSDT_20240726_20240825.parquet",
        13_000,
        8_000,
        10,
        50,
        0.004,
        0.008,
        short=True,
    ),
    Case("link-5m", "binance_spot/5m/LINKUSDT_20240101_20240907.parquet", 0, 8_000, 8, 30, 0.01, 0.02, minutes=5),
)


def bars_of(case: Case, rows: int | None = None) -> dict[str, npt.NDArray[Any]]:
    """ts (int64 ms) and float64 open, high, low, close of a case."""
    count = rows or case.rows
    if not case.source:
        whole = work.bars(case.start + count)
        return {name: whole[name][case.start :] for name in ("ts", "open", "high", "low", "close")}
    import pyarrow.parquet as pq

    table = pq.read_table(DATA / case.source).slice(case.start, count)
    out = {name: table[name].to_numpy() for name in ("open", "high", "low", "close")}
    out["ts"] = table["ts"].to_numpy().astype("datetime64[ms]").astype(np.int64)
    return out


def signals_of(case: Case, bars: dict[str, npt.NDArray[Any]]) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """(entry, exit) a bar: the fast mean of closes turns above (below for a short) the slow one, and back. Exact."""
    ticks = np.rint(bars["close"] * 1e8).astype(np.int64)
    total = np.concatenate(
        ([0], np.cumsum(ticks - ticks[0]))
    )  # a shift moves both means alike and keeps the sums small
    above = np.zeros(ticks.size, dtype=bool)
    fast = total[case.slow :] - total[case.slow - case.fast : -case.fast]
    slow = total[case.slow :] - total[: -case.slow]
    above[case.slow - 1 :] = fast * case.slow > slow * case.fast
    turned_up, turned_down = above[1:] & ~above[:-1], ~above[1:] & above[:-1]
    up, down = np.concatenate(([False], turned_up)), np.concatenate(([False], turned_down))
    up[: case.slow] = down[: case.slow] = False  # the first warm bar is no turn
    return (down, up) if case.short else (up, down)


def engine_input(
    case: Case, bars: dict[str, npt.NDArray[Any]]
) -> tuple[AccountSpec, Instrument, SlotSpec, Any, Any, Any]:
    """(account, instrument, slot, frame times, EXEC_BAR rows, DECISION rows) of a research run without slippage."""
    frame = case.minutes * 60_000
    instrument = Instrument.unspecified("X/USD", maker=FEE, taker=FEE)
    account = AccountSpec(
        cash=Decimal(int(CASH)), quote="USD", quantum=Decimal("1e-8"), symbol_cap=0.0, slippage_bps=0.0, research=True
    )
    slot = SlotSpec(
        "",
        "cross",
        "X/USD",
        frame,
        Sizing("fixed", AMOUNT),
        Protection(stop=case.stop, target=case.target),
        allow_short=True,
    )
    rows = np.zeros(bars["ts"].size, dtype=EXEC_BAR)
    for name in ("open", "high", "low", "close"):
        rows[name] = instrument.to_ticks(bars[name])
    entry, leave = signals_of(case, bars)
    at = np.flatnonzero(entry | leave)
    decisions = np.zeros(at.size, dtype=DECISION)
    decisions["entry"] = np.where(entry[at], -1 if case.short else 1, 0)
    decisions["exit"] = leave[at]
    decisions["decided_at"] = decisions["known_at"] = bars["ts"][at] + frame
    decisions["signal_id"] = np.arange(1, at.size + 1)
    decisions["volatility"] = np.nan
    return account, instrument, slot, bars["ts"], rows, decisions
