"""Why did a stretch of time earn what it did, is that still the strategy that was tested, and did a change help?

Arrays in, plain values out. Results of trades as fractions of what was paid to enter, so that sizes do not matter, or as money.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from engine.analytics.bootstrap import block_length
from engine.analytics.certainty import mean_interval
from engine.analytics.chance import LEVEL
from engine.analytics.special import normal_quantile
from engine.analytics.trades import spread
from engine.analytics.values import MIN_TRADES, Floats, Ints, Undefined, finite

DRAWS = 2_000
RARE = 0.05
"""A stretch as bad as fewer than this share of the drawn ones is no ordinary bad luck."""
BROKEN = 0.01
_CELLS = 2_000_000
Names = npt.NDArray[np.object_]
Judged = Literal["", "too few trades to say", "no difference to be seen", "better", "worse"]


@dataclass(frozen=True, eq=False)
class Place:
    """What `trades` trades added up to (`value`) among as many drawn from the `tested` ones: `share` of the draws were as bad
    or worse; the middle `level` of them lie from `low` to `high`, `drawn` float64[draws] are all."""

    value: float
    share: float
    low: float
    middle: float
    high: float
    trades: int
    tested: int
    drawn: Floats
    level: float = LEVEL

    @property
    def judged(self) -> Literal["broken", "rare", "luck", "good"]:
        """broken: worse than all but 1 % of the draws. rare: than all but 5 %. luck: below the middle. good: above it."""
        if self.share < BROKEN:
            return "broken"
        return "rare" if self.share < RARE else "luck" if self.value < self.middle else "good"


def place(lived: Floats, tested: Floats, draws: int = DRAWS, seed: int = 0) -> Place:
    """Where lived results fall among what the tested ones would do: stationary block bootstrap (Politis and Romano, 1994) of as
    many trades in a row, mean block length by Politis and White (2004). `lived` float64[n], `tested` float64[m] in order.

    Undefined without a lived trade, or below 30 tested ones. Ties count half.
    """
    n, m = finite(lived, "results").size, finite(tested, "tested results").size
    if not n:
        raise Undefined("no trade was closed in this time")
    if m < MIN_TRADES:
        raise Undefined(f"{m} trades to measure against: too few below {MIN_TRADES}")
    drawn = _sums(tested, n, max(200, min(draws, 20 * _CELLS // n)), seed)
    value = float(lived.sum())
    low, middle, high = (float(v) for v in np.quantile(drawn, [(1 - LEVEL) / 2, 0.5, (1 + LEVEL) / 2]))
    share = float(((drawn < value).sum() + (drawn == value).sum() / 2) / drawn.size)
    return Place(value, share, low, middle, high, n, m, drawn)


def _sums(tested: Floats, n: int, draws: int, seed: int) -> Floats:
    """float64[draws]: sums of `n` trades drawn in blocks that wrap."""
    block, rng, out = block_length(tested[-20_000:]), np.random.default_rng(seed), []
    each = max(1, _CELLS // n)
    for done in range(0, draws, each):
        count = min(each, draws - done)
        fresh = rng.random((count, n)) < 1 / block
        fresh[:, 0] = True
        begun = np.maximum.accumulate(np.where(fresh, np.arange(n), 0), axis=1)
        start = rng.integers(0, tested.size, (count, n))
        picks = (np.take_along_axis(start, begun, axis=1) + np.arange(n) - begun) % tested.size
        out.append(tested[picks].sum(axis=1))
    return np.concatenate(out)


@dataclass(frozen=True)
class Cause:
    """A part of a result: `name` of the trades (a slot) and how they ended, or of a cost. All parts add up to the whole."""

    name: str
    ended: str
    total: float
    trades: int


def causes(names: Names, ended: Names, pnl: Floats, fees: Floats, slippage: Floats, funding: Floats) -> list[Cause]:
    """The whole result in parts, the one that cost most first: what each slot's trades with each kind of exit made before costs,
    and each cost once. They add up to `pnl.sum()`. Columns of n trades; costs above zero were paid."""
    if not pnl.size:
        return []
    gross = pnl + fees + slippage + funding
    slots, at = np.unique(names.astype(str), return_inverse=True)
    kinds, by = np.unique(ended.astype(str), return_inverse=True)
    cells, which = np.unique(at * kinds.size + by, return_inverse=True)
    total, count = np.bincount(which, gross), np.bincount(which)
    found = [
        Cause(str(slots[cell // kinds.size]), str(kinds[cell % kinds.size]), float(total[k]), int(count[k]))
        for k, cell in enumerate(cells.tolist())
    ]
    costs = (("fees", fees), ("slippage", slippage), ("funding", funding))
    found += [Cause(name, "", -float(paid.sum()), int((paid != 0).sum())) for name, paid in costs if paid.any()]
    return sorted(found, key=lambda one: one.total)


def worst(pnl: Floats, count: int = 5) -> Ints:
    """int64[k]: which trades lost most, the worst first; none that did not lose."""
    lost = np.flatnonzero(pnl < 0)
    most = lost[np.argsort(pnl[lost], kind="stable")[:count]]
    return most.astype(np.int64)


@dataclass(frozen=True)
class Version:
    """What was earned under one version of configuration and code. `mean` is of a trade, as a fraction of what was paid to enter,
    in its interval (None for fewer than two trades); `judged` compares it with the version before, "" for the first."""

    name: str
    trades: int
    total: float
    wins: int
    mean: float
    between: tuple[float, float] | None
    judged: Judged


def by_version(names: list[str], which: Ints, pnl: Floats, returns: Floats) -> list[Version]:
    """Results of each version in the order of `names`; `which` int64[n] says under which version each trade was opened, `pnl` is
    money, `returns` fractions. A version without a trade is left out."""
    made: list[Version] = []
    before: Floats | None = None
    for k, name in enumerate(names):
        own = which == k
        if not own.any():
            continue
        mine = returns[own]
        judged: Judged = "" if before is None else difference(mine, before)
        between = _or_none(mine)
        made.append(
            Version(
                name,
                int(own.sum()),
                float(pnl[own].sum()),
                int((pnl[own] > 0).sum()),
                float(mine.mean()),
                between,
                judged,
            )
        )
        before = mine
    return made


def _or_none(values: Floats) -> tuple[float, float] | None:
    try:
        return mean_interval(values)
    except Undefined:
        return None


def difference(one: Floats, other: Floats, level: float = LEVEL) -> Judged:
    """Whether the mean of `one` differs from that of `other`: by the interval of the difference of two means of unequal variance
    (Welch, 1947; normal quantile, as both have 30 values or more)."""
    if min(one.size, other.size) < MIN_TRADES:
        return "too few trades to say"
    try:
        error = math.hypot(spread(one) / math.sqrt(one.size), spread(other) / math.sqrt(other.size))
    except Undefined:
        return "too few trades to say"
    apart, half = float(one.mean() - other.mean()), normal_quantile((1 + level) / 2) * error
    return "better" if apart > half else "worse" if apart < -half else "no difference to be seen"
