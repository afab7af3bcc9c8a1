"""The worst times under water, one by one: from which peak, how deep, when over. See falls for the rest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.analytics.falls import falls
from engine.analytics.values import Floats, Ints


@dataclass(frozen=True, eq=False)
class Drawdowns:
    """The deepest first, arrays of one length: times in ms UTC. `recovered_ts` is -1 where the peak was not reached again."""

    peak_ts: Ints
    valley_ts: Ints
    recovered_ts: Ints
    depth: Floats
    peak: Floats
    valley: Floats


def worst(ts: Ints, levels: Floats, count: int = 5) -> Drawdowns:
    """The `count` deepest of all spells under water; `levels` float64[n] with starting capital first, `ts` int64[n] in order.

    A spell lasts from a peak that was left to the point where it was reached again (as falls.spells has it); the valley is its
    first lowest point. Vectorised over points; the loop is over `count`.
    """
    drops = falls(levels)
    turns = np.flatnonzero(np.diff(drops < 0, prepend=False))
    starts, ends = turns[::2], turns[1::2]
    depth = np.minimum.reduceat(drops, starts) if starts.size else np.zeros(0)
    order = np.argsort(depth, kind="stable")[:count]
    last = np.append(ends, levels.size) if starts.size > ends.size else ends
    valley = np.array([starts[i] + int(np.argmin(drops[starts[i] : last[i]])) for i in order], np.int64)
    again = np.append(ts[ends], -1) if starts.size > ends.size else ts[ends]
    top = starts[order] - 1
    return Drawdowns(ts[top], ts[valley], again[order].astype(np.int64), depth[order], levels[top], levels[valley])
