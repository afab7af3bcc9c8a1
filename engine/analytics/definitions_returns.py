"""Definitions of what is measured on the equity curve and its UTC days."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from engine.analytics import falls, ratios
from engine.analytics.definitions import Account, Definition
from engine.analytics.values import Floats, Undefined, known_days

Value = Callable[[Account], float | int]


def _daily(function: Callable[[Floats], float]) -> Value:
    return lambda account: function(account.returns)


def _total(account: Account) -> float:
    final = float(account.curve.levels[-1])
    if math.isnan(final):
        raise Undefined("the account was used up")
    return final / account.curve.start - 1


def _cagr(account: Account) -> float:
    return ratios.growth(account.curve.start, float(account.curve.levels[-1]), account.curve.years)


def _sharpe(account: Account) -> float:
    return ratios.sharpe(account.returns, account.convention.days, account.convention.daily_free)


def _sortino(account: Account) -> float:
    return ratios.sortino(account.returns, account.convention.days, account.convention.daily_free)


def _annual(function: Callable[[Floats], float]) -> Value:
    return lambda account: function(account.returns) * math.sqrt(account.convention.days)


def _deepest(account: Account) -> float:
    return account.deepest


def _deepest_daily(account: Account) -> float:
    return falls.max_drawdown(account.curve.daily_levels)


def _spells(function: Callable[[falls.Spells], float]) -> Value:
    def value(account: Account) -> float:
        _deepest(account)
        return function(account.under_water) if account.under_water.depth.size else 0.0

    return value


def _martin(account: Account) -> float:
    index = falls.ulcer_index(account.curve.daily_levels)
    if not index:
        raise Undefined("equity never fell")
    return (_cagr(account) - account.convention.risk_free) / index


def _profit(account: Account) -> float:
    return account.curve.final - account.curve.start - account.curve.net_flow


def _held(account: Account) -> Floats:
    exposure = account.curve.exposure
    if exposure is None or not exposure.size:
        raise Undefined("no bar has closed")
    return exposure


def _mean_exposure(account: Account) -> float:
    equity = account.curve.equity
    if (equity <= 0).any():
        raise Undefined("the account was used up")
    return float((np.abs(_held(account)) / equity).mean())


def _hold(account: Account) -> float:
    if account.market is None:
        raise Undefined("there is no one market to compare with")
    return account.market.final / account.market.start - 1


def _alpha(account: Account) -> float:
    slope, free = ratios.beta(account.returns, account.market_returns), account.convention.daily_free
    apart = (account.returns.mean() - free) - slope * (account.market_returns.mean() - free)
    return float(apart) * account.convention.days


_PF = "UTC days from starting capital"
RETURNS = (
    Definition("final_equity", "Equity at the end", "money", "", lambda a: a.curve.final,
               "Cash and positions at mark, net of fees, at the last stored point.", "account"),
    Definition("net_profit", "Net profit", "money", "", _profit,
               "Equity at the end less starting capital and what was paid in since; open positions at mark.", "account"),
    Definition("total_return", "Total return", "fraction", "", _total,
               "Growth from starting capital to the end, linked around deposits and withdrawals (time-weighted).",
               "GIPS time-weighted return"),
    Definition("cagr", "Return a year", "fraction", "days", _cagr,
               "Compound growth a year, by elapsed time over 365 days.", "(final / start)^(1 / years) - 1"),
    Definition("sharpe", "Sharpe", "ratio", "days", _sharpe,
               f"Mean over standard deviation (ddof 1) of returns of {_PF}, times the root of the days in a year "
               "(365); risk-free 0 unless set.",
               "Sharpe (1994)"),
    Definition("sortino", "Sortino", "ratio", "days", _sortino,
               f"As Sharpe, over the root mean square of losing days alone, reckoned over all days; target 0; {_PF}.",
               "Sortino and van der Meer (1991)"),
    Definition("calmar", "Calmar", "ratio", "days", lambda a: ratios.per_fall(_cagr(a), _deepest(a)),
               "Return a year over the deepest fall on every stored point.", "Young (1991)"),
    Definition("volatility", "Volatility a year", "fraction", "days", _annual(ratios.deviation),
               "Standard deviation (ddof 1) of daily returns, times the root of the days in a year.", "standard"),
    Definition("downside_volatility", "Downside volatility a year", "fraction", "days", _annual(ratios.downside),
               "Root mean square of losing days over all days, times the root of the days in a year.",
               "Sortino and van der Meer (1991)"),
    Definition("max_drawdown", "Deepest drawdown", "fraction", "", _deepest,
               "Deepest fall from a peak on every stored point, starting capital included; zero or negative.",
               "level / peak - 1"),
    Definition("max_drawdown_daily", "Deepest drawdown, daily", "fraction", "", _deepest_daily,
               "The same on the last level of each UTC day, as most tools see it.", "level / peak - 1"),
    Definition("avg_drawdown", "Average drawdown", "fraction", "", _spells(lambda s: float(s.depth.mean())),
               "Mean of the deepest points of all times under water.", "mean of depths"),
    Definition("current_drawdown", "Drawdown now", "fraction", "", lambda a: float(falls.falls(a.curve.levels)[-1]),
               "The last level against the highest so far.", "level / peak - 1"),
    Definition("longest_drawdown_seconds", "Longest time under water", "seconds", "",
               _spells(lambda s: float(s.seconds.max())),
               "From a peak to where it was reached again; one that lasts counts up to the end.", "peak to recovery"),
    Definition("avg_drawdown_seconds", "Average time under water", "seconds", "", _spells(lambda s: float(s.seconds.mean())),
               "Mean over all times under water; one that lasts counts up to the end.", "peak to recovery"),
    Definition("ulcer_index", "Ulcer index", "fraction", "days", lambda a: falls.ulcer_index(a.curve.daily_levels),
               "Root mean square of each day's fall from the peak.", "Martin (1987)"),
    Definition("ulcer_performance", "Return over ulcer index", "ratio", "days", _martin,
               "Return a year over the ulcer index.", "Martin (1987)"),
    Definition("recovery_factor", "Recovery factor", "ratio", "days", lambda a: ratios.per_fall(_total(a), _deepest(a)),
               "Total return over the deepest fall on every stored point.", "total return / |deepest fall|"),
    Definition("omega", "Omega", "ratio", "days", lambda a: ratios.omega(a.returns, a.convention.daily_free),
               "Sum of gaining days over sum of losing days, about a target of 0.", "Keating and Shadwick (2002)"),
    Definition("gain_to_pain", "Gain to pain", "ratio", "days", _daily(ratios.gain_to_pain),
               "Sum of all days' returns over the sum of losing ones.", "Schwager (2012)"),
    Definition("tail_ratio", "Tail ratio", "ratio", "days", _daily(ratios.tail_ratio),
               "95th percentile of days over the size of the 5th.", "|p95 / p5|"),
    Definition("var_95", "Value at risk, a day", "fraction", "days", _daily(ratios.value_at_risk),
               "The return that one day in twenty stays below, from the days themselves.", "historical percentile"),
    Definition("cvar_95", "Expected shortfall, a day", "fraction", "days", _daily(ratios.shortfall),
               "Mean return of the worst twentieth of days.", "historical; Rockafellar and Uryasev (2000)"),
    Definition("skew", "Skew", "ratio", "days", _daily(ratios.skew),
               "Third standardised moment of daily returns, of the population; below 0 the bad days are the big "
               "ones.",
               "m3 / m2^1.5"),
    Definition("kurtosis", "Kurtosis", "ratio", "days", _daily(ratios.kurtosis),
               "Fourth standardised moment of daily returns, raw: 3 for a normal distribution.", "m4 / m2^2"),
    Definition("stability", "Straightness", "ratio", "days", _daily(ratios.stability),
               "R squared of a straight line through the logarithm of daily growth; 1 is a straight line.", "least squares"),
    Definition("autocorrelation", "Correlation with the day before", "ratio", "days", _daily(ratios.autocorrelation),
               "Of daily returns; far from 0, ratios by the root of time mislead.", "lag 1"),
    Definition("days", "Days", "count", "", lambda a: int(a.returns.size),
               "UTC days from the start to the last point, partial ones counted.", "account"),
    Definition("best_day", "Best day", "fraction", "", _daily(lambda r: float(known_days(r, 1).max())),
               "Highest return of a UTC day.", "account"),
    Definition("worst_day", "Worst day", "fraction", "", _daily(lambda r: float(known_days(r, 1).min())),
               "Lowest return of a UTC day.", "account"),
    Definition("winning_days", "Winning days", "fraction", "days", _daily(lambda r: float((known_days(r, 1) > 0).mean())),
               "Days above zero over all days, flat ones among them.", "account"),
    Definition("exposure", "Time in the market", "fraction", "", lambda a: float((_held(a) != 0).mean()),
               "Share of stored points at which something was held.", "account"),
    Definition("avg_exposure", "Average exposure", "fraction", "", _mean_exposure,
               "Mean of what was held over equity, at stored points.", "account"),
    Definition("hold_return", "Buy and hold", "fraction", "", _hold,
               "What the symbol did from the first open to the last close, before any cost.", "account"),
    Definition("over_hold", "Beyond buy and hold", "fraction", "", lambda a: _total(a) - _hold(a),
               "Total return less that of buy and hold.", "account"),
    Definition("beta", "Beta to the market", "ratio", "days", lambda a: ratios.beta(a.returns, a.market_returns),
               "Slope of the account's daily returns on the symbol's.", "least squares"),
    Definition("alpha", "Alpha a year", "fraction", "days", _alpha,
               "Mean daily return beyond beta times the symbol's, times the days in a year.", "Jensen (1968)"),
    Definition("correlation", "Correlation with the market", "ratio", "days",
               lambda a: ratios.correlation(a.returns, a.market_returns),
               "Of daily returns, account and symbol.", "Pearson"),
)  # fmt: skip
