"""Indicators of a moving window: means, deviations, bands, channels, volume-weighted prices.

Every value depends on its window alone, so it is the same whatever bar the series starts from: `Prices` are added up as
whole ticks, exactly; other floats are added afresh for each window, oldest first. NaN until the window is full, and while
it holds a NaN. Indicators with a memory beyond their window are in `smoothing`.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from engine.core.jit import helper, maker
from engine.core.series import (
    EXACT,
    HALF_EXACT,
    ROUNDING,
    Floats,
    Ints,
    Prices,
    check_exact,
    plain,
    scale_of,
    ticks,
    whole_ticks,
)

MS_DAY = 86_400_000


def period(n: Any, name: str = "n", least: int = 1) -> int:
    """`n` as an int. ValueError unless it is a whole number of bars, at least `least`."""
    if not isinstance(n, (int, np.integer)) or n < least:
        raise ValueError(f"{name} must be a whole number of bars, at least {least}, got {n!r}")
    return int(n)


def columns(*series: ArrayLike) -> list[Floats]:
    """Each series as plain float64[size]. ValueError when their lengths differ."""
    arrays = [plain(x) for x in series]
    if len({a.size for a in arrays}) > 1:
        raise ValueError(f"series of one indicator need one length, got {[a.size for a in arrays]}")
    return arrays


def sma(x: ArrayLike, n: int) -> Floats:
    """Simple mean of the last n bars, float64[size]. Of `Prices`: one division of two exact integers, ties included."""
    n = period(n)
    if isinstance(x, Prices) and scale_of(x):
        return _mean_on_grid(plain(x), n, x.scale)
    return _mean(plain(x), n)


def rolling_std(x: ArrayLike, n: int, ddof: int = 0) -> Floats:
    """Standard deviation of the last n bars, float64[size], dividing by n - ddof; exactly 0 where all n are equal."""
    n = period(n, least=ddof + 1)
    return _spread(x, n, ddof)[0]


def zscore(x: ArrayLike, n: int) -> Floats:
    """(x - mean) / population standard deviation over the last n bars, float64[size]; 0 where all n are equal."""
    return _spread(x, period(n), 0)[1]


def bollinger(close: ArrayLike, n: int = 20, k: float = 2.0) -> tuple[Floats, Floats, Floats]:
    """(lower, middle, upper): the mean of n bars, and k population standard deviations either side. float64[size] each."""
    middle = sma(close, n)
    width = k * rolling_std(close, n)
    return middle - width, middle, middle + width


def donchian(high: ArrayLike, low: ArrayLike, n: int) -> tuple[Floats, Floats]:
    """(lower, upper): lowest low and highest high of the last n bars, THIS bar included. float64[size] each.

    A breakout compares with the channel of the bar before: shift by one, else nothing ever breaks out.
    """
    n = period(n)
    tops, bottoms = columns(high, low)
    return -_highest(-bottoms, n), _highest(tops, n)


def vwap(high: ArrayLike, low: ArrayLike, close: ArrayLike, volume: ArrayLike, n: int) -> Floats:
    """Typical price (high + low + close) / 3 weighted by volume over the last n bars, float64[size]; NaN where nothing traded."""
    h, lo, c, v = columns(high, low, close, volume)
    return _window_vwap((h + lo + c) / 3.0, v, period(n))


def day_vwap(ts: ArrayLike, high: ArrayLike, low: ArrayLike, close: ArrayLike, volume: ArrayLike) -> Floats:
    """Typical price weighted by volume since UTC midnight, this bar included, float64[size]; NaN until something traded.

    `ts`: bar open, int64 ms UTC, ascending. A series that begins within a day has that day's rest only.
    """
    h, lo, c, v = columns(high, low, close, volume)
    days = np.array(ts, dtype=np.int64) // MS_DAY
    if days.shape != v.shape:
        raise ValueError(f"ts has shape {days.shape}, the prices have {v.shape}: one time for each bar is needed")
    return _day_vwap(days, (h + lo + c) / 3.0, v)


def _spread(x: ArrayLike, n: int, ddof: int) -> tuple[Floats, Floats]:
    if isinstance(x, Prices) and scale_of(x):
        return _spread_of_ticks(*ticks(x, n), n, ddof, x.scale)
    return _spread_of_floats(plain(x), n, ddof)


def _mean_on_grid(prices: Floats, n: int, scale: float) -> Floats:
    """The mean of n whole ticks, which are taken from the prices as they come and go."""
    if prices.size >= n and max(prices.max(), -prices.min()) * scale * n < HALF_EXACT:  # never so with a NaN
        return _mean_of_small(prices, n, scale)
    mean, largest = _mean_of_any(prices, n, scale)
    check_exact(largest, n, scale)
    return mean


@maker
def _mean_of_small(prices: Floats, n: int, scale: float) -> Floats:
    """n bars or more, nothing unknown, every sum below 2**51: floats then add whole ticks as exactly as integers do, in half
    the time."""
    out = np.empty(prices.size)
    total, divisor = 0.0, n * scale
    for i in range(n):
        total += (prices[i] * scale + ROUNDING) - ROUNDING
        out[i] = np.nan
    out[n - 1] = total / divisor
    for i in range(n, prices.size):
        total += ((prices[i] * scale + ROUNDING) - ROUNDING) - ((prices[i - n] * scale + ROUNDING) - ROUNDING)
        out[i] = total / divisor
    return out


@maker
def _mean_of_any(prices: Floats, n: int, scale: float) -> tuple[Floats, float]:
    """The mean, and the largest number of ticks seen."""
    out = np.empty(prices.size)
    total, divisor, warm, largest = np.int64(0), n * scale, n - 1, 0.0
    for i in range(prices.size):
        value = prices[i] * scale
        if abs(value) > largest:
            largest = abs(value)
        if abs(value) < EXACT:
            total += whole_ticks(value)
        elif value != value:
            warm = i + n
        if i >= n:
            old = prices[i - n] * scale
            if abs(old) < EXACT:
                total -= whole_ticks(old)
        out[i] = total / divisor if i >= warm else np.nan
    return out, largest


@helper
def _window_mean(x: Floats, start: int, end: int) -> float:
    total = 0.0
    for i in range(start, end):
        total += x[i]
    return total / (end - start)


@maker
def _mean(x: Floats, n: int) -> Floats:
    out = np.full(x.size, np.nan)
    for i in range(n - 1, x.size):
        out[i] = _window_mean(x, i - n + 1, i + 1)
    return out


@maker
def _spread_of_ticks(whole: Ints, last_nan: Ints, n: int, ddof: int, scale: float) -> tuple[Floats, Floats]:
    """Deviation and z-score. tick * n - total is n times a deviation from the mean, and an exact integer."""
    deviation, score = np.full(whole.size, np.nan), np.full(whole.size, np.nan)
    total = 0
    for i in range(whole.size):
        total += whole[i]
        if i >= n:
            total -= whole[i - n]
        if i - last_nan[i] < n:
            continue
        squares = 0.0
        for j in range(i - n + 1, i + 1):
            squares += np.float64(whole[j] * n - total) ** 2
        root = np.sqrt(squares / (n - ddof))
        deviation[i] = root / (n * scale)
        score[i] = (whole[i] * n - total) / root if root > 0.0 else 0.0
    return deviation, score


@maker
def _spread_of_floats(x: Floats, n: int, ddof: int) -> tuple[Floats, Floats]:
    """Deviation and z-score, from distances to the window's oldest value: equal values then give exactly 0."""
    deviation, score = np.full(x.size, np.nan), np.full(x.size, np.nan)
    for i in range(n - 1, x.size):
        base, total, squares = x[i - n + 1], 0.0, 0.0
        for j in range(i - n + 1, i + 1):
            total += x[j] - base
        mean = total / n
        for j in range(i - n + 1, i + 1):
            squares += (x[j] - base - mean) ** 2
        root = np.sqrt(squares / (n - ddof))
        deviation[i] = root
        score[i] = (x[i] - base - mean) / root if root != 0.0 else 0.0
    return deviation, score


