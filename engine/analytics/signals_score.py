"""Whether signals were any good: hit rate, information coefficient, their decay, calibration. Arrays in, plain values out.

Signals that overlap see the same market: intervals count the windows that do not overlap instead of the signals, so that a
strategy that repeats itself is not made sure by it. What a rule saved or cost is told by engine.analytics.signals_ledger.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.analytics import chance
from engine.analytics.special import normal_quantile
from engine.analytics.values import MIN_TRADES, Floats, Ints, Undefined

MIN_RESOLVED = 100
"""Below so many resolved signals nothing is said about calibration."""
BINS = 10
_DRAWS = 2_000
_Z = normal_quantile((1 + chance.LEVEL) / 2)


@dataclass(frozen=True)
class Between:
    """A value and its 90 % interval; `reason` says why there is no value."""

    value: float | None
    low: float | None = None
    high: float | None = None
    reason: str = ""


@dataclass(frozen=True)
class Record:
    """What became of `signals` signals: `resolved` have an outcome, in `independent` windows that do not overlap. `won`: share
    above zero after costs; `mean`: return net of costs; `ic`: see `information`. `few` says why it is little to go by."""

    signals: int
    resolved: int
    independent: int
    won: Between
    mean: Between
    ic: Between
    few: str = ""


def independent(ts: Ints, place: Ints, span_ms: int) -> int:
    """How many windows of `span_ms` hold a signal, over all places (symbols by number): `ts` int64[n] ms UTC."""
    if not ts.size:
        return 0
    window = ts // max(span_ms, 1)
    spread = int(window.max() - window.min()) + 1
    seen = np.sort(place * spread + (window - window.min()))
    return 1 + int(np.count_nonzero(np.diff(seen)))


def ranks(values: Floats) -> Floats:
    """float64[n]: ranks from 1, ties share the mean of theirs."""
    _, which, count = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    shared: Floats = (last - (count - 1) / 2)[which]
    return shared


def spearman(x: Floats, y: Floats) -> float:
    """Rank correlation (Spearman, 1904): Pearson's of the ranks, ties shared. Undefined below 3 pairs, or where one side is all
    the same."""
    if x.size < 3:
        raise Undefined("fewer than three resolved signals")
    a, b = ranks(x), ranks(y)
    a, b = a - a.mean(), b - b.mean()
    size = math.sqrt(float(a @ a) * float(b @ b))
    if not size:
        raise Undefined("all forecasts are alike: nothing to rank")
    return min(1.0, max(-1.0, float(a @ b) / size))


def information(forecast: Floats, moved: Floats, count: int | None = None) -> Between:
    """The information coefficient: Spearman's correlation of the forecast (direction x strength) with the move that came
    (undirected, before costs). Interval by Fisher's z with the variance (1 + r^2 / 2) / (n - 3) of Bonett and Wright (2000), n
    being `count`, the windows that do not overlap, or the number of signals.
    """
    try:
        r = spearman(forecast, moved)
    except Undefined as why:
        return Between(None, reason=str(why))
    n = min(count or forecast.size, forecast.size)
    if n <= 3 or abs(r) >= 1:
        return Between(r, reason="too few windows that do not overlap for an interval")
    half = _Z * math.sqrt((1 + r * r / 2) / (n - 3))
    return Between(r, math.tanh(math.atanh(r) - half), math.tanh(math.atanh(r) + half))


def hit_rate(won: int, resolved: int, count: int | None = None) -> Between:
    """Share of signals above zero after costs, with Wilson's interval for `count` windows (or all that are resolved)."""
    if not resolved:
        return Between(None, reason="no signal is resolved yet")
    n = min(count or resolved, resolved)
    low, high = chance.wilson(won * n / resolved, n)
    return Between(won / resolved, low, high)


def mean_return(returns: Floats, count: int | None = None) -> Between:
    """Mean with the normal interval of `count` windows; no interval below two."""
    if not returns.size:
        return Between(None, reason="no signal is resolved yet")
    n = min(count or returns.size, returns.size)
    mean = float(returns.mean())
    if n < 2:
        return Between(mean, reason="one signal has no spread")
    half = _Z * float(returns.std(ddof=1)) / math.sqrt(n)
    return Between(mean, mean - half, mean + half)


