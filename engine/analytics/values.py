"""What every statistic is made of: a value or the reason why there is none, and the conventions it was reckoned by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

MIN_TRADES, MIN_DAYS = 30, 60
"""Below these a number is there but says little: the app greys it out."""


class Undefined(Exception):
    """A statistic that has no value; the message says why, in words for a person."""


@dataclass(frozen=True)
class Convention:
    """`days` a year (365: crypto never closes; 252: exchanges with holidays), `risk_free` a year as a fraction."""

    days: int = 365
    risk_free: float = 0.0

    def __post_init__(self) -> None:
        if self.days <= 0 or not self.risk_free > -1:
            raise ValueError("a year has at least one day, and a risk-free rate is a fraction above -1: 0.02 is 2 %")

    @property
    def daily_free(self) -> float:
        """The risk-free rate of one day, geometrically; exactly 0 for 0."""
        return float((1 + self.risk_free) ** (1 / self.days) - 1) if self.risk_free else 0.0


@dataclass(frozen=True)
class Figure:
    """One statistic of one account. `reason` says why there is no value, `few` why a value says little."""

    name: str
    value: float | int | None
    reason: str | None = None
    few: str | None = None


def finite(values: Any, what: str) -> Floats:
    """float64 array of what was given; ValueError, with how many and where first, if one is not a number."""
    array = np.ascontiguousarray(values, dtype=np.float64)
    bad = ~np.isfinite(array)
    if bad.any():
        first = int(np.argmax(bad))
        raise ValueError(f"{what}: {int(bad.sum())} of {array.size} values are no numbers, the first at row {first}")
    return array


def known_days(returns: Floats, least: int = 2) -> Floats:
    """The returns, if there are enough of them and all are numbers. Undefined otherwise."""
    if returns.size < least:
        raise Undefined("fewer than two days" if least == 2 else f"fewer than {least} days")
    if not np.isfinite(returns).all():
        raise Undefined("the account was used up")
    return returns
