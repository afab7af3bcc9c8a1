"""Indicators with a memory: each value is made from the one before (EMA, RSI, ATR, MACD), seeded as TA-Lib seeds them.

NaN until warm; leading NaN are skipped, so one indicator may feed another; a NaN later on makes the rest NaN, since the
memory is gone. The values depend, ever less, on the bar the series starts from. Moving windows are in `rolling`.
"""

import numpy as np
from numpy.typing import ArrayLike

from engine.core.jit import helper, maker
from engine.core.rolling import columns, period
from engine.core.series import Floats, plain


def ema(x: ArrayLike, n: int) -> Floats:
    """Exponential mean with weight 2 / (n + 1), float64[size]; first value, at the n-th bar: the mean of the first n."""
    return _ema(plain(x), period(n), 0)


def rsi(x: ArrayLike, n: int = 14) -> Floats:
    """Wilder's relative strength index, 0 to 100, float64[size], warm after n changes.

    Seeded with the mean gain and loss of the first n changes; 0 where nothing has moved at all, as TA-Lib has it.
    """
    return _rsi(plain(x), period(n, least=2))


def true_range(high: ArrayLike, low: ArrayLike, close: ArrayLike) -> Floats:
    """Largest of high - low and the distances of both to the close before, float64[size] in price units; first bar NaN."""
    return _true_range(*columns(high, low, close))


def atr(high: ArrayLike, low: ArrayLike, close: ArrayLike, n: int = 14) -> Floats:
    """Wilder's average true range in price units, float64[size]; first value, at bar n: the mean of n true ranges."""
    return _wilder(true_range(high, low, close), period(n))


def macd(close: ArrayLike, fast: int = 12, slow: int = 26, signal: int = 9) -> tuple[Floats, Floats, Floats]:
    """(macd, signal, histogram), float64[size] each, all three NaN until the signal is warm (bar slow + signal - 2).

    As in TA-Lib both means are first known at the same bar: the fast one is seeded by the `fast` bars that end where the
    slow one's seed ends. ValueError unless fast < slow.
    """
    fast, slow, signal = period(fast, "fast"), period(slow, "slow"), period(signal, "signal")
    if fast >= slow:
        raise ValueError(f"fast must be below slow, got fast={fast} and slow={slow}")
    x = plain(close)
    line = _ema(x, fast, slow - fast) - _ema(x, slow, 0)
    average = _ema(line, signal, 0)
    line[np.isnan(average)] = np.nan
    return line, average, line - average


@helper
def _first_valid(x: Floats) -> int:
    for i in range(x.size):
        if x[i] == x[i]:
            return i
    return x.size


@maker
def _ema(x: Floats, n: int, skip: int) -> Floats:
    """`skip` = bars left out before the seed, counted from the first that is no NaN."""
    out = np.full(x.size, np.nan)
    start = _first_valid(x) + skip
    if start + n > x.size:
        return out
    total = 0.0
    for i in range(start, start + n):
        total += x[i]
    value, weight = total / n, 2.0 / (n + 1)
    out[start + n - 1] = value
    for i in range(start + n, x.size):
        value = (x[i] - value) * weight + value
        out[i] = value
    return out


@maker
def _rsi(x: Floats, n: int) -> Floats:
    out = np.full(x.size, np.nan)
    start = _first_valid(x)
    gain, loss = 0.0, 0.0
    for i in range(start + 1, x.size):
        change = x[i] - x[i - 1]
        # A NaN must not be taken for "no change": it belongs to both.
        up, down = (change, 0.0) if change > 0.0 else (0.0, -change) if change <= 0.0 else (change, change)
        seen = i - start
        if seen <= n:
            gain, loss = gain + up, loss + down
            if seen == n:
                gain, loss = gain / n, loss / n
        else:
            gain, loss = (gain * (n - 1) + up) / n, (loss * (n - 1) + down) / n
        if seen >= n:
            total = gain + loss
            out[i] = 100.0 * (gain / total) if total != 0.0 else 0.0
    return out


@maker
def _true_range(high: Floats, low: Floats, close: Floats) -> Floats:
    out = np.full(close.size, np.nan)
    for i in range(1, close.size):
        value = high[i] - low[i] + 0.0 * close[i - 1]  # a NaN in any of the three shows
        value = max(value, abs(high[i] - close[i - 1]))
        out[i] = max(value, abs(low[i] - close[i - 1]))
    return out


@maker
def _wilder(x: Floats, n: int) -> Floats:
    out = np.full(x.size, np.nan)
    start = _first_valid(x)
    if start + n > x.size:
        return out
    total = 0.0
    for i in range(start, start + n):
        total += x[i]
    value = total / n
    out[start + n - 1] = value
    for i in range(start + n, x.size):
        value = (value * (n - 1) + x[i]) / n
        out[i] = value
    return out
