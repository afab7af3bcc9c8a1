"""Statistics of many sets at once from their tallies: the same numbers as engine.analytics gives for each run alone.

NaN stands for undefined. Definitions, labels and conventions are in engine.analytics; tests hold the two equal to the bit.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.analytics import ratios
from engine.analytics.values import Undefined
from engine.core.types import Rows

Floats = npt.NDArray[np.float64]

COUNTS = ("trades", "open_trades", "long_trades", "short_trades", "wins", "losses", "draws", "win_streak", "loss_streak",
          "ambiguous_trades", "days")  # fmt: skip
FIGURES = (
    *COUNTS,
    "win_rate", "profit_factor", "payoff", "expectancy", "sqn", "kelly", "gross_profit", "gross_loss", "closed_profit",
    "best_trade", "worst_trade", "avg_hold_seconds", "fees", "exposure", "final_equity", "net_profit", "total_return", "cagr",
    "volatility", "sharpe", "sharpe_daily", "sortino", "calmar", "max_drawdown", "max_drawdown_daily", "skew", "kurtosis",
)  # fmt: skip
"""Every statistic a sweep keeps, named as in engine.analytics; `sharpe_daily` is not annualised."""


def returns_of(levels: Floats) -> Floats:
    """float64[k, d] daily returns of levels [k, d + 1]; a row of NaN for an account that was used up."""
    before = levels[:, :-1]
    sound = (before > 0).all(axis=1) & np.isfinite(levels).all(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        moved: Floats = np.diff(levels, axis=1) / before
    moved[~sound] = np.nan
    return moved


def figures_of(tallies: Rows, levels: Floats, scale: float, years: float, days_a_year: int = 365) -> dict[str, Any]:
    """int64[k] for COUNTS and float64[k] for the others, by the names of FIGURES. `scale`: quanta in a unit of money."""
    with np.errstate(all="ignore"):
        found = {**_trades(tallies, scale), **_curve(tallies, levels, years, days_a_year)}
    return {name: found[name] for name in FIGURES}


def _trades(t: Rows, scale: float) -> dict[str, Any]:
    n, wins, losses = t["trades"], t["wins"], t["losses"]
    some = np.where(n > 0, 1.0, np.nan)
    win_rate, mean = wins / n, t["profit"] / n
    won, lost = (
        np.where(wins > 0, t["gross_profit"] / wins, np.nan),
        np.where(losses > 0, t["gross_loss"] / losses, np.nan),
    )
    payoff = won / -lost
    largest = np.maximum(np.abs(t["best"]), np.abs(t["worst"])) / scale
    differ = (n > 1) & (t["deviation"] > 1e-14 * largest)
    return {
        "trades": n, "open_trades": t["open"], "long_trades": t["longs"], "short_trades": n - t["longs"],
        "wins": wins, "losses": losses, "draws": n - wins - losses,
        "win_streak": t["win_streak"], "loss_streak": t["loss_streak"], "ambiguous_trades": t["ambiguous"],
        "win_rate": win_rate, "profit_factor": np.where(losses > 0, t["gross_profit"] / -t["gross_loss"], np.nan),
        "payoff": payoff, "expectancy": mean, "sqn": np.where(differ, np.sqrt(n) * mean / t["deviation"], np.nan),
        "kelly": win_rate - (1 - win_rate) / payoff,
        "gross_profit": t["gross_profit"], "gross_loss": t["gross_loss"], "closed_profit": t["profit"],
        "best_trade": t["best"] / scale * some, "worst_trade": t["worst"] / scale * some,
        "avg_hold_seconds": t["hold"] / 1000.0 / n, "fees": t["fees"] / scale,
    }  # fmt: skip


def _curve(t: Rows, levels: Floats, years: float, days_a_year: int) -> dict[str, Any]:
    start, final, fall = t["start"], t["level"], t["fall"]
    returns = returns_of(levels)
    root, enough = math.sqrt(days_a_year), returns.shape[1] > 1
    spread = _spread(returns) if enough else np.full(len(t), np.nan)
    mean = returns.mean(axis=1) if returns.shape[1] else np.full(len(t), np.nan)
    risk = np.sqrt((np.minimum(returns, 0.0) ** 2).mean(axis=1)) if enough else np.full(len(t), np.nan)
    daily = np.where(spread > 0, mean / spread, np.nan)
    cagr = _each(lambda k: ratios.growth(float(start[k]), float(final[k]), years), len(t))
    return {
        "days": np.full(len(t), returns.shape[1]), "exposure": t["held"] / t["points"], "final_equity": final,
        "net_profit": final - start - 0.0, "total_return": final / start - 1, "cagr": cagr, "volatility": spread * root,
        "sharpe": daily * root, "sharpe_daily": daily, "sortino": np.where(risk > 0, mean / risk, np.nan) * root,
        "calmar": np.where(fall < 0, cagr / -fall, np.nan), "max_drawdown": fall,
        "max_drawdown_daily": (levels / np.maximum.accumulate(levels, axis=1) - 1).min(axis=1),
        **_moments(returns, spread),
    }  # fmt: skip


def _spread(returns: Floats) -> Floats:
    """ratios.deviation, row by row."""
    spread = returns.std(axis=1, ddof=1)
    flat = spread <= ratios.FLAT * np.abs(returns).max(axis=1)
    return np.where(flat, 0.0, spread)


def _moments(returns: Floats, spread: Floats) -> dict[str, Floats]:
    """Skew and raw kurtosis, undefined where no day's return differs."""
    nothing = np.full(len(returns), np.nan)
    if returns.shape[1] < 2:
        return {"skew": nothing, "kurtosis": nothing}
    apart = returns - returns.mean(axis=1, keepdims=True)
    square = (apart**2).mean(axis=1)
    moved = spread > 0
    return {
        "skew": np.where(moved, (apart**3).mean(axis=1) / square ** (3 / 2), np.nan),
        "kurtosis": np.where(moved, (apart**4).mean(axis=1) / square ** (4 / 2), np.nan),
    }


def _each(value: Callable[[int], float], n: int) -> Floats:
    out = np.full(n, np.nan)
    for k in range(n):
        try:
            out[k] = value(k)
        except Undefined:
            continue
    return out
