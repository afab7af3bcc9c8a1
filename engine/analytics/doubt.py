"""How far a Sharpe ratio is to be believed: probabilistic and deflated Sharpe, and the least length of a track record.

Sharpe ratios here are those of one period (a day), not of a year. Kurtosis is raw: 3 for a normal distribution. Formulas:
Bailey and Lopez de Prado, "The Sharpe Ratio Efficient Frontier" (2012) and "The Deflated Sharpe Ratio" (2014).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from engine.analytics import ratios
from engine.analytics.special import normal_cdf, normal_quantile
from engine.analytics.values import Floats, Undefined

EULER = 0.577215664901532860606512090082402431


def _spread(sharpe: float, skew: float, kurtosis: float) -> float:
    """Variance of the estimate, times n - 1."""
    variance = 1 - skew * sharpe + (kurtosis - 1) / 4 * sharpe * sharpe
    if variance <= 0:
        raise Undefined("the days are too lopsided for an estimate of the error")
    return variance


def psr(sharpe: float, n: int, skew: float = 0.0, kurtosis: float = 3.0, benchmark: float = 0.0) -> float:
    """Probability that the true Sharpe ratio is above `benchmark`, after n periods that gave `sharpe`."""
    if n < 2:
        raise Undefined("fewer than two days")
    return normal_cdf((sharpe - benchmark) * math.sqrt((n - 1) / _spread(sharpe, skew, kurtosis)))


def expected_best(trials: float, variance: float) -> float:
    """The Sharpe ratio that the best of so many trials without any skill is expected to show; 0 for one trial.

    `variance` is that of the trials' Sharpe ratios, of one period.
    """
    if trials < 1 or variance < 0:
        raise ValueError("the number of trials is at least 1, and their variance at least 0")
    if trials == 1:
        return 0.0
    first = normal_quantile(1 - 1 / trials)
    second = normal_quantile(1 - 1 / (trials * math.e))
    return math.sqrt(variance) * ((1 - EULER) * first + EULER * second)


def deflated_sharpe(
    sharpe: float, n: int, trials: float, variance: float, skew: float = 0.0, kurtosis: float = 3.0
) -> float:
    """Probability that the true Sharpe ratio is above 0, given that it is the best of `trials`."""
    return psr(sharpe, n, skew, kurtosis, expected_best(trials, variance))


def min_track_record_length(
    sharpe: float, skew: float = 0.0, kurtosis: float = 3.0, benchmark: float = 0.0, confidence: float = 0.95
) -> float:
    """Periods needed before `sharpe` is above `benchmark` with that confidence."""
    if sharpe <= benchmark:
        raise Undefined("no length is enough: the ratio is not above what it is measured against")
    needed = normal_quantile(confidence) / (sharpe - benchmark)
    return 1 + _spread(sharpe, skew, kurtosis) * needed * needed


def independent_trials(trials: int, correlation: float) -> float:
    """How many independent trials so many correlated ones are worth: rho + (1 - rho) M, rho their mean correlation."""
    return correlation + (1 - correlation) * trials


def trial_variance(sharpes: Sequence[float] | Floats) -> float:
    """Variance (ddof 1) of the trials' Sharpe ratios; trials without one are left out."""
    known = np.asarray(sharpes, np.float64)
    known = known[np.isfinite(known)]
    return float(known.var(ddof=1)) if known.size > 1 else 0.0


def moments(returns: Floats) -> tuple[float, int, float, float]:
    """(Sharpe of a day, number of days, skew, raw kurtosis), as the functions above take them."""
    return ratios.sharpe(returns, 1), int(returns.size), ratios.skew(returns), ratios.kurtosis(returns)


def psr_of(returns: Floats, benchmark: float = 0.0) -> float:
    return psr(*moments(returns), benchmark)


def deflated_sharpe_of(returns: Floats, trials: float, variance: float) -> float:
    sharpe, n, skew, kurtosis = moments(returns)
    return deflated_sharpe(sharpe, n, trials, variance, skew, kurtosis)


def min_track_record_of(returns: Floats, benchmark: float = 0.0, confidence: float = 0.95) -> float:
    sharpe, _, skew, kurtosis = moments(returns)
    return min_track_record_length(sharpe, skew, kurtosis, benchmark, confidence)
