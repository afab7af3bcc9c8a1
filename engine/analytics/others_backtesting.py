"""backtesting.py's statistics (0.6.6): compounded daily returns over compounded deviation, falls on every bar."""

from __future__ import annotations

import math

import numpy as np

from engine.analytics import falls
from engine.analytics import trades as t
from engine.analytics.definitions import Account
from engine.analytics.others_rules import Rule, bar_ms, drop, per
from engine.analytics.values import Floats, Undefined
from engine.core.types import MS_DAY

DAYS = 365


def _days(account: Account) -> Floats:
    """Returns between the last points of UTC days that have one: the first day's is lost."""
    ts, equity = account.curve.ts - 1, account.curve.equity
    if not ts.size:
        raise Undefined("no bar has closed")
    last = np.append(np.flatnonzero(np.diff(ts // MS_DAY)), ts.size - 1)
    if last.size < 2:
        raise Undefined("fewer than two days")
    moved: Floats = np.diff(equity[last]) / equity[last][:-1]
    return moved


def _mean(returns: Floats) -> float:
    """Geometric."""
    return math.exp(float(np.log1p(returns).mean())) - 1 if (returns > -1).all() else 0.0


def _return(account: Account) -> float:
    return float((1 + _mean(_days(account))) ** DAYS - 1)


def _volatility(account: Account) -> float:
    returns = _days(account)
    square = (1 + _mean(returns)) ** 2
    spread = float(returns.var(ddof=1)) if returns.size > 1 else math.nan
    return float(np.sqrt((spread + square) ** DAYS - square**DAYS))


def _sortino(account: Account) -> float:
    returns = _days(account)
    return per(_return(account), float(np.sqrt((np.minimum(returns, 0) ** 2).mean())) * math.sqrt(DAYS))


def _cagr(account: Account) -> float:
    curve = account.curve
    days = int(curve.ts[-1] - curve.ts[0]) // 1000 / 86_400
    if not days:
        raise Undefined("fewer than two bars")
    return float((curve.equity[-1] / curve.equity[0]) ** (365.25 / days) - 1)


def _spells(account: Account) -> falls.Spells:
    """A spell that began on the last bar is not one yet."""
    found = falls.spells(account.curve.ts, account.curve.equity)
    if found.open and account.curve.ts[-2] == found.peak_ts[-1]:
        return falls.Spells(found.peak_ts[:-1], found.end_ts[:-1], found.depth[:-1], False)
    return found


def _exposure(account: Account) -> float:
    """Bars from entry's to exit's, both counted, over all bars."""
    step, trades, size = bar_ms(account), account.trades, account.curve.ts.size
    first = (int(account.curve.ts[0]) - step, trades.entry_ts, trades.exit_ts)
    start, end = ((when - first[0]) // step for when in first[1:])
    edges = np.zeros(size + 2)
    np.add.at(edges, np.clip(start, 0, size), 1)
    np.add.at(edges, np.clip(end + 1, 0, size + 1), -1)
    return float((np.cumsum(edges)[:size] > 0).mean())


def _profit_factor(account: Account) -> float:
    shares = account.trades.returns
    return per(float(shares[shares > 0].sum()), abs(float(shares[shares < 0].sum())) or math.nan)


def _geometric(account: Account) -> float:
    return _mean(t.some(account.trades.returns))


RULES = (
    Rule("Exposure Time [%]", "exposure", "fraction", _exposure, "Bars from entry to exit, both counted in full."),
    Rule("Return [%]", "total_return", "fraction", lambda a: float(a.curve.equity[-1] / a.curve.equity[0] - 1),
         "From the end of the first bar, not from starting capital."),
    Rule("Return (Ann.) [%]", "cagr", "fraction", _return,
         "By the geometric mean of days, without the first day, 365 of them a year."),
    Rule("Volatility (Ann.) [%]", "volatility", "fraction", _volatility,
         "Compounded, not by the root of time: higher for high returns."),
    Rule("CAGR [%]", "cagr", "fraction", _cagr, "By years of 365.25 days, from the end of the first bar."),
    Rule("Sharpe Ratio", "sharpe", "ratio", lambda a: per(_return(a), _volatility(a) or math.nan),
         "Compounded return over compounded volatility."),
    Rule("Sortino Ratio", "sortino", "ratio", _sortino, "Compounded return over downside deviation by the root of time."),
    Rule("Calmar Ratio", "calmar", "ratio", lambda a: per(_return(a), drop(a.curve.equity) or math.nan),
         "Its own return a year over the fall on every bar."),
    Rule("Max. Drawdown [%]", "max_drawdown", "fraction", lambda a: -drop(a.curve.equity),
         "On every bar, from the end of the first one."),
    Rule("Avg. Drawdown [%]", "avg_drawdown", "fraction", lambda a: float(t.some(_spells(a).depth, "equity never fell").mean()),
         "The same, from the end of the first bar."),
    Rule("Max. Drawdown Duration", "longest_drawdown_seconds", "seconds",
         lambda a: float(t.some(_spells(a).seconds, "equity never fell").max()), "The same, from the end of the first bar."),
    Rule("Win Rate [%]", "win_rate", "fraction", lambda a: t.win_rate(a.trades.pnl), "The same."),
    Rule("Best Trade [%]", "best_trade", "fraction", lambda a: float(t.some(a.trades.returns).max()),
         "In percent of the trade, not in money."),
    Rule("Worst Trade [%]", "worst_trade", "fraction", lambda a: float(t.some(a.trades.returns).min()),
         "In percent of the trade, not in money."),
    Rule("Avg. Trade [%]", "avg_trade_return", "fraction", _geometric, "The geometric mean."),
    Rule("Profit Factor", "profit_factor", "ratio", _profit_factor, "On trades' percent, not their money."),
    Rule("Expectancy [%]", "avg_trade_return", "fraction", lambda a: float(t.some(a.trades.returns).mean()),
         "In percent of a trade, not in money."),
    Rule("SQN", "sqn", "ratio", lambda a: t.sqn(a.trades.pnl), "The same."),
    Rule("Kelly Criterion", "kelly", "fraction", lambda a: t.kelly(a.trades.pnl), "The same."),
)  # fmt: skip
