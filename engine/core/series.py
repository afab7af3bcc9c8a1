"""Prices that know their tick: a float array whose values are whole multiples of 1 / scale.

Here is the array type and its way into compiled code. No indicator, no instrument, no pandas in this file.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.core.jit import helper, maker

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

ROUNDING, HALF_EXACT = 1.5 * 2.0**52, 2.0**51
EXACT = 2.0**53  # above this a float64 no longer tells one integer from the next


class Prices(np.ndarray[Any, np.dtype[np.float64]]):
    """float64 prices with `.scale`, so that rint(x * scale) are whole ticks; NaN stands for "no price yet".

    Slices, views, copies and pickles keep the scale. Whatever is computed from prices (an operator, any numpy function,
    `np.empty_like` too) is a plain array: a ratio or a mean does not lie on the grid of ticks, and taking it for a price
    would round it without a word.
    """

    scale: float

    def __new__(cls, values: ArrayLike, scale: float) -> "Prices":
        """Wrap (copying only where needed) `values`; `scale` = ticks per unit of price. ValueError unless scale > 0."""
        if not (np.isfinite(scale) and scale > 0):
            raise ValueError(f"scale must be a positive number of ticks per unit of price, got {scale!r}")
        series = np.asarray(values, dtype=np.float64).view(cls)
        series.scale = float(scale)
        return series

    def __array_finalize__(self, parent: Any) -> None:
        """NaN = no known scale: arrays joined or cast to another type are no prices any more."""
        self.scale = getattr(parent, "scale", np.nan) if self.dtype == np.float64 else np.nan

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        """Compute on the bare arrays, so that results are plain."""
        if kwargs.get("out") is not None:
            kwargs["out"] = tuple(_bare(x) for x in kwargs["out"])
        return getattr(ufunc, method)(*(_bare(x) for x in inputs), **kwargs)

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        """As for operators: plain results."""
        result = super().__array_function__(func, types, args, kwargs)
        if isinstance(result, (tuple, list)):
            return type(result)(_bare(x) for x in result) if type(result) in (tuple, list) else result
        return _bare(result)

    def __reduce__(self) -> Any:
        """Pickle values and scale; numpy's own way would lose the scale."""
        if not self.scale > 0:
            return _bare(self).__reduce__()
        return Prices, (_bare(self), self.scale)


def plain(values: ArrayLike) -> Floats:
    """The values as contiguous, writable float64[n], never a subclass: the only kind of array compiled code is handed.

    A read-only array is copied, because to numba it is another type and every function would be compiled twice.
    ValueError for anything but one dimension.
    """
    array = np.ascontiguousarray(_bare(values), dtype=np.float64)
    if array.ndim != 1 or np.ndim(values) != 1:
        raise ValueError(f"a series has one dimension, this one has {np.ndim(values)}: hand over one column at a time")
    return array if array.flags.writeable else array.copy()


def scale_of(*series: ArrayLike) -> float:
    """The scale all the series share, or 0.0 when one of them is no `Prices` or they differ."""
    scales = {float(x.scale) if isinstance(x, Prices) and x.dtype == np.float64 else 0.0 for x in series}
    scale = scales.pop()
    return scale if not scales and scale > 0 else 0.0


def ticks(prices: Prices, n: int = 1) -> tuple[Ints, Ints]:
    """Whole ticks int64[size] (0 where NaN), and int64[size]: the index of the last NaN up to each bar, -1 for none.

    `n` is how many of them will be added up. ValueError when a price, or a sum of n of them, is too large to be exact.
    """
    whole, last_nan, largest = _ticks(plain(prices), prices.scale)
    check_exact(largest, n, prices.scale)
    return whole, last_nan


def check_exact(largest: float, n: int, scale: float) -> None:
    """ValueError when `largest` ticks, or a sum of n of them, are too many to be exact."""
    if not (largest < EXACT and largest * n < 2.0**63):
        raise ValueError(f"prices of {largest / scale:g} are too large for a tick of {1 / scale:g} "
                         f"and windows of {n} bars: use a coarser tick or a shorter window")  # fmt: skip


def _bare(x: Any) -> Any:
    return x.view(np.ndarray) if isinstance(x, Prices) else x


@helper
def whole_ticks(value: float) -> np.int64:
    """The nearest whole number, halves to even; |value| below EXACT. Adding and taking away 1.5 * 2**52 rounds as rint does,
    and quicker; above 2**51 there is rint."""
    return np.int64((value + ROUNDING) - ROUNDING) if abs(value) < HALF_EXACT else np.int64(np.rint(value))


@maker
def _ticks(prices: Floats, scale: float) -> tuple[Ints, Ints, float]:
    whole = np.zeros(prices.size, np.int64)
    last_nan = np.empty(prices.size, np.int64)
    nan_at, largest = -1, 0.0
    for i in range(prices.size):
        value = prices[i] * scale
        size = abs(value)
        if size < EXACT:
            whole[i] = whole_ticks(value)
        elif value != value:
            nan_at = i
        if size > largest:
            largest = size
        last_nan[i] = nan_at
    return whole, last_nan, largest
