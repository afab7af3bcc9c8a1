"""What a line of another tool's summary is made of: its name, its formula, and why it differs from ours."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from engine.analytics.definitions import Account, Unit
from engine.analytics.values import Floats, Undefined


@dataclass(frozen=True)
class Other:
    """`tool` calls it `name` and prints `value` (fractions, not percent; None with the `reason`); `ours` is the nearest of our
    statistics, "" for none; `why` says in a sentence what differs."""

    tool: str
    name: str
    value: float | None
    unit: Unit
    ours: str
    why: str
    reason: str | None = None


@dataclass(frozen=True)
class Rule:
    """One line of a tool's summary and how that tool comes to it."""

    name: str
    ours: str
    unit: Unit
    value: Callable[[Account], float]
    why: str


def apply(tool: str, rules: tuple[Rule, ...], account: Account) -> list[Other]:
    return [_made(tool, rule, account) for rule in rules]


def _made(tool: str, rule: Rule, account: Account) -> Other:
    try:
        if not account.curve.ts.size:
            raise Undefined("no bar has closed")
        with np.errstate(all="ignore"):
            value = float(rule.value(account))
    except (Undefined, ZeroDivisionError, OverflowError) as why:
        return Other(tool, rule.name, None, rule.unit, rule.ours, rule.why, str(why) or type(why).__name__)
    if not math.isfinite(value):
        return Other(tool, rule.name, None, rule.unit, rule.ours, rule.why, "the tool prints nan or inf here")
    return Other(tool, rule.name, value, rule.unit, rule.ours, rule.why)


def per(top: float, bottom: float) -> float:
    """Division as floats do it: inf and nan rather than an error."""
    return float(np.divide(top, bottom))


def bar_ms(account: Account) -> int:
    """The step of the stored points."""
    if account.curve.ts.size < 2:
        raise Undefined("fewer than two bars")
    return int(np.median(np.diff(account.curve.ts)))


def drop(levels: Floats) -> float:
    """Deepest fall, positive."""
    return float((1 - levels / np.maximum.accumulate(levels)).max())