def record(
    returns: Floats, direction: Ints, strength: Floats, cost: Floats, ts: Ints, place: Ints, span_ms: int
) -> Record:
    """The record of n signals over one horizon: `returns` float64[n] net of `cost`, NaN where not resolved; `strength` float64[n]
    in 0..1 (NaN counts as 1); `ts` int64[n] when given, `place` int64[n] the symbol's number, `span_ms` the horizon."""
    known = np.isfinite(returns)
    net, sides = returns[known], direction[known]
    windows = independent(ts[known], place[known], span_ms)
    said = np.where(np.isfinite(strength[known]), strength[known], 1.0)
    few = (
        f"below {MIN_TRADES} windows that do not overlap this is noise as much as skill" if windows < MIN_TRADES else ""
    )
    return Record(
        signals=int(returns.size),
        resolved=int(net.size),
        independent=windows,
        won=hit_rate(int((net > 0).sum()), net.size, windows),
        mean=mean_return(net, windows),
        ic=information(said * sides, sides * (net + cost[known]), windows),
        few=few,
    )


def groups(codes: Ints, names: Sequence[str]) -> list[tuple[str, Ints]]:
    """(name, rows int64[k]) of each code that occurs in int64[n], the largest group first; `names[code]` is what it is called."""
    counts = np.bincount(codes, minlength=len(names))
    parts = np.split(np.argsort(codes, kind="stable"), np.cumsum(counts)[:-1])
    found = [(names[code], part) for code, part in enumerate(parts) if part.size]
    return sorted(found, key=lambda one: (-one[1].size, one[0]))


# ---- calibration ------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Bin:
    """Signals whose confidence lies in [low, high): how many, how sure on average, how often right with Wilson's interval."""

    low: float
    high: float
    signals: int
    confidence: float
    right: Between


@dataclass(frozen=True)
class Calibration:
    """`brier` mean squared error of the confidence; `base` what always saying the base rate would have scored; `ece` the expected
    calibration error over `bins`."""

    signals: int
    brier: Between
    base: float
    ece: Between
    bins: Sequence[Bin]

    @property
    def skill(self) -> float | None:
        """Brier skill score: above 0 the confidence says more than the base rate."""
        return None if not self.base or self.brier.value is None else 1 - self.brier.value / self.base


def calibration(confidence: Floats, right: npt.NDArray[np.bool_], bins: int = BINS, seed: int = 0) -> Calibration:
    """How far a confidence of p is right in a share p of the cases: `confidence` float64[n] in 0..1, `right` bool[n].

    Brier (1950) with the normal interval of its mean; ECE by bins of equal width (Naeini and others, 2015) with the percentile
    interval of 2,000 draws of the bins' counts. Undefined below 100 signals, with the sentence to show.
    """
    n = confidence.size
    if n < MIN_RESOLVED:
        raise Undefined(f"{n} resolved signals with a confidence: below {MIN_RESOLVED} calibration cannot be told")
    if not ((confidence >= 0) & (confidence <= 1)).all():
        raise ValueError("a confidence lies from 0 to 1")
    error = (confidence - right) ** 2
    rate = float(right.mean())
    which = np.minimum((confidence * bins).astype(np.int64), bins - 1)
    cells = np.asarray(np.bincount(which * 2 + right, minlength=2 * bins), np.float64)
    sure = np.asarray(np.bincount(which * 2 + right, confidence, minlength=2 * bins), np.float64)
    return Calibration(n, mean_return(error), rate * (1 - rate), _ece(cells, sure, n, seed), _bins(cells, sure, bins))


def _bins(cells: Floats, sure: Floats, bins: int) -> list[Bin]:
    counts, hits = cells[0::2] + cells[1::2], cells[1::2]
    total = sure[0::2] + sure[1::2]
    return [
        Bin(
            k / bins,
            (k + 1) / bins,
            int(counts[k]),
            float(total[k] / counts[k]),
            hit_rate(int(hits[k]), int(counts[k])),
        )
        for k in np.flatnonzero(counts).tolist()
    ]


def _ece(cells: Floats, sure: Floats, n: int, seed: int) -> Between:
    """The error of the counts, and of draws of them: each cell (bin and outcome) keeps its mean confidence."""
    each = np.divide(sure, cells, out=np.zeros_like(sure), where=cells > 0)
    drawn = np.random.default_rng(seed).multinomial(n, cells / n, _DRAWS)
    errors = _gap(drawn, each)
    low, high = np.percentile(errors, [50 * (1 - chance.LEVEL), 50 * (1 + chance.LEVEL)])
    return Between(float(_gap(cells[None], each)[0]), float(low), float(high))


def _gap(counts: npt.NDArray[Any], each: Floats) -> Floats:
    """float64[draws]: sum over bins of share x |right - confidence|, which is |hits - sum of confidence| / n."""
    said = counts * each
    total = said[:, 0::2] + said[:, 1::2]
    gap: Floats = np.abs(counts[:, 1::2] - total).sum(axis=1) / counts.sum(axis=1)
    return gap
