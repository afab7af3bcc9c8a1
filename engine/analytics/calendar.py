"""Returns and results by calendar: months, days, hours of the week. Arrays in, arrays out; days are UTC days since 1970."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.analytics.values import Floats, Ints

HOUR = 3_600_000


@dataclass(frozen=True, eq=False)
class Months:
    """`years` int64[y] in order; `returns` float64[y, 12], NaN for a month without a day; `total` float64[y], of the year."""

    years: Ints
    returns: Floats
    total: Floats


def linked(returns: Floats, group: Ints) -> tuple[Ints, Floats]:
    """(the groups int64[g] in order, each group's returns linked: the product of 1 + r, less 1). `group` int64[n] is in order.

    By products within the group, so the result is that of the naive formula to the last few bits. Vectorised.
    """
    if not returns.size:
        return np.zeros(0, np.int64), np.zeros(0)
    firsts = np.flatnonzero(np.diff(group, prepend=group[0] - 1))
    grown: Floats = np.multiply.reduceat(1 + returns, firsts) - 1
    return group[firsts], grown


def months(days: Ints, returns: Floats) -> Months:
    """Monthly and yearly returns of daily ones; `days` int64[d] since 1970, `returns` float64[d]."""
    month = days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    which, value = linked(returns, month)
    year, total = linked(returns, month // 12)
    table = np.full((year.size, 12), np.nan)
    if which.size:
        table[np.searchsorted(year, which // 12), which % 12] = value
    return Months(year + 1970, table, total)


@dataclass(frozen=True, eq=False)
class Week:
    """By weekday (0 is Monday) and hour: `sum` and `count`, float64[7, 24] and int64[7, 24]."""

    sum: Floats
    count: Ints

    @property
    def mean(self) -> Floats:
        """NaN where there was none."""
        with np.errstate(divide="ignore", invalid="ignore"):
            each: Floats = np.where(self.count > 0, self.sum / self.count, np.nan)
        return each


def week(ts: Ints, values: Floats) -> Week:
    """Values added up by the weekday and hour of `ts` (ms; shift it for another zone than UTC). 1970-01-01 was a Thursday."""
    hours = ts // HOUR
    cell = ((hours // 24 + 3) % 7) * 24 + hours % 24
    total: Floats = np.bincount(cell, values, 168).astype(np.float64).reshape(7, 24)
    return Week(total, np.bincount(cell, minlength=168).reshape(7, 24).astype(np.int64))


def daily_sums(ts: Ints, values: Floats, days: Ints) -> Floats:
    """float64[d]: values added up by their UTC day; `days` int64[d] are consecutive. A moment at midnight ends the day before,
    as in curve. What lies outside is left out."""
    if not days.size:
        return np.zeros(0)
    at = (ts - 1) // (24 * HOUR) - days[0]
    inside = (at >= 0) & (at < days.size)
    sums: Floats = np.bincount(at[inside], values[inside], days.size).astype(np.float64)
    return sums
