"""How far a mean and a profit factor of trades could be otherwise, without resampling: fast on a million trades."""

from __future__ import annotations

import math

import numpy as np

from engine.analytics import trades
from engine.analytics.chance import LEVEL
from engine.analytics.special import normal_quantile
from engine.analytics.values import Floats, Undefined


def mean_interval(values: Floats, level: float = LEVEL) -> tuple[float, float]:
    """The interval of a mean: mean +- z s / sqrt(n), s with ddof 1 (central limit theorem; 30 values and more)."""
    half = normal_quantile((1 + level) / 2) * trades.spread(values) / math.sqrt(values.size)
    middle = float(values.mean())
    return middle - half, middle + half


def profit_factor_interval(pnl: Floats, level: float = LEVEL) -> tuple[float, float]:
    """The interval of gains over losses, a ratio of two sums: on its logarithm, by linearisation (delta method; Cochran,
    Sampling Techniques, 1977, ch. 6). With g the gains, l the losses and G, L their sums, the variance of the logarithm is
    n / (n - 1) sum (g / G - l / L)^2. Undefined without a win or a loss."""
    gain, loss = np.maximum(trades.some(pnl), 0.0), np.maximum(-pnl, 0.0)
    won, lost = float(gain.sum()), float(loss.sum())
    if not won or not lost:
        raise Undefined("no trade lost" if won else "no trade won")
    n = pnl.size
    half = normal_quantile((1 + level) / 2) * math.sqrt(n / (n - 1) * float(((gain / won - loss / lost) ** 2).sum()))
    return won / lost * math.exp(-half), won / lost * math.exp(half)
