"""An account's equity over time: its levels free of cash flows, and its UTC-daily returns measured from starting capital.

Times are int64 ms UTC. A point at midnight belongs to the day it ends, because a point is taken at the close of a bar.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from engine.analytics.values import Floats, Ints, finite
from engine.core.types import MS_DAY, MS_YEAR


def _no_ints() -> Ints:
    return np.zeros(0, np.int64)


def _no_floats() -> Floats:
    return np.zeros(0)


@dataclass(frozen=True, eq=False)
class Curve:
    """`ts` int64[n] in order and `equity` float64[n]; `start` is the capital at `begun`, `ended` the end of the span.

    `exposure` float64[n] is the notional held at each point. `flow_ts` int64[k] in order and `flow` float64[k]: deposits
    above zero, withdrawals below; a flow is in the equity from the first point at or after its time. ValueError for what
    is not a number or not in order.
    """

    ts: Ints
    equity: Floats
    start: float
    begun: int
    ended: int
    exposure: Floats | None = None
    flow_ts: Ints = field(default_factory=_no_ints)
    flow: Floats = field(default_factory=_no_floats)

    def __post_init__(self) -> None:
        finite(self.equity, "equity")
        finite(self.flow, "cash flows")
        if self.ts.size != self.equity.size or self.flow_ts.size != self.flow.size:
            raise ValueError("every time needs its value: times and values differ in number")
        if (np.diff(self.ts) < 0).any() or (np.diff(self.flow_ts) < 0).any():
            raise ValueError("times must be in order: sort the points by time")
        if not self.start > 0:
            raise ValueError("a return is measured from starting capital, which must be above zero")

    @property
    def years(self) -> float:
        """Elapsed time in years of 365 days."""
        return (self.ended - self.begun) / MS_YEAR

    @property
    def net_flow(self) -> float:
        return float(self.flow.sum())

    @property
    def final(self) -> float:
        """Equity at the end, in money."""
        return float(self.equity[-1]) if self.equity.size else self.start + self.net_flow

    @cached_property
    def levels(self) -> Floats:
        """float64[n + 1]: starting capital, then equity as if no cash had come or gone: growth is linked around each flow.

        Without flows these are the points themselves. A level is NaN once an account has been used up and money came after.
        """
        raw = np.concatenate([[self.start], self.equity])
        if not self.flow.size or not self.ts.size:
            return raw
        at = np.searchsorted(self.ts, self.flow_ts, side="left")
        inside = at < self.ts.size
        came = np.bincount(at[inside], weights=self.flow[inside], minlength=self.ts.size)
        with np.errstate(divide="ignore", invalid="ignore"):
            growth = np.where(raw[:-1] > 0, (raw[1:] - came) / raw[:-1], np.nan)
        linked: Floats = self.start * np.concatenate([[1.0], np.cumprod(growth)])
        first = int(np.argmax(came != 0)) + 1
        linked[:first] = raw[:first]
        return linked

    @property
    def level_ts(self) -> Ints:
        return np.concatenate([[self.begun], self.ts])

    @cached_property
    def days(self) -> Ints:
        """int64[d]: the UTC days (since 1970) from the first to that of the last point, none left out."""
        if not self.ts.size:
            return _no_ints()
        return np.arange(self.begun // MS_DAY, (int(self.ts[-1]) - 1) // MS_DAY + 1)

    @cached_property
    def daily_levels(self) -> Floats:
        """float64[d + 1]: starting capital, then each day's last level; a day without a point has that of the day before."""
        at = np.searchsorted(self.ts, (self.days + 1) * MS_DAY, side="right")
        return np.concatenate([[self.start], self.levels[at]])

    @cached_property
    def daily_returns(self) -> Floats:
        """float64[d], the first from starting capital; all NaN for an account that was used up."""
        before = self.daily_levels[:-1]
        if not (before > 0).all() or not np.isfinite(self.daily_levels).all():
            return np.full(before.size, np.nan)
        return np.diff(self.daily_levels) / before
