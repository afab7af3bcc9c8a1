"""Small accounts for tests, written as a person would say them."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.analytics.curve import Curve
from engine.analytics.definitions import Account
from engine.analytics.table import figures
from engine.analytics.trades import Trades
from engine.analytics.values import Figure

DAY, HOUR, MINUTE = 86_400_000, 3_600_000, 60_000
START = 1_704_067_200_000
"""2024-01-01 00:00 UTC."""


def daily(*closes: float, start: float = 1000.0, **words: Any) -> Curve:
    """One point a day, at its end."""
    ts = START + DAY * np.arange(1, len(closes) + 1, dtype=np.int64)
    end = int(ts[-1]) if ts.size else START
    return Curve(ts, np.array(closes, np.float64), start, START, end, **words)


def trades(*pnl: float, **columns: Any) -> Trades:
    """One an hour, 100 of money each."""
    n = len(pnl)
    entry = START + HOUR * np.arange(n, dtype=np.int64)
    return Trades.of(
        {"pnl": np.array(pnl, np.float64), "entry_ts": entry, "exit_ts": entry + HOUR // 2,
         "entry_notional": np.full(n, 100.0), **columns}
    )  # fmt: skip


def account(curve: Curve, closed: Trades | None = None, **words: Any) -> Account:
    return Account(curve, Trades.none() if closed is None else closed, **words)


def figure(made: Account, name: str) -> Figure:
    return figures(made, [name])[name]


def value(made: Account, name: str) -> float:
    found = figure(made, name).value
    assert found is not None, f"{name} has no value: {figure(made, name).reason}"
    return float(found)


def reason(made: Account, name: str) -> str:
    found = figure(made, name)
    assert found.value is None
    assert found.reason
    return found.reason


def walk(days: int, seed: int = 1, drift: float = 0.001, swing: float = 0.02) -> Curve:
    """A year or so of daily closes."""
    rng = np.random.default_rng(seed)
    return daily(*(1000 * np.exp(np.cumsum(rng.normal(drift, swing, days)))))
