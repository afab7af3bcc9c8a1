"""The figures of a played batch, by the conventions of the design: ratios from UTC-daily returns measured from starting
capital, 365 days a year, ddof 1, risk-free 0; trade statistics on closed trades, net of fees. Undefined is None, with why.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.core.types import MS_DAY, MS_YEAR
from engine.research.play import Played

Floats = npt.NDArray[np.float64]
DAYS = 365


class _Undefined(Exception):
    """A figure that has no value, and why."""


def figures_of(played: Played) -> dict[str, Any]:
    """By name; `undefined` maps the names of those that are None to the reason."""
    account = played.machine.account[0]
    scale = float(account["quantum_scale"])
    start, final = float(account["start"]) / scale, float(account["equity"])
    curve, trades = played.reports.equity, played.reports.trades
    pnl = trades["pnl"] / scale
    returns = daily_returns(curve["ts"], curve["equity"], start, played.start)
    fall = max_drawdown(curve["equity"], start)
    years = (played.end - played.start) / MS_YEAR
    undefined: dict[str, str] = {}

    def told(name: str, figure: Callable[[], float]) -> float | None:
        try:
            return figure()
        except _Undefined as why:
            undefined[name] = str(why)
            return None

    return {
        "trades": int(trades.size),
        "open_trades": int((played.machine.slots["qty"] > 0).sum()),
        "win_rate": told("win_rate", lambda: float((pnl > 0).sum() / _some(pnl).size)),
        "profit_factor": told("profit_factor", lambda: _profit_factor(_some(pnl))),
        "expectancy": told("expectancy", lambda: float(_some(pnl).mean())),
        "total_return": final / start - 1,
        "cagr": told("cagr", lambda: _cagr(start, final, years)),
        "sharpe": told("sharpe", lambda: _ratio(returns, _deviation(returns))),
        "sortino": told("sortino", lambda: _ratio(returns, _downside(returns))),
        "calmar": told("calmar", lambda: _calmar(_cagr(start, final, years), fall)),
        "max_drawdown": fall,
        "volatility": told("volatility", lambda: _deviation(returns) * math.sqrt(DAYS)),
        "exposure": told("exposure", lambda: _exposure(curve["exposure"])),
        "final_equity": final,
        "fees": float(played.reports.fills["fee"].sum()) / scale,
        "avg_hold_seconds": told(
            "avg_hold_seconds", lambda: float((trades["exit_ts"] - trades["entry_ts"])[_some(pnl) == pnl].mean() / 1000)
        ),
        "ambiguous_trades": int(trades["ambiguous"].sum()),
        "undefined": undefined,
    }


def daily_returns(ts: npt.NDArray[np.int64], equity: Floats, start: float, begun: int) -> Floats:
    """Returns of each UTC day, the first from starting capital; a point at midnight belongs to the day it ends."""
    if not ts.size:
        return np.zeros(0)
    first, last = begun // MS_DAY, (int(ts[-1]) - 1) // MS_DAY
    ends = (np.arange(first, last + 1) + 1) * MS_DAY
    at = np.searchsorted(ts, ends, side="right") - 1
    closes = np.where(at >= 0, equity[np.maximum(at, 0)], start)
    levels = np.concatenate([[start], closes])
    returns: Floats = np.diff(levels) / levels[:-1] if (levels[:-1] > 0).all() else np.full(closes.size, np.nan)
    return returns


def max_drawdown(equity: Floats, start: float) -> float:
    """The deepest fall from a peak on the stored points, zero or negative, as a fraction of the peak."""
    levels = np.concatenate([[start], equity])
    return float((levels / np.maximum.accumulate(levels) - 1).min())


def _some(pnl: Floats) -> Floats:
    if not pnl.size:
        raise _Undefined("no trade was closed")
    return pnl


def _profit_factor(pnl: Floats) -> float:
    lost = -float(pnl[pnl < 0].sum())
    if not lost:
        raise _Undefined("no trade lost")
    return float(pnl[pnl > 0].sum()) / lost


def _days(returns: Floats) -> Floats:
    if returns.size < 2:
        raise _Undefined("fewer than two days")
    if not np.isfinite(returns).all():
        raise _Undefined("the account was used up")
    return returns


def _deviation(returns: Floats) -> float:
    return float(_days(returns).std(ddof=1))


def _downside(returns: Floats) -> float:
    return float(np.sqrt((np.minimum(_days(returns), 0.0) ** 2).mean()))


def _ratio(returns: Floats, risk: float) -> float:
    if not risk:
        raise _Undefined("no day's return differs" if not _deviation(returns) else "no day lost")
    return float(returns.mean()) / risk * math.sqrt(DAYS)


def _cagr(start: float, final: float, years: float) -> float:
    if final <= 0:
        raise _Undefined("the account was used up")
    power = math.log(final / start) / years
    if power > 100:
        raise _Undefined("too short a time to speak of a year")
    return math.exp(power) - 1


def _calmar(cagr: float, fall: float) -> float:
    if not fall:
        raise _Undefined("equity never fell")
    return cagr / -fall


def _exposure(exposure: Floats) -> float:
    if not exposure.size:
        raise _Undefined("no bar has closed")
    return float((exposure != 0).mean())
