"""A model against the rule it stands beside, on the same moments: arrays in, plain values out. Who said what is not known here.

Two averages over different moments differ by the moments; the difference moment by moment does not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.analytics import bootstrap
from engine.analytics.signals_score import Between
from engine.analytics.values import Floats, Ints

MIN_PAIRS = 30
"""Below so many pairs nothing is said."""


@dataclass(frozen=True)
class Paired:
    """Over `pairs` moments: mean return net of costs of the model's view and of the rule's signal (None without a pair), in how
    many both meant the same (`agreed`), and `difference`, model less rule, with its 90 % interval or why there is none."""

    pairs: int
    agreed: int
    model: float | None
    rule: float | None
    difference: Between

    @property
    def words(self) -> str:
        """What may be concluded."""
        one = self.difference
        if one.low is None or one.high is None:
            return one.reason
        if one.low > 0:
            return "the model was better"
        return "the rule was better" if one.high < 0 else "no difference can be told from chance"


def paired(model: Floats, rule: Floats, same: npt.NDArray[np.bool_], seed: int = 0) -> Paired:
    """`model` and `rule` float64[n]: returns net of costs of the two at n moments in order of time, NaN where not known yet; such
    moments are left out. `same` bool[n]: both meant the same.

    The interval is the percentile interval of the mean difference under the stationary bootstrap (Politis and Romano, 1994), so
    that moments that overlap do not count as many. No value below 30 pairs.
    """
    if model.size != rule.size or same.size != rule.size:
        raise ValueError("pairs have two sides: give as many returns of the model as of the rule")
    known = np.isfinite(model) & np.isfinite(rule)
    one, other, n = model[known], rule[known], int(known.sum())
    agreed = int((same & known).sum())
    ours, theirs = (float(one.mean()), float(other.mean())) if n else (None, None)
    if n < MIN_PAIRS:
        few = f"cannot say: {n} pair{'' if n == 1 else 's'}, {MIN_PAIRS} are needed"
        return Paired(n, agreed, ours, theirs, Between(None, reason=few))
    found = bootstrap.interval(one - other, bootstrap.mean, seed=seed)
    return Paired(n, agreed, ours, theirs, Between(found.value, found.low, found.high))


def same_moment(one: tuple[Ints, Ints], other: tuple[Ints, Ints]) -> tuple[Ints, Ints]:
    """Rows of `one` and of `other` that share slot and bar: each is (slot int64[n], bar int64[n]). Of several rows of one side at
    one moment the last counts. Sorted by bar, then slot."""
    last = [
        {key: at for at, key in enumerate(zip(bar.tolist(), slot.tolist(), strict=True))} for slot, bar in (one, other)
    ]
    shared = sorted(last[0].keys() & last[1].keys())
    return np.array([last[0][key] for key in shared], np.int64), np.array([last[1][key] for key in shared], np.int64)
