"""What is held, as one bet: which position carries the risk, how many bets it really is, what a fall of the market would do.

Weights are signed fractions of equity, covariances those of daily returns. Arrays in, plain values out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.analytics import ratios
from engine.analytics.special import normal_quantile
from engine.analytics.values import Floats, Ints, Undefined


@dataclass(frozen=True, eq=False)
class Risk:
    """`deviation` of a day's return; `share` float64[k] of the variance that each position brings (they add up to 1, a hedge's is
    below zero); `bets` the effective number of independent bets; `diversification` the ratio; `var` the day's value at risk."""

    deviation: float
    share: Floats
    bets: float
    diversification: float
    var: float


def risk(weights: Floats, covariance: Floats, part: float = 0.05) -> Risk:
    """Of positions with these weights float64[k] and covariance float64[k, k].

    Share: w_i (C w)_i / w'C w (Euler's allocation; Litterman, 1996). Diversification: sum |w_i| s_i over the deviation of the
    whole (Choueifaty and Coignard, 2008). VaR: the normal quantile times the deviation, zero or negative. Undefined where nothing
    that moves is held.
    """
    variance = float(weights @ covariance @ weights)
    if not variance > 0:
        raise Undefined("nothing that moves is held")
    deviation = math.sqrt(variance)
    own = np.abs(weights) * np.sqrt(np.diag(covariance))
    share = weights * (covariance @ weights) / variance
    return Risk(
        deviation, share, bets(weights, covariance), float(own.sum()) / deviation, normal_quantile(part) * deviation
    )


def bets(weights: Floats, covariance: Floats) -> float:
    """exp of the entropy of p, p_i the share of the variance that comes from the i-th of the uncorrelated bets nearest to the
    positions themselves: p = (R^(1/2) (s w))^2 / w'C w, R the correlations, s the deviations (minimum-torsion bets; Meucci,
    Santangelo and Deguest, 2015, in closed form). k equal and uncorrelated positions are k bets, k times the same is about one.
    """
    spread = np.sqrt(np.diag(covariance))
    held = (weights != 0) & (spread > 0)
    if not held.any():
        raise Undefined("nothing that moves is held")
    sizes, own = spread[held] * weights[held], covariance[np.ix_(held, held)]
    values, vectors = np.linalg.eigh(own / np.outer(spread[held], spread[held]))
    torsion = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T @ sizes
    p = torsion**2 / float((torsion**2).sum())
    p = p[p > 0]
    return float(math.exp(-float((p * np.log(p)).sum())))


def betas(returns: Floats, market: Floats) -> Floats:
    """float64[k]: slope of each column of float64[days, k] on the market's returns float64[days]; see ratios.beta."""
    slopes: Floats = np.array([ratios.beta(column, market) for column in returns.T])
    return slopes


def stress(weights: Floats, slopes: Floats, moves: Sequence[float] = (-0.1, -0.2, -0.3)) -> Floats:
    """float64[moves, k]: what each position does to equity, as a fraction, when the market moves so far at once and each
    symbol by its beta; a price cannot fall by more than all of it."""
    fall = np.maximum(np.outer(np.asarray(moves, np.float64), slopes), -1.0)
    hit: Floats = fall * weights
    return hit


def concentration(sizes: Floats) -> Floats:
    """float64[n]: Herfindahl's index of each row of sizes float64[n, k] >= 0: 1 for one position, 1 / k for k equal ones; NaN
    where nothing is held (Herfindahl, 1950)."""
    total = sizes.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        index: Floats = np.where(total > 0, (sizes**2).sum(axis=1) / total**2, np.nan)
    return index


def held_at(moments: Ints, entry_ts: Ints, exit_ts: Ints, size: Floats, group: Ints, groups: int) -> Floats:
    """float64[n, groups]: the sum of `size` of all trades held at each moment (int64[n] in order), by group int64[trades].

    A trade is held from its entry up to, not at, its exit; exit_ts -1: still open. By sums of what began and ended before each
    moment: no trade and no moment is looped over.
    """
    n = moments.size
    began = np.searchsorted(moments, entry_ts, "left")
    over = np.where(exit_ts < 0, n, np.searchsorted(moments, exit_ts, "left"))
    flow = np.bincount(began * groups + group, size, (n + 1) * groups) - np.bincount(
        over * groups + group, size, (n + 1) * groups
    )
    held = np.cumsum(flow.reshape(n + 1, groups)[:n], axis=0)
    held[np.abs(held) < 1e-9 * max(float(np.abs(size).max(initial=0.0)), 1e-300)] = 0.0  # what sums leave of rounding
    return np.asarray(held, np.float64)
