"""The indicators strategies import, in one place, and the two questions about crossing.

Every function takes arrays of one length and gives float64 arrays of that length, computed left to right: the value at a
bar depends on bars up to it alone, and cutting the series after it changes no bit. No state, no pandas, no strategy here.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.core import rolling, smoothing
from engine.core.memo import remembered

__all__ = [
    "atr", "bollinger", "crossed_above", "crossed_below", "day_vwap", "donchian", "ema", "macd", "rolling_std", "rsi", "sma",
    "true_range", "vwap", "zscore",
]  # fmt: skip

# In a sweep each is reckoned once for every distinct parameter: see engine.core.memo.
sma = remembered(rolling.sma)
rolling_std = remembered(rolling.rolling_std)
zscore = remembered(rolling.zscore)
bollinger = remembered(rolling.bollinger)
donchian = remembered(rolling.donchian)
vwap = remembered(rolling.vwap)
day_vwap = remembered(rolling.day_vwap)
ema = remembered(smoothing.ema)
rsi = remembered(smoothing.rsi)
true_range = remembered(smoothing.true_range)
atr = remembered(smoothing.atr)
macd = remembered(smoothing.macd)


def crossed_above(a: ArrayLike, b: ArrayLike) -> NDArray[np.bool_]:
    """bool[size]: a is above b on this bar and was not on the bar before; b may be one number. False where either is NaN."""
    left, right = np.broadcast_arrays(np.asarray(a, np.float64), np.asarray(b, np.float64))
    out = np.zeros(left.shape, np.bool_)
    out[1:] = (left[1:] > right[1:]) & (left[:-1] <= right[:-1])
    return out


def crossed_below(a: ArrayLike, b: ArrayLike) -> NDArray[np.bool_]:
    """bool[size]: a is below b on this bar and was not on the bar before; either may be one number. False on NaN."""
    return crossed_above(b, a)
