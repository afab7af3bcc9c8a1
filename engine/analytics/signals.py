"""What the market did after each signal: forward returns net of costs, and excursions. Arrays in, arrays out.

A signal is given at a bar's end. It could have been followed from the open of the next bar, so that open is the base of
everything here. Who judged the signal well or badly is told by engine.analytics.signals_score.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.analytics.values import Floats, Ints

HORIZONS = (1, 4, 12, 24, 72)
"""In bars of the slot's timeframe."""
_CELLS = 2_000_000
"""Bars looked at in one go where excursions are taken, so that memory stays small."""


@dataclass(frozen=True, eq=False)
class Market:
    """One symbol's bars at `step_ms`: `ts` int64[b] ms UTC of the open, ascending; prices float64[b]. Bars without a print may be
    missing. `until` is the end of what is known, ms UTC."""

    ts: Ints
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    step_ms: int
    until: int


@dataclass(frozen=True, eq=False)
class Forward:
    """What came after each of n signals: `base` int64[n] the bar it could be followed from (-1: none yet, or none within
    a bar of it), `price` float64[n] its open, `returns` float64[n, 5] by HORIZONS, `mae` and `mfe` float64[n]; fractions, NaN
    where not known. `over` bool[n]: nothing will change any more."""

    base: Ints
    price: Floats
    returns: Floats
    mae: Floats
    mfe: Floats
    over: npt.NDArray[np.bool_]


def forward(decided: Ints, direction: Ints, cost: Floats, market: Market) -> Forward:
    """Follow n signals: `decided` int64[n] ms UTC of the bar's end, `direction` 1 or -1, `cost` of a round trip as a fraction.

    The return at h bars is direction x (c / o - 1) - cost: o the open of the first bar from `decided` on, c the last close before
    `decided` + h bars. A signal whose first bar comes later than one bar after it was not to be followed: all is NaN. MAE and MFE
    are the worst and best prices of the first 72 bars against o, before costs, at least 0; while those bars are still coming, of
    the ones that came.
    """
    ts, step = market.ts, market.step_ms
    base = base_of(decided, ts, step)
    there, first = base >= 0, np.searchsorted(ts, decided)
    price = np.full(decided.size, np.nan)
    price[there] = market.open[first[there]]
    returns = np.full((decided.size, len(HORIZONS)), np.nan)
    for column, bars in enumerate(HORIZONS):
        end = decided + bars * step
        last = np.searchsorted(ts, end) - 1
        known = there & (end <= market.until) & (last >= first)
        moved = market.close[last[known]] / price[known] - 1
        returns[known, column] = direction[known] * moved - cost[known]
    mae, mfe = _excursions(decided, direction, base, price, market)
    return Forward(base, price, returns, mae, mfe, decided + HORIZONS[-1] * step <= market.until)


def base_of(decided: Ints, ts: Ints, step_ms: int) -> Ints:
    """int64[n]: the bar that a signal could be followed from, the first to open at `decided` or later; -1 for none yet, or
    none within a bar of it. `ts` int64[b] ms UTC of the bars' opens, ascending."""
    first = np.searchsorted(ts, decided)
    there = first < ts.size
    there[there] &= ts[first[there]] <= decided[there] + step_ms
    return np.where(there, first, -1).astype(np.int64)


def _excursions(decided: Ints, direction: Ints, base: Ints, price: Floats, market: Market) -> tuple[Floats, Floats]:
    """(MAE, MFE) of the bars from `base` on that open within 72 bars of the signal."""
    mae, mfe = np.full(base.size, np.nan), np.full(base.size, np.nan)
    end = np.searchsorted(market.ts, decided + HORIZONS[-1] * market.step_ms)
    at = np.flatnonzero((base >= 0) & (end > base))
    each = max(_CELLS // HORIZONS[-1], 1)
    for start in range(0, at.size, each):
        some = at[start : start + each]
        bars = np.minimum(base[some, None] + np.arange(HORIZONS[-1]), end[some, None] - 1)
        low, high = market.low[bars].min(axis=1), market.high[bars].max(axis=1)
        down, up = np.maximum(1 - low / price[some], 0.0), np.maximum(high / price[some] - 1, 0.0)
        long = direction[some] > 0
        mae[some], mfe[some] = np.where(long, down, up), np.where(long, up, down)
    return mae, mfe
