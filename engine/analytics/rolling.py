"""Statistics of daily returns over a window that moves a day at a time. Arrays in, arrays out; a day without a value is NaN."""

from __future__ import annotations

import math

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from engine.analytics.ratios import FLAT
from engine.analytics.values import Convention, Floats

_CELLS = 2_000_000
"""Values worked on at once, so that a million days take no gigabytes."""


def rolling(returns: Floats, window: int, convention: Convention = Convention()) -> tuple[Floats, Floats]:
    """(Sharpe, volatility a year), float64[n] each, of the `window` days up to and with each day; NaN before there are as many,
    and for Sharpe where no day of the window differs. The same as ratios.sharpe and ratios.volatility of each window.

    Windows are reckoned from their own days, not from running sums: those lose digits after a large day.
    """
    if window < 2:
        raise ValueError("a window has at least two days: one day has no deviation")
    sharpe, spread = np.full(returns.size, np.nan), np.full(returns.size, np.nan)
    if returns.size < window:
        return sharpe, spread
    every = sliding_window_view(returns, window)
    each = max(1, _CELLS // window)
    for first in range(0, len(every), each):
        part = every[first : first + each]
        at = slice(first + window - 1, first + window - 1 + len(part))
        deviation = part.std(axis=1, ddof=1)
        deviation[deviation <= FLAT * (1 + np.abs(part).max(axis=1))] = 0.0
        spread[at] = deviation
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = (part.mean(axis=1) - convention.daily_free) / deviation
        sharpe[at] = np.where(deviation > 0, ratio, np.nan)
    root = math.sqrt(convention.days)
    return sharpe * root, spread * root