@maker
def _highest(x: Floats, n: int) -> Floats:
    """Highest of the last n. The window is searched again only when its highest has left it."""
    out = np.full(x.size, np.nan)
    best, since = -1, 0  # since: first bar after the last NaN
    for i in range(x.size):
        if x[i] != x[i]:
            best, since = -1, i + 1
            continue
        start = max(since, i - n + 1)
        if best < start:
            best = start
            for j in range(start + 1, i):
                if x[j] >= x[best]:
                    best = j
        if x[i] >= x[best]:
            best = i
        if i - since + 1 >= n:
            out[i] = x[best]
    return out


@maker
def _window_vwap(typical: Floats, volume: Floats, n: int) -> Floats:
    out = np.full(volume.size, np.nan)
    for i in range(n - 1, volume.size):
        paid, traded = 0.0, 0.0
        for j in range(i - n + 1, i + 1):
            paid += typical[j] * volume[j]
            traded += volume[j]
        if traded > 0.0:
            out[i] = paid / traded
    return out


@maker
def _day_vwap(days: Ints, typical: Floats, volume: Floats) -> Floats:
    out = np.full(volume.size, np.nan)
    paid, traded = 0.0, 0.0
    for i in range(volume.size):
        if i == 0 or days[i] != days[i - 1]:
            paid, traded = 0.0, 0.0
        paid += typical[i] * volume[i]
        traded += volume[i]
        if traded > 0.0:
            out[i] = paid / traded
    return out
