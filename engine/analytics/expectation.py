"""Is a strategy still what its backtest was? The band that the backtest's own trades would leave, and whether it was left.

A strategy's live trades, added up one after the other, are laid beside what as many trades drawn from the backtest would do.
The band holds a whole such path with the given probability, not each point of it alone: a path that was looked at a hundred
times does not leave it more often. Same seed, same band.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.analytics.bootstrap import block_length
from engine.analytics.chance import LEVEL
from engine.analytics.values import Floats, Ints, Undefined, finite

DRAWS, STEPS, LEAST = 1_000, 120, 10
_CELLS = 4_000_000


@dataclass(frozen=True, eq=False)
class Band:
    """After `steps` int64[k] trades: `lived` float64[k] what they add up to, between `low` and `high` float64[k] with
    probability `level` along the whole path; `middle` is what the backtest's mean trade would make. `since` is the number of
    the trade from which on it has been outside to the end (0: it is inside now), `left` whether it was ever outside."""

    steps: Ints
    lived: Floats
    middle: Floats
    low: Floats
    high: Floats
    level: float
    since: int
    left: bool
    mean: float
    """Of a live trade."""
    expected: tuple[float, float]
    """The range of that mean after as many trades."""

    @property
    def within(self) -> bool:
        return self.since == 0


def band(lived: Floats, tested: Floats, level: float = LEVEL, draws: int = DRAWS, seed: int = 0) -> Band:
    """`lived` float64[n] are the live trades' results in order of exit, `tested` float64[m] the backtest's, both as fractions
    of what was paid to enter, so that sizes do not matter.

    Paths are drawn from `tested` in blocks (Politis and Romano, 1994) of the length that Politis and White (2004) choose; to
    each is added what the backtest's own mean is unsure by, for it was found from m trades only (a prediction band). Each is
    measured by its largest distance from the mean path in deviations of its point; the band is as wide as `level` of the
    paths need (a sup-t band; Montiel Olea and Plagborg-Moller, 2019). Undefined below 10 trades on either side.
    """
    n, m = finite(lived, "live results").size, finite(tested, "backtest results").size
    if n < LEAST or m < LEAST:
        few, which = (n, "live") if n < LEAST else (m, "in the backtest")
        raise Undefined(f"{few} trades {which}: below {LEAST} nothing can be said")
    steps = np.unique(np.linspace(0, n, min(n, STEPS) + 1).round().astype(np.int64))[1:]
    paths = _paths(tested, steps, draws, seed)
    mean = float(tested.mean())
    middle: Floats = steps.astype(np.float64) * mean
    apart = paths - middle
    unsure = float(apart[:, -1].std(ddof=1)) / np.sqrt(n * m)
    apart += steps * np.random.default_rng(seed + 1).normal(0.0, unsure, (draws, 1))
    spread: Floats = apart.std(axis=0, ddof=1)
    if not (spread > 0).all():
        raise Undefined("no trade of the backtest differs")
    far = np.abs(apart / spread).max(axis=1)
    width: Floats = float(np.quantile(far, level)) * spread
    path: Floats = np.cumsum(lived)[steps - 1]
    outside = np.abs(path - middle) > width
    inside = np.flatnonzero(~outside)
    first = 0 if not outside[-1] else int(steps[inside[-1] + 1]) if inside.size else int(steps[0])
    half = width[-1] / n
    return Band(
        steps, path, middle, middle - width, middle + width, level, first, bool(outside.any()), float(lived.mean()),
        (mean - half, mean + half),
    )  # fmt: skip


def _paths(tested: Floats, steps: Ints, draws: int, seed: int) -> Floats:
    """float64[draws, steps]: sums of trades drawn in blocks that wrap, after each number of trades."""
    m, n = tested.size, int(steps[-1])
    length = block_length(tested[-20_000:])
    rng, out, each = np.random.default_rng(seed), [], max(1, _CELLS // n)
    for done in range(0, draws, each):
        size = min(each, draws - done)
        fresh = rng.random((size, n)) < 1 / length
        fresh[:, 0] = True
        begun = np.maximum.accumulate(np.where(fresh, np.arange(n), 0), axis=1)
        start = rng.integers(0, m, (size, n))
        picks = (np.take_along_axis(start, begun, axis=1) + np.arange(n) - begun) % m
        edges = np.concatenate([[0], steps[:-1]])
        out.append(np.cumsum(np.add.reduceat(tested[picks], edges, axis=1), axis=1))
    return np.concatenate(out)
