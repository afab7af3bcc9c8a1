"""How far the main statistics of an account could be otherwise: one table of them, for screens and reports alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.analytics import bootstrap
from engine.analytics.definitions import Account
from engine.analytics.values import Undefined

Intervals = Mapping[str, tuple[float, float]]


def intervals(account: Account) -> dict[str, tuple[float, float]]:
    """90 % intervals by stationary block bootstrap of the days, of the statistics that have one."""
    made: dict[str, Any] = {
        "total_return": bootstrap.total_return,
        "cagr": bootstrap.cagr(account.convention),
        "sharpe": bootstrap.sharpe(account.convention),
        "sortino": bootstrap.sortino(account.convention),
        "max_drawdown": bootstrap.max_drawdown,
    }
    found = {}
    for name, statistic in made.items():
        try:
            one = bootstrap.interval(account.returns, statistic)
        except (Undefined, ValueError):
            continue
        found[name] = (one.low, one.high)
    return found
