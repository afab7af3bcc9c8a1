"""Runs of wins or losses beside what chance alone would bring at that rate. Arrays in, plain values out."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.analytics.values import Floats, Ints, Undefined

_CELLS = 20_000_000


def lengths(hit: npt.NDArray[np.bool_]) -> Ints:
    """The lengths of all runs of hits, in order."""
    edges = np.flatnonzero(np.diff(hit.astype(np.int8), prepend=0, append=0))
    runs: Ints = (edges[1::2] - edges[::2]).astype(np.int64)
    return runs


def at_most(n: int, p: float) -> Floats:
    """float64[k]: probability that the longest run of hits in n independent trials of chance p, 0 < p < 1, is at most 0, 1, 2,
    ... until it is 1 but for 1e-13. Exact while trials are few; by Feller's root where what he leaves out, p^n, is below
    1e-13 (An Introduction to Probability Theory, vol. 1, XIII.7)."""
    most = min(n, math.ceil((math.log(n) + 30) / -math.log(p)))
    far = -n * math.log(p) > 30
    if far or n * most > _CELLS:
        return np.array([_feller(n, p, k) for k in range(1, most + 1)] + ([1.0] if most == n else []))
    return _exact(n, p, most)


def _exact(n: int, p: float, most: int) -> Floats:
    """a(m) = a(m - 1) - q p^k a(m - k - 1) for runs below k = 1 .. most in m trials; a(m) = 1 for m < k, a(k) = 1 - p^k."""
    k = np.arange(1, most + 1)
    power, column = p**k, np.arange(most)
    chance = np.ones((n + 1, most))
    for m in range(1, n + 1):
        back = m - k - 1
        fewer = np.where(back >= 0, chance[np.maximum(back, 0), column], 0.0)
        chance[m] = np.where(m < k, 1.0, np.where(m == k, 1 - power, chance[m - 1] - (1 - p) * power * fewer))
    last: Floats = np.maximum(chance[n], 0.0)
    return np.append(last, 1.0) if most == n else last


def _feller(n: int, p: float, k: int) -> float:
    """(1 - p x) / ((k + 1 - k x) q) x^-(n + 1), x the positive root other than 1 / p of 1 - x + q p^k x^(k + 1) = 0."""
    if abs(p - k / (k + 1)) < 1e-9:  # the two roots are one: a hair beside it they are not
        p -= 2e-9
    q = 1 - p
    step = math.log(q) + k * math.log(p)
    bottom = math.exp(
        -(step + math.log(k + 1)) / k
    )  # where the convex function is lowest: the root lies on 1 / p's other side
    x = 1.0 if 1 / p > bottom else 2 * bottom
    for _ in range(200):
        tail = math.exp(step + (k + 1) * math.log(x))
        nearer = x - (1 - x + tail) / ((k + 1) * tail / x - 1)
        if abs(nearer - x) <= 1e-16 * x:
            break
        x = nearer
    share = (1 - p * x) / ((k + 1 - k * x) * q)
    return min(math.exp(math.log(share) - (n + 1) * math.log(x)), 1.0) if share > 0 else 0.0


@dataclass(frozen=True)
class Streak:
    """The longest run `seen`, the longest `expected` on average, and the range that holds the middle 90 % of chance."""

    seen: int
    expected: float
    low: int
    high: int

    @property
    def unusual(self) -> bool:
        return not self.low <= self.seen <= self.high


def streak(hit: npt.NDArray[np.bool_], level: float = 0.90) -> Streak:
    """The longest run of hits beside what independent trades at the same rate would bring. Undefined without a trade.

    A run that is longer than `high` says that results hang together: the next loss is likelier after a loss.
    """
    n = int(hit.size)
    if not n:
        raise Undefined("no trade was closed")
    runs, p = lengths(hit), float(hit.mean())
    seen = int(runs.max()) if runs.size else 0
    if p in (0.0, 1.0):
        return Streak(seen, float(seen), seen, seen)
    under = at_most(n, p)
    expected = float((1 - under).sum())
    low = int(np.searchsorted(under, (1 - level) / 2, "right"))
    high = int(np.searchsorted(under, (1 + level) / 2, "left"))
    return Streak(seen, expected, low, high)
