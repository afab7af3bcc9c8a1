"""quantstats' full report (0.0.86): everything from days, none from trades, and 252 of them a year unless told otherwise."""

from __future__ import annotations

import math

import numpy as np

from engine.analytics import falls, ratios
from engine.analytics.definitions import Account
from engine.analytics.doubt import psr
from engine.analytics.others_rules import Rule, per
from engine.analytics.special import normal_quantile
from engine.analytics.values import Floats, known_days

DAYS = 252


def _days(account: Account) -> Floats:
    return known_days(account.returns)


def _total(account: Account) -> float:
    return float(account.curve.daily_levels[-1]) / account.curve.start - 1


def _cagr(account: Account) -> float:
    return float((1 + _total(account)) ** (DAYS / _days(account).size) - 1)


def _fall(account: Account) -> float:
    return falls.max_drawdown(account.curve.daily_levels)


def _penalty(returns: Floats) -> float:
    """What "smart" ratios are divided by: autocorrelation's effect on the deviation."""
    link = abs(ratios.autocorrelation(returns))
    lag = np.arange(1, returns.size)
    return math.sqrt(1 + 2 * float(((returns.size - lag) / returns.size * link**lag).sum()))


def _win_rate(returns: Floats) -> float:
    return per(float((returns > 0).sum()), float((returns != 0).sum()))


def _payoff(returns: Floats) -> float:
    won, lost = returns[returns > 0], returns[returns < 0]
    return per(float(won.mean()) if won.size else math.nan, -float(lost.mean()) if lost.size else math.nan)


def _profit_factor(returns: Floats) -> float:
    return per(float(returns[returns >= 0].sum()), -float(returns[returns < 0].sum()))


def _kelly(account: Account) -> float:
    returns = _days(account)
    share = _win_rate(returns)
    return share - per(1 - share, _payoff(returns))


def _sample_shape(returns: Floats) -> tuple[float, float]:
    """(skew, excess kurtosis) adjusted for the sample's size, as pandas does."""
    n, g1, g2 = returns.size, ratios.skew(returns), ratios.kurtosis(returns) - 3
    if n < 4:
        return math.nan, math.nan
    return g1 * math.sqrt(n * (n - 1)) / (n - 2), (n - 1) / ((n - 2) * (n - 3)) * ((n + 1) * g2 + 6)


def _psr(account: Account) -> float:
    returns = _days(account)
    skew, excess = _sample_shape(returns)
    return psr(ratios.sharpe(returns, 1), returns.size, skew, excess + 3)


def _ulcer(account: Account) -> float:
    levels = account.curve.daily_levels
    return falls.ulcer_index(levels) * math.sqrt((levels.size - 1) / (levels.size - 2))


def _var(account: Account) -> float:
    returns = _days(account)
    return float(returns.mean()) + normal_quantile(0.05) * float(returns.std(ddof=1))


def _exposure(account: Account) -> float:
    return math.ceil(100 * float((_days(account) != 0).mean())) / 100


RULES = (
    Rule("Time in Market", "exposure", "fraction", _exposure, "Days with any return, rounded up to a whole percent."),
    Rule("Cumulative Return", "total_return", "fraction", _total, "The same."),
    Rule("CAGR", "cagr", "fraction", _cagr, "Counts days and takes 252 of them for a year: too low where every day is traded."),
    Rule("Sharpe", "sharpe", "ratio", lambda a: ratios.sharpe(_days(a), DAYS), "252 days a year."),
    Rule("Prob. Sharpe Ratio", "psr", "fraction", _psr, "With skew and kurtosis adjusted for the sample's size."),
    Rule("Smart Sharpe", "sharpe", "ratio", lambda a: ratios.sharpe(_days(a), DAYS) / _penalty(_days(a)),
         "252 days a year, and divided by a penalty for autocorrelation."),
    Rule("Sortino", "sortino", "ratio", lambda a: ratios.sortino(_days(a), DAYS), "252 days a year."),
    Rule("Omega", "omega", "ratio", lambda a: ratios.omega(_days(a)), "The same."),
    Rule("Max Drawdown", "max_drawdown_daily", "fraction", _fall, "On days, not on every point."),
    Rule("Volatility (ann.)", "volatility", "fraction", lambda a: ratios.volatility(_days(a), DAYS), "252 days a year."),
    Rule("Calmar", "calmar", "ratio", lambda a: per(_cagr(a), abs(_fall(a))), "Its own return a year, over the fall on days."),
    Rule("Skew", "skew", "ratio", lambda a: _sample_shape(_days(a))[0], "Adjusted for the sample's size."),
    Rule("Kurtosis", "kurtosis", "ratio", lambda a: _sample_shape(_days(a))[1],
         "In excess of 3, and adjusted for the sample's size."),
    Rule("Kelly Criterion", "kelly", "fraction", _kelly, "Of days, not of trades."),
    Rule("Daily Value-at-Risk", "var_95", "fraction", _var, "As if days were normal."),
    Rule("Payoff Ratio", "payoff", "ratio", lambda a: _payoff(_days(a)), "Of days, not of trades."),
    Rule("Profit Factor", "profit_factor", "ratio", lambda a: _profit_factor(_days(a)), "Of days, not of trades."),
    Rule("Gain/Pain Ratio", "gain_to_pain", "ratio", lambda a: ratios.gain_to_pain(_days(a)), "The same."),
    Rule("Tail Ratio", "tail_ratio", "ratio", lambda a: ratios.tail_ratio(_days(a)), "The same."),
    Rule("Common Sense Ratio", "", "ratio", lambda a: _profit_factor(_days(a)) * ratios.tail_ratio(_days(a)),
         "Profit factor of days times tail ratio."),
    Rule("Best Day", "best_day", "fraction", lambda a: float(_days(a).max()), "The same."),
    Rule("Worst Day", "worst_day", "fraction", lambda a: float(_days(a).min()), "The same."),
    Rule("Recovery Factor", "recovery_factor", "ratio", lambda a: per(abs(float(_days(a).sum())), abs(_fall(a))),
         "Sum of returns, its sign lost, over the fall on days."),
    Rule("Ulcer Index", "ulcer_index", "fraction", _ulcer, "Divided by n - 1."),
    Rule("Ulcer Performance Index", "ulcer_performance", "ratio", lambda a: per(_total(a), _ulcer(a)),
         "Total return, not that of a year."),
    Rule("Win Days %", "winning_days", "fraction", lambda a: _win_rate(_days(a)), "Flat days are left out."),
)  # fmt: skip
