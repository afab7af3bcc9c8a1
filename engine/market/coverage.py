"""Where a series has its candles and where it has not: shares a day, holes, outliers. Judged, never changed, here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from engine.core.types import MS_DAY
from engine.market.candles import Candles, Floats, Ints
from engine.market.quality import outliers

LISTED = 200
"""So many holes and outliers are named; all of them are counted."""


class Hole(NamedTuple):
    """Missing bars: [from_ts, to_ts) in ms UTC."""

    from_ts: int
    to_ts: int
    bars: int


class Outlier(NamedTuple):
    """A bar that jumps: how far its close is from the close before, as a fraction."""

    ts: int
    close: float
    move: float


@dataclass(frozen=True)
class Coverage:
    """`days` int64[d] UTC midnights from first to last bar, `share` float64[d] of the day's bars that are there (1 = all;
    the first and the last day count from the first and to the last bar). `holes` longest first."""

    days: Ints
    share: Floats
    holes: tuple[Hole, ...]
    outliers: tuple[Outlier, ...]


def coverage(candles: Candles) -> Coverage:
    """Of sorted, unique candles; empty for none."""
    ts, step = candles.ts, candles.timeframe_ms
    if not len(ts) or not step:
        return Coverage(np.zeros(0, np.int64), np.zeros(0), (), ())
    days, share = _shares(ts, step)
    return Coverage(days, share, _holes(ts, step), _outliers(candles))


def _shares(ts: Ints, step: int) -> tuple[Ints, Floats]:
    """By whole days, or by whole bars where they are longer."""
    width = max(MS_DAY, step)
    first, last = int(ts[0]) // width, int(ts[-1]) // width
    days = np.arange(first, last + 1, dtype=np.int64) * width
    have = np.bincount(ts // width - first, minlength=days.size)
    begin, end = np.maximum(days, ts[0]), np.minimum(days + width, ts[-1] + step)
    wanted = np.maximum((end - begin + step - 1) // step, 1)
    return days, np.minimum(have / wanted, 1.0)


def _holes(ts: Ints, step: int) -> tuple[Hole, ...]:
    missing = np.diff(ts) // step - 1
    at = np.flatnonzero(missing > 0)
    longest = at[np.argsort(-missing[at], kind="stable")][:LISTED]
    return tuple(Hole(int(ts[i]) + step, int(ts[i + 1]), int(missing[i])) for i in longest)


def _outliers(candles: Candles) -> tuple[Outlier, ...]:
    at = np.flatnonzero(outliers(candles.ts, candles.ohlcv, candles.timeframe_ms))
    move = candles.close[at] / candles.close[at - 1] - 1
    order = np.argsort(-np.abs(move), kind="stable")[:LISTED]
    return tuple(Outlier(int(candles.ts[at[k]]), float(candles.close[at[k]]), float(move[k])) for k in order)
