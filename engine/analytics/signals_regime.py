"""The market's regime by day: BTC above or below its 50-day mean, and its 30-day volatility's tercile. Arrays in, words out."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from engine.analytics.values import Floats, Ints

MEAN, SPREAD, YEAR, LEAST = 50, 30, 365, 60
"""Days: of the mean, of the volatility, that a volatility is ranked among, and at least needed to rank it."""
LEVELS = ("low", "middle", "high")
REGIMES = tuple(f"{side} {level}" for side in ("above", "below") for level in LEVELS)
DAY_MS = 86_400_000


def regimes(days: Ints, closes: Floats) -> dict[int, str]:
    """By UTC day (number since 1970): `above low` to `below high`, from the closes of earlier days alone.

    `days` int64[d] ascending, `closes` float64[d] of BTC. The regime of day k is that of the close before it: against the mean of
    the 50 closes up to it; volatility is the sample deviation of its last 30 log returns, its tercile the share of the last
    year's volatilities (at least 60) that were lower: below a third low, below two thirds middle. Days that cannot be told, and
    days more than one after a close, are left out.
    """
    if closes.size < MEAN or closes.size <= SPREAD + LEAST:
        return {}
    mean = _rolling(closes, MEAN).mean(axis=1)
    above = np.full(closes.size, False)
    above[MEAN - 1 :] = closes[MEAN - 1 :] > mean
    spread = np.full(closes.size, np.nan)
    spread[SPREAD:] = _rolling(np.diff(np.log(closes)), SPREAD).std(axis=1, ddof=1)
    share = _share_below(spread)
    known = np.isfinite(share)
    known[: MEAN - 1] = False
    level = np.where(share < 1 / 3, 0, np.where(share < 2 / 3, 1, 2))
    return {
        int(days[k]) + 1: f"{'above' if above[k] else 'below'} {LEVELS[level[k]]}"
        for k in np.flatnonzero(known).tolist()
    }


def regime_of(ts: Ints, by_day: dict[int, str]) -> npt.NDArray[np.object_]:
    """object[n]: the regime of the UTC day that each moment (ms UTC) lies in; empty where none is known."""
    days, which = np.unique(np.asarray(ts, np.int64) // DAY_MS, return_inverse=True)
    words = np.array([by_day.get(int(day), "") for day in days], object)
    return words[which] if days.size else np.empty(0, object)


def _rolling(values: Floats, length: int) -> Floats:
    return np.lib.stride_tricks.sliding_window_view(values, length)


def _share_below(spread: Floats) -> Floats:
    """float64[d]: which share of the year's volatilities up to each day is below its own; NaN with fewer than 60 of them."""
    padded = np.concatenate([np.full(YEAR - 1, np.nan), spread])
    window = _rolling(padded, YEAR)
    count = np.isfinite(window).sum(axis=1)
    below = (window < spread[:, None]).sum(axis=1)
    enough = (count >= LEAST) & np.isfinite(spread)
    return np.where(enough, below / np.maximum(count, 1), np.nan)
