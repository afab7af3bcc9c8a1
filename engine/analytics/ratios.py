"""Ratios of daily returns: float64[n] in, one number out; Undefined says why there is none.

`days` is the number of days in a year, `free` the risk-free return of one day.
"""

from __future__ import annotations

import math

import numpy as np

from engine.analytics.values import Floats, Undefined, known_days

FLAT = 1e-15
"""A return is a quotient near 1, so equal ones differ by rounding; a deviation below this is that, not a risk."""


def deviation(returns: Floats) -> float:
    """Sample standard deviation (ddof 1) of a day's return; exactly 0 for equal returns."""
    spread = float(known_days(returns).std(ddof=1))
    return spread if spread > FLAT * (1 + float(np.abs(returns).max())) else 0.0


def volatility(returns: Floats, days: int = 365) -> float:
    return deviation(returns) * math.sqrt(days)


def sharpe(returns: Floats, days: int = 365, free: float = 0.0) -> float:
    """Mean over standard deviation (ddof 1), times the root of the days in a year (Sharpe, 1994)."""
    spread = deviation(returns)
    if not spread:
        raise Undefined("no day's return differs")
    return float(returns.mean() - free) / spread * math.sqrt(days)


def downside(returns: Floats, free: float = 0.0) -> float:
    """Root mean square of what fell short of the target, over all days (Sortino and van der Meer, 1991)."""
    return float(np.sqrt((np.minimum(known_days(returns) - free, 0.0) ** 2).mean()))


def sortino(returns: Floats, days: int = 365, free: float = 0.0) -> float:
    risk = downside(returns, free)
    if not risk:
        raise Undefined("no day lost" if deviation(returns) else "no day's return differs")
    return float(returns.mean() - free) / risk * math.sqrt(days)


def omega(returns: Floats, free: float = 0.0) -> float:
    """Sum of what went beyond the target over the sum of what fell short of it (Keating and Shadwick, 2002)."""
    excess = known_days(returns) - free
    short = -float(excess[excess < 0].sum())
    if not short:
        raise Undefined("no day lost")
    return float(excess[excess > 0].sum()) / short


def gain_to_pain(returns: Floats) -> float:
    """Sum of all returns over the sum of the losing ones (Schwager)."""
    lost = -float(known_days(returns)[returns < 0].sum())
    if not lost:
        raise Undefined("no day lost")
    return float(returns.sum()) / lost


def tail_ratio(returns: Floats) -> float:
    """The 95th percentile over the size of the 5th."""
    low, high = np.percentile(known_days(returns), [5, 95])
    if not low:
        raise Undefined("the 5th percentile of days is zero")
    return abs(float(high) / float(low))


def value_at_risk(returns: Floats, part: float = 0.05) -> float:
    """The return that this part of the days stays below: the historical percentile, interpolated."""
    return float(np.percentile(known_days(returns), 100 * part))


def shortfall(returns: Floats, part: float = 0.05) -> float:
    """Mean of the worst days: the lowest floor((n - 1) part) + 1 of them."""
    count = int((known_days(returns).size - 1) * part) + 1
    return float(np.partition(returns, count - 1)[:count].mean())


def _moment(returns: Floats, power: int) -> float:
    if not deviation(returns):
        raise Undefined("no day's return differs")
    apart = returns - returns.mean()
    return float((apart**power).mean() / (apart**2).mean() ** (power / 2))


def skew(returns: Floats) -> float:
    """Third standardised moment, of the population."""
    return _moment(returns, 3)


def kurtosis(returns: Floats) -> float:
    """Fourth standardised moment, of the population, raw: 3 for a normal distribution."""
    return _moment(returns, 4)


def stability(returns: Floats) -> float:
    """R squared of a straight line through the logarithm of growth."""
    if (known_days(returns, 3) <= -1).any():
        raise Undefined("the account was used up")
    growth = np.cumsum(np.log1p(returns))
    if not np.ptp(growth):
        raise Undefined("no day's return differs")
    return float(np.corrcoef(np.arange(growth.size), growth)[0, 1] ** 2)


def autocorrelation(returns: Floats) -> float:
    """Correlation of a day's return with the next day's."""
    if not deviation(known_days(returns, 4)[1:]) or not deviation(returns[:-1]):
        raise Undefined("no day's return differs")
    return float(np.corrcoef(returns[:-1], returns[1:])[0, 1])


def growth(start: float, final: float, years: float) -> float:
    """Compound growth a year (CAGR) by elapsed time."""
    if final <= 0:
        raise Undefined("the account was used up")
    if years <= 0:
        raise Undefined("no time has passed")
    power = math.log(final / start) / years
    if power > 100:
        raise Undefined("too short a time to speak of a year")
    return math.exp(power) - 1


def per_fall(gain: float, fall: float) -> float:
    """A gain over the deepest fall (Calmar, recovery)."""
    if not fall:
        raise Undefined("equity never fell")
    return gain / -fall


def beta(returns: Floats, market: Floats) -> float:
    """Slope of the account's daily returns on the market's."""
    if not deviation(known_days(market)) or known_days(returns).size != market.size:
        raise Undefined("the market did not move")
    return float(np.cov(returns, market)[0, 1] / market.var(ddof=1))


def correlation(returns: Floats, market: Floats) -> float:
    if not deviation(market) or not deviation(returns):
        raise Undefined("no day's return differs")
    return float(np.corrcoef(returns, market)[0, 1])
