"""Definitions of how far the numbers are to be believed: what costs no resampling. The rest is in engine.analytics.verdict."""

from __future__ import annotations

from collections.abc import Callable

from engine.analytics import chance, doubt
from engine.analytics.definitions import Account, Definition
from engine.analytics.values import Undefined


def _rate(end: int) -> Callable[[Account], float]:
    return lambda a: chance.wilson(int((a.trades.pnl > 0).sum()), len(a.trades))[end]


def _t(account: Account) -> chance.TTest:
    return chance.t_test(account.trades.pnl)


def _shortest(account: Account) -> float:
    days = doubt.min_track_record_of(account.returns)
    if days > 1e6:
        raise Undefined("no length that one could live to see is enough")
    return days


EVIDENCE = (
    Definition("win_rate_low", "Win rate, low end", "fraction", "trades", _rate(0),
               "Lower end of the 90 % interval of the win rate.", "Wilson (1927)"),
    Definition("win_rate_high", "Win rate, high end", "fraction", "trades", _rate(1),
               "Upper end of the 90 % interval of the win rate.", "Wilson (1927)"),
    Definition("t_value", "t of the mean trade", "ratio", "trades", lambda a: _t(a).t,
               "Mean result over its standard error; 2 is the usual bar, 3 where many things were tried.",
               "Student (1908); Harvey, Liu and Zhu (2016)"),
    Definition("p_value", "p of the mean trade", "fraction", "trades", lambda a: _t(a).p,
               "Probability of a mean this far from zero if the true one were zero; two-sided; trades taken as independent.",
               "Student (1908)"),
    Definition("psr", "Probability of a true Sharpe above 0", "fraction", "days", lambda a: doubt.psr_of(a.returns),
               "Probabilistic Sharpe ratio of daily returns, with their skew and raw kurtosis; says nothing of how many "
               "variants were tried.",
               "Bailey and Lopez de Prado (2012)"),
    Definition("min_track_record", "Days needed", "days", "days", _shortest,
               "Days after which a Sharpe ratio like this one would be above 0 with 95 % confidence.",
               "Bailey and Lopez de Prado (2012)"),
)  # fmt: skip
