"""Drawdowns: how deep, how long, how much of the time. A fall is a fraction of the peak before it, zero or negative."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from engine.analytics.values import Floats, Ints, Undefined


def falls(levels: Floats) -> Floats:
    """float64[n]: each level against the highest one so far; 0 at a peak."""
    drops: Floats = levels / np.maximum.accumulate(levels) - 1
    return drops


def max_drawdown(levels: Floats) -> float:
    """The deepest fall, zero or negative. Levels must include the starting capital."""
    if not levels.size:
        return 0.0
    deepest = float(falls(levels).min())
    if math.isnan(deepest):
        raise Undefined("the account was used up")
    return deepest


@dataclass(frozen=True, eq=False)
class Spells:
    """Each time under water, in order: `peak_ts`, `end_ts` (recovered, or the last point) and `depth`; `open`: not recovered."""

    peak_ts: Ints
    end_ts: Ints
    depth: Floats
    open: bool

    @property
    def seconds(self) -> Floats:
        lasted: Floats = (self.end_ts - self.peak_ts) / 1000.0
        return lasted


def spells(ts: Ints, levels: Floats) -> Spells:
    """From each peak that was left to the point where it was reached again."""
    drops = falls(levels)
    turns = np.flatnonzero(np.diff(drops < 0, prepend=False))
    starts, ends = turns[::2], turns[1::2]
    under = starts.size > ends.size
    last = np.append(ends, levels.size - 1) if under else ends
    # from one start to the next lie the spell and points at a peak, whose fall is zero
    depth = np.minimum.reduceat(drops, starts) if starts.size else np.zeros(0)
    return Spells(ts[starts - 1], ts[last], depth, under)


def ulcer_index(levels: Floats) -> float:
    """Root mean square fall over the levels after the first (Martin, 1987)."""
    if levels.size < 2:
        raise Undefined("fewer than two days")
    index = float(np.sqrt((falls(levels)[1:] ** 2).mean()))
    if math.isnan(index):
        raise Undefined("the account was used up")
    return index
