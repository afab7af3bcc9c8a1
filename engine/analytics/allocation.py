"""How capital could be shared among strategies by what they have shown, always beside equal shares, which is the default.

Evidence of few days is noise, so it is shrunk towards none; what moves like the others counts less; a change has to be worth
its cost, and has to wait. Nothing here trades: a weight is advice with its reasons. Arrays in, plain values out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.analytics import shrink
from engine.analytics.values import Floats, Undefined


@dataclass(frozen=True)
class Rules:
    """`prior_days` days of a Sharpe ratio of zero stand against the evidence; `penalty` is what a mean correlation of 1 with
    the others takes from a yearly Sharpe ratio; `boldness` how much a ratio of 1 multiplies a share (0: equal shares for
    ever); no share leaves `least`..`most` times the equal one. A change costs `cost` of what is moved, waits `dwell` days
    after the last one, and must promise more than its cost over the next `dwell` days."""

    prior_days: float = 180.0
    penalty: float = 0.5
    boldness: float = 1.0
    least: float = 0.25
    most: float = 2.5
    cost: float = 0.002
    dwell: int = 14

    def __post_init__(self) -> None:
        if self.prior_days < 0 or self.cost < 0 or self.boldness < 0 or self.dwell < 1:
            raise ValueError("prior days, cost and boldness are zero or more, and the dwell is at least one day")
        if not 0 <= self.least <= 1 <= self.most:
            raise ValueError("`least` is a part of the equal share, 0 to 1, and `most` a multiple of it, 1 or more")


@dataclass(frozen=True, eq=False)
class Advice:
    """`weights` float64[k] to have now, `wanted` without cost and dwell, `equal` the benchmark. `seen` and `shrunk` are
    yearly Sharpe ratios before and after shrinkage, `crowd` the mean correlation with the others. `why` says why `weights`
    are what they are."""

    weights: Floats
    wanted: Floats
    equal: Floats
    seen: Floats
    shrunk: Floats
    crowd: Floats
    changed: bool
    why: str


def allocate(
    returns: Floats, now: Floats | None = None, waited: int | None = None, rules: Rules = Rules(), days: int = 365
) -> Advice:
    """Weights for k strategies from their daily returns float64[n, k]; `now` are the weights in force (equal ones without),
    `waited` the days since they were set (None: for ever).

    Shrunk ratio: n / (n + prior_days) SR_i, the mean of a normal posterior with a prior at zero (James and Stein's idea).
    Score: that less penalty x mean shrunk correlation with the others. Share: proportional to exp(boldness x score), kept
    within bounds and adding up to 1. Undefined for no strategy or fewer than two days.
    """
    n, k = returns.shape
    if not k or n < 2:
        raise Undefined("no strategy" if not k else "fewer than two days")
    equal = np.full(k, 1 / k)
    held = equal if now is None else np.asarray(now, np.float64)
    spread = returns.std(axis=0, ddof=1)
    seen = np.where(spread > 1e-15, returns.mean(axis=0) / np.where(spread > 1e-15, spread, 1.0), 0.0) * np.sqrt(days)
    shrunk = seen * n / (n + rules.prior_days)
    crowd = np.zeros(k) if k == 1 else (shrink.correlations(returns).matrix.sum(axis=1) - 1) / (k - 1)
    wanted = bounded(np.exp(rules.boldness * (shrunk - rules.penalty * crowd)), rules.least / k, rules.most / k)
    changed, why = _worth(held, wanted, shrunk * spread / np.sqrt(days), waited, rules)
    return Advice(wanted if changed else held, wanted, equal, seen, shrunk, crowd, changed, why)


def _worth(held: Floats, wanted: Floats, gain: Floats, waited: int | None, rules: Rules) -> tuple[bool, str]:
    """Whether to change, and the reason; `gain` float64[k] is the shrunk return of a day."""
    moved = float(np.abs(wanted - held).sum()) / 2
    if moved < 1e-12:
        return False, "the shares are what they should be"
    if waited is not None and waited < rules.dwell:
        return False, f"the last change is {waited} days ago; the least is {rules.dwell}"
    more, cost = float((wanted - held) @ gain) * rules.dwell, rules.cost * moved
    promise = f"promises {more:.3%} over {rules.dwell} days at a cost of {cost:.3%}"
    return (
        (True, f"moving {moved:.1%} {promise}")
        if more > cost
        else (False, f"moving {moved:.1%} {promise}: not worth it")
    )


def bounded(score: Floats, low: float, high: float) -> Floats:
    """Weights proportional to `score` > 0 that add up to 1 and keep within [low, high]: what is cut off is shared by the
    others, in proportion, until none is outside (at most k rounds)."""
    k = score.size
    weights, fixed = score / score.sum(), np.zeros(k, bool)
    if low * k >= 1 or high * k <= 1:
        return np.full(k, 1 / k)
    for _ in range(2 * k):
        over, under = weights > high + 1e-15, weights < low - 1e-15
        if not (over | under).any():
            break
        excess, lack = float((weights[over] - high).sum()), float((low - weights[under]).sum())
        worst = over if excess >= lack else under  # the larger side first, so that no bound is set that is let go again
        weights[worst] = high if excess >= lack else low
        fixed |= worst
        free = ~fixed
        weights[free] = score[free] / score[free].sum() * (1 - float(weights[fixed].sum()))
    kept: Floats = weights
    return kept


@dataclass(frozen=True, eq=False)
class Past:
    """What the rule would have done, decided each day from the days before alone: growth of 1 by the allocator (net of the
    cost of changes) and by equal shares, float64[n + 1], and the weights it had, float64[n, k]; `changes` how often it
    changed."""

    allocator: Floats
    equal: Floats
    weights: Floats
    changes: int


def past(returns: Floats, rules: Rules = Rules(), warm: int = 30, days: int = 365) -> Past:
    """Lived through day by day, in steps of `rules.dwell`: equal shares until `warm` days are known. No day is known before it
    is over."""
    n, k = returns.shape
    weights, cost, changes = np.full((n, k), 1 / k), np.zeros(n), 0
    held = np.full(k, 1 / k)
    for day in range(max(warm, 2), n, rules.dwell):
        advice = allocate(returns[:day], held, None, rules, days)
        if advice.changed:
            cost[day] = rules.cost * float(np.abs(advice.weights - held).sum()) / 2
            held, changes = advice.weights, changes + 1
        weights[day:] = held
    grown = np.cumprod(1 + (weights * returns).sum(axis=1) - cost)
    level = np.cumprod(1 + returns.mean(axis=1)) if k else np.ones(n)
    return Past(np.append(1.0, grown), np.append(1.0, level), weights, changes)


def named(advice: Advice, names: Sequence[str]) -> list[dict[str, float | str]]:
    """One row a strategy: everything that its share was made of."""
    columns = ("weights", "wanted", "equal", "seen", "shrunk", "crowd")
    return [
        {"strategy": name, **{column: float(getattr(advice, column)[i]) for column in columns}}
        for i, name in enumerate(names)
    ]
