"""From signals to money: the funnel, and what each rule that blocked signals saved or cost. Arrays in, plain values out.

Every blocked signal is judged by itself: two of them might have needed the same money, so the sums of different rules do not add
up to what an account without them would have made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.analytics.signals_score import Between, groups, hit_rate, mean_return
from engine.analytics.values import MIN_TRADES, Floats, Ints

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Stage:
    """One stage of the funnel: how many signals came so far, and which share of those of the stage before."""

    name: str
    signals: int
    share: float | None


def funnel(passed: Bools, filled: Bools, closed: Bools, won: Bools) -> tuple[Stage, ...]:
    """Generated, past every gate, filled, closed, won: bool[n] each, of the same n entry signals; a stage counts those that
    passed all before it."""
    there = np.ones(passed.size, bool)
    stages, before = [], None
    for name, stage in (
        ("generated", there),
        ("past every gate", passed),
        ("filled", filled),
        ("closed", closed),
        ("won", won),
    ):
        there = there & stage
        count = int(there.sum())
        stages.append(Stage(name, count, None if before is None else count / before if before else None))
        before = count
    return tuple(stages)


@dataclass(frozen=True)
class Rule:
    """One rule's blocked signals: `followed` have an outcome. `saved` is what the losing ones would have lost, `missed` what the
    winning ones would have made, in money; `net` = saved - missed, above zero where the rule paid. `sure` where the interval of
    the mean return lies on one side of zero, `few` where there are too few to say."""

    rule: str
    signals: int
    followed: int
    would_win: Between
    mean: Between
    saved: float
    missed: float
    net: float
    sure: bool
    few: str


def ledger(codes: Ints, names: Sequence[str], returns: Floats, notional: Floats) -> list[Rule]:
    """A row for each rule by |net|. `codes` int64[n] tells what blocked each signal, called `names[code]`; `returns` float64[n]
    are net of costs as if taken, NaN where not known; `notional` float64[n] what each would have put in, in quote currency."""
    made = [_rule(name, returns[at], notional[at]) for name, at in groups(codes, names)]
    return sorted(made, key=lambda one: -abs(one.net))


def _rule(name: str, returns: Floats, notional: Floats) -> Rule:
    known = np.isfinite(returns) & np.isfinite(notional)
    net, money = returns[known], returns[known] * notional[known]
    saved, missed = float(-money[money < 0].sum()), float(money[money > 0].sum())
    mean = mean_return(net)
    few = f"{net.size} followed up: below {MIN_TRADES} too few to say" if net.size < MIN_TRADES else ""
    sided = mean.low is not None and mean.high is not None and (mean.low > 0 or mean.high < 0)
    return Rule(
        name, int(returns.size), int(net.size), hit_rate(int((net > 0).sum()), net.size), mean, saved, missed, saved - missed,
        bool(sided and not few), few,
    )  # fmt: skip
