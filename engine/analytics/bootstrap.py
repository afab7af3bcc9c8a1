"""How much a statistic of daily returns could have been otherwise: the stationary block bootstrap.

Politis and Romano (1994): blocks of random length keep what one day has to do with the next. The mean block length is Politis
and White's (2004), with the correction of Patton, Politis and White (2009). Same seed, same draws.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from engine.analytics import ratios
from engine.analytics.values import Convention, Floats, Ints, Undefined, known_days

DRAWS, LEVEL = 2_000, 0.90
_CELLS = 500_000
"""Drawn days worked on at once, so that they stay in the cache."""

Statistic = Callable[[Floats], Floats]
"""float64[draws, days] to float64[draws]; NaN where it has no value."""


@dataclass(frozen=True)
class Interval:
    """`low` and `high` hold the middle `level` of the draws; `value` is that of the days as they were; `block` days a block."""

    value: float
    low: float
    high: float
    level: float
    draws: int
    block: float
    below_zero: float
    """The share of draws at or below zero."""


def block_length(values: Floats) -> float:
    """Mean length of blocks for the stationary bootstrap, at least 1, chosen from the data."""
    n = known_days(values).size
    apart = values - values.mean()
    variance = float(apart @ apart) / n
    if not ratios.deviation(values):
        return 1.0
    reach = max(5, math.ceil(math.sqrt(math.log10(n))))
    most = min(math.ceil(math.sqrt(n)) + reach, n - 1)
    covariance = np.array([variance, *(float(apart[lag:] @ apart[:-lag]) / n for lag in range(1, most + 1))])
    small = np.abs(covariance[1:] / variance) < 2 * math.sqrt(math.log10(n) / n)
    width = min(2 * max(_quiet_after(small, reach), 1), most)
    lags = np.arange(1, width + 1)
    weight = np.minimum(1.0, 2 * (1 - lags / width))
    bias = 2 * float((weight * lags * covariance[1 : width + 1]).sum())
    spread = variance + 2 * float((weight * covariance[1 : width + 1]).sum())
    if not spread:
        return 1.0
    length = math.cbrt((bias / spread) ** 2 * n)
    return max(1.0, min(length, math.ceil(min(3 * math.sqrt(n), n / 3))))


def _quiet_after(small: np.ndarray[tuple[int], np.dtype[np.bool_]], reach: int) -> int:
    """The last lag before `reach` small correlations in a row; without such a row the last one that is not small."""
    for lag in range(small.size - reach + 1):
        if small[lag : lag + reach].all():
            return lag
    loud = np.flatnonzero(~small)
    return int(loud[-1]) + 1 if loud.size else 1


def resample(n: int, draws: int, block: float, rng: np.random.Generator) -> Ints:
    """int64[draws, n]: which day stands where; blocks wrap from the last day to the first."""
    fresh = rng.random((draws, n)) < 1 / block
    fresh[:, 0] = True
    begun = np.maximum.accumulate(np.where(fresh, np.arange(n), 0), axis=1)
    first = rng.integers(0, n, (draws, n))
    picks: Ints = np.take_along_axis(first, begun, axis=1) + (np.arange(n) - begun)
    picks %= n
    return picks


def draw(
    returns: Floats, statistic: Statistic, draws: int = DRAWS, seed: int = 0, block: float | None = None
) -> tuple[Floats, float]:
    """(the statistic of every draw, the mean block length used). `returns` is float64[days], or [days, k] drawn together."""
    first = returns if returns.ndim == 1 else returns[:, 0]
    length = block_length(first) if block is None else block
    rng, n, out = np.random.default_rng(seed), first.size, []
    for size in _chunks(draws, n):
        out.append(statistic(returns[resample(n, size, length, rng)]))
    return np.concatenate(out), length


def _chunks(draws: int, n: int) -> list[int]:
    each = max(1, _CELLS // n)
    return [min(each, draws - done) for done in range(0, draws, each)]


def interval(
    returns: Floats,
    statistic: Statistic,
    draws: int = DRAWS,
    level: float = LEVEL,
    seed: int = 0,
    block: float | None = None,
) -> Interval:
    """The percentile interval of a statistic of daily returns. Undefined for fewer than two days, or if it has no value."""
    known_days(returns.ravel() if returns.ndim > 1 else returns)
    value = float(statistic(returns[None])[0])
    if not math.isfinite(value):
        raise Undefined("the days as they were have no value of it")
    drawn, length = draw(returns, statistic, draws, seed, block)
    drawn = drawn[np.isfinite(drawn)]
    if not drawn.size:
        raise Undefined("no draw of the days has a value of it")
    low, high = np.percentile(drawn, [50 * (1 - level), 50 * (1 + level)])
    return Interval(value, float(low), float(high), level, draws, length, float((drawn <= 0).mean()))


def difference(
    one: Floats, other: Floats, statistic: Statistic, draws: int = DRAWS, level: float = LEVEL, seed: int = 0
) -> Interval:
    """Of two accounts over the same days, drawn together: the interval of one's statistic less the other's."""
    if one.size != other.size:
        raise ValueError("two accounts are compared on the same days: cut both to the days they share")
    block = max(block_length(one), block_length(other))
    pair = np.stack([one, other], axis=1)
    return interval(pair, lambda r: statistic(r[..., 0]) - statistic(r[..., 1]), draws, level, seed, block)


def sharpe(convention: Convention = Convention()) -> Statistic:
    root, free = math.sqrt(convention.days), convention.daily_free

    def value(returns: Floats) -> Floats:
        with np.errstate(divide="ignore", invalid="ignore"):
            spread = returns.std(axis=1, ddof=1)
            ratio = (returns.mean(axis=1) - free) / np.where(spread > 1e-15, spread, np.nan) * root
        return np.asarray(ratio, np.float64)

    return value


def sortino(convention: Convention = Convention()) -> Statistic:
    root, free = math.sqrt(convention.days), convention.daily_free

    def value(returns: Floats) -> Floats:
        risk = np.sqrt((np.minimum(returns - free, 0.0) ** 2).mean(axis=1))
        ratio = (returns.mean(axis=1) - free) / np.where(risk > 0, risk, np.nan) * root
        return np.asarray(ratio, np.float64)

    return value


def cagr(convention: Convention = Convention()) -> Statistic:
    """Growth a year by counted days."""

    def value(returns: Floats) -> Floats:
        growth = np.log1p(np.maximum(returns, -1 + 1e-12)).mean(axis=1)
        return np.asarray(np.expm1(growth * convention.days), np.float64)

    return value


def total_return(returns: Floats) -> Floats:
    return np.asarray(np.prod(1 + returns, axis=1) - 1, np.float64)


def mean(returns: Floats) -> Floats:
    return np.asarray(returns.mean(axis=1), np.float64)


def max_drawdown(returns: Floats) -> Floats:
    """Deepest fall on the days, starting capital included; zero or negative."""
    levels = np.cumprod(1 + returns, axis=1)
    peaks = np.maximum(np.maximum.accumulate(levels, axis=1), 1.0)
    return np.asarray((levels / peaks - 1).min(axis=1), np.float64)
