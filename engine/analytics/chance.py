"""What chance alone would do to trades: the t test of their mean, the interval of a rate, the share of random runs."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from engine.analytics import trades
from engine.analytics.special import normal_quantile, student_two_sided
from engine.analytics.values import Floats, Undefined, finite

LEVEL = 0.90
"""Of every interval, unless said otherwise."""


@dataclass(frozen=True)
class TTest:
    """`t` of the mean against zero, `p` two-sided, `p_above` one-sided: the probability of a mean this high if it were zero."""

    t: float
    p: float
    p_above: float
    n: int


def t_test(pnl: Floats) -> TTest:
    """One sample (Student, 1908). Undefined for fewer than two trades or equal ones."""
    t = trades.sqn(pnl)
    p = student_two_sided(t, pnl.size - 1)
    return TTest(t, p, p / 2 if t > 0 else 1 - p / 2, int(pnl.size))


def wilson(hits: float, n: float, level: float = LEVEL) -> tuple[float, float]:
    """The interval of a rate of `hits` in `n` (Wilson, 1927), within 0..1."""
    if n <= 0:
        raise Undefined("no trade was closed")
    z = normal_quantile((1 + level) / 2)
    rate, square = hits / n, z * z / n
    middle = (rate + square / 2) / (1 + square)
    half = z / (1 + square) * math.sqrt(rate * (1 - rate) / n + square / (4 * n))
    return (0.0 if hits == 0 else max(0.0, middle - half), 1.0 if hits == n else min(1.0, middle + half))


def any_of(p: float, trials: float) -> float:
    """Probability that at least one of so many independent trials does what one does with probability p (Sidak, 1967)."""
    if p >= 1:
        return 1.0
    return -math.expm1(trials * math.log1p(-p))


def beaten(result: float, random_runs: Floats) -> float:
    """The share of random runs that were not as good, as a percentile 0..1; ties count half."""
    runs = finite(random_runs, "random runs")
    if not runs.size:
        raise Undefined("no random runs were made")
    return float(((runs < result).sum() + (runs == result).sum() / 2) / runs.size)


def trade_returns(pnl: Floats, start: float) -> Floats:
    """Each result as a fraction of the account before it: starting capital and all earlier results."""
    before = start + np.concatenate([[0.0], np.cumsum(trades.some(pnl))[:-1]])
    if not (before > 0).all():
        raise Undefined("the account was used up")
    fractions: Floats = pnl / before
    return fractions
