"""Correlations that can be believed: a covariance matrix of few days, shrunk towards a simple one. Arrays in, arrays out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.analytics.values import Floats, Undefined


@dataclass(frozen=True, eq=False)
class Shrunk:
    """`matrix` float64[k, k]; `weight` is how much of it is the target, 0 to 1."""

    matrix: Floats
    weight: float


def ledoit_wolf(returns: Floats) -> Shrunk:
    """The covariance of float64[days, k] shrunk towards m times the identity, m the mean variance (Ledoit and Wolf, "A
    well-conditioned estimator for large-dimensional covariance matrices", 2004; the population's covariance, 1 / n).

    With S the sample covariance, d^2 = ||S - m I||^2 / k and b^2 = min(d^2, sum over days ||x x' - S||^2 / (n^2 k)), the matrix
    is b^2 / d^2 m I + (1 - b^2 / d^2) S. The sum over days is (sum (x'x)^2 - n ||S||^2), so no day is looped over. Undefined for
    fewer than two days.
    """
    n, k = returns.shape
    if n < 2 or not k:
        raise Undefined("fewer than two days")
    if not np.isfinite(returns).all():
        raise Undefined("a return is missing")
    apart = returns - returns.mean(axis=0)
    sample = apart.T @ apart / n
    mean = float(np.trace(sample)) / k
    size = float((sample**2).sum())
    far = size - k * mean * mean
    error = (float((np.einsum("ij,ij->i", apart, apart) ** 2).sum()) / n - size) / n
    weight = min(max(error, 0.0) / far, 1.0) if far > 0 else 0.0
    return Shrunk((1 - weight) * sample + weight * mean * np.eye(k), weight)


def correlations(returns: Floats) -> Shrunk:
    """Shrunk correlations: Ledoit and Wolf's estimator of returns scaled to equal variance, so that the target is no correlation
    at all. The diagonal is 1. A column that does not move has correlation 0 with all."""
    if returns.ndim != 2 or returns.shape[0] < 2:
        raise Undefined("fewer than two days")
    spread = returns.std(axis=0)
    moves = spread > 1e-12 * (1 + np.abs(returns).max(axis=0))
    scaled = np.where(moves, (returns - returns.mean(axis=0)) / np.where(moves, spread, 1.0), 0.0)
    made = ledoit_wolf(scaled[:, moves]) if moves.any() else Shrunk(np.zeros((0, 0)), 0.0)
    full = np.eye(returns.shape[1])
    full[np.ix_(moves, moves)] = made.matrix
    np.fill_diagonal(full, 1.0)
    return Shrunk(full, made.weight)


def covariance(returns: Floats) -> Shrunk:
    """Shrunk correlations between the columns' own sample deviations (ddof 1): what risk is reckoned with."""
    made = correlations(returns)
    spread = returns.std(axis=0, ddof=1)
    return Shrunk(made.matrix * np.outer(spread, spread), made.weight)
