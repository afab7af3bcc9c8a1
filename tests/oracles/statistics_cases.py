"""The accounts on which statistics are compared with other libraries: an equity curve by the hour and its trades.

Seeded walks, and the account of someone who held a real coin. Everything is worked out here, in whole cents; every library
gets the same numbers.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.analytics.curve import Curve
from engine.analytics.definitions import Account
from engine.analytics.trades import Trades

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "ohlcv"
START, HOUR = 1_704_067_200_000, 3_600_000
CASH = 10_000.0


@dataclass(frozen=True)
class Case:
    """`source`: a file of real candles below the folder of data, or empty for a walk; its bars are `hours` long."""

    name: str
    seed: int
    days: int
    drift: float = 0.0
    swing: float = 0.004
    source: str = ""
    hours: int = 1

    @property
    def available(self) -> bool:
        return not self.source or (DATA / self.source).exists()


CASES = (
    Case("up", 11, 120, drift=0.00015),
    Case("down", 12, 90, drift=-0.0001),
    Case("wild", 13, 70, swing=0.02),
    Case("real", 14, 0, source="binance_spot/1h/BTCUSDT_20240101_20240906.parquet"),
)
Columns = dict[str, npt.NDArray[Any]]


def columns_of(case: Case) -> Columns:
    """`ts` int64 ms (end of each bar), `price` and `equity` float64; `entry`, `exit` bar numbers; `pnl`, `notional` a trade.

    A trade's bars, result and size; they are made up, as a library takes any list of trades.
    """
    rng = np.random.default_rng(case.seed)
    price, ts = _prices(case, rng)
    levels = CASH * np.concatenate([[1.0], price[1:] / price[0]])
    n = price.size
    entry = np.sort(rng.choice(n - 60, size=n // 40, replace=False))
    held = rng.integers(1, 30, entry.size)
    pnl = np.round(rng.normal(3, 60, entry.size), 2)
    pnl[5] = 0.0
    notional = np.round(rng.uniform(500, 5000, entry.size), 2)
    exit_ = entry + held
    order = np.argsort(exit_, kind="stable")
    return {
        "ts": ts, "price": price, "equity": np.round(levels, 2), "entry": entry[order], "exit": exit_[order],
        "pnl": pnl[order], "notional": notional[order],
    }  # fmt: skip


def _prices(case: Case, rng: np.random.Generator) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    if case.source:
        import pyarrow.parquet as pq

        table = pq.read_table(DATA / case.source)
        opened = table["ts"].to_numpy().astype("datetime64[ms]").astype(np.int64)
        return table["close"].to_numpy().astype(np.float64), opened + case.hours * HOUR
    n = 24 * case.days
    price = np.round(30_000 * np.exp(np.cumsum(rng.normal(case.drift, case.swing, n))), 2)
    return price, START + np.arange(1, n + 1, dtype=np.int64) * HOUR


def account_of(case: Case, columns: Columns | None = None) -> Account:
    made = columns or columns_of(case)
    ts, begun = made["ts"], int(made["ts"][0]) - case.hours * HOUR
    trades = Trades.of(
        {
            "entry_ts": ts[made["entry"]] - case.hours * HOUR,
            "exit_ts": ts[made["exit"]] - case.hours * HOUR,
            "pnl": made["pnl"],
            "entry_notional": made["notional"],
        }
    )
    return Account(Curve(ts, made["equity"], CASH, begun, int(ts[-1])), trades)


def digest(columns: Columns) -> str:
    """Of the numbers, so that answers are never compared with other ones."""
    whole = b"".join(np.ascontiguousarray(columns[name]).tobytes() for name in sorted(columns))
    return hashlib.sha256(whole).hexdigest()[:16]
