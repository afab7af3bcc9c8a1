"""vectorbt's Portfolio.stats() (1.2): ratios of returns a bar, annualised by the number of bars in 365 days."""

from __future__ import annotations

import math

import numpy as np

from engine.analytics import falls
from engine.analytics import trades as t
from engine.analytics.definitions import Account
from engine.analytics.others_rules import Rule, bar_ms, drop, per
from engine.analytics.values import Floats, Undefined
from engine.core.types import MS_YEAR


def _bars(account: Account) -> Floats:
    levels = account.curve.levels
    if levels.size < 3:
        raise Undefined("fewer than two bars")
    return np.diff(levels) / levels[:-1]


def _year(account: Account) -> float:
    """Bars in 365 days."""
    return MS_YEAR / bar_ms(account)


def _sharpe(account: Account) -> float:
    returns = _bars(account)
    return per(float(returns.mean()), float(returns.std(ddof=1))) * math.sqrt(_year(account))


def _sortino(account: Account) -> float:
    returns = _bars(account)
    risk = float(np.sqrt((np.minimum(returns, 0.0) ** 2).mean()))
    return per(float(returns.mean()), risk) * math.sqrt(_year(account))


def _calmar(account: Account) -> float:
    returns = _bars(account)
    growth = float(account.curve.levels[-1] / account.curve.start) ** (_year(account) / returns.size) - 1
    return per(growth, drop(account.curve.equity))


def _omega(account: Account) -> float:
    returns = _bars(account)
    return per(float(returns[returns > 0].sum()), -float(returns[returns < 0].sum()))


def _profit_factor(account: Account) -> float:
    pnl = account.trades.pnl
    return per(float(pnl[pnl > 0].sum()), -float(pnl[pnl < 0].sum()))


def _longest(account: Account) -> float:
    found = falls.spells(account.curve.ts, account.curve.equity)
    seconds = t.some(found.seconds, "equity never fell") - bar_ms(account) / 1000
    if found.open:
        seconds[-1] += bar_ms(account) / 1000
    return float(seconds.max())


RULES = (
    Rule("Total Return [%]", "total_return", "fraction", lambda a: a.curve.final / a.curve.start - 1, "The same."),
    Rule("Total Fees Paid", "fees", "money", lambda a: float(a.trades.fees.sum()) if a.fees is None else a.fees, "The same."),
    Rule("Max Drawdown [%]", "max_drawdown", "fraction", lambda a: drop(a.curve.equity),
         "Without the starting capital: a loss on the first bar is not seen."),
    Rule("Max Drawdown Duration", "longest_drawdown_seconds", "seconds", _longest,
         "From the first bar below the peak, and without the starting capital."),
    Rule("Win Rate [%]", "win_rate", "fraction", lambda a: t.win_rate(a.trades.pnl), "The same."),
    Rule("Best Trade [%]", "best_trade", "fraction", lambda a: float(t.some(a.trades.returns).max()),
         "In percent of the trade, not in money."),
    Rule("Worst Trade [%]", "worst_trade", "fraction", lambda a: float(t.some(a.trades.returns).min()),
         "In percent of the trade, not in money."),
    Rule("Profit Factor", "profit_factor", "ratio", _profit_factor, "The same; infinite where no trade lost."),
    Rule("Expectancy", "expectancy", "money", lambda a: t.expectancy(a.trades.pnl), "The same."),
    Rule("Sharpe Ratio", "sharpe", "ratio", _sharpe, "From returns a bar, not a day: shorter bars, other numbers."),
    Rule("Calmar Ratio", "calmar", "ratio", _calmar,
         "Growth a year by counted bars, over a fall without the starting capital."),
    Rule("Omega Ratio", "omega", "ratio", _omega, "From returns a bar, not a day."),
    Rule("Sortino Ratio", "sortino", "ratio", _sortino, "From returns a bar, not a day."),
)  # fmt: skip
