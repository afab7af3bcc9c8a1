"""How a person wants numbers and times: $, % or R, and a time zone; one choice for every page, kept between pages.

UTC days stay UTC days in statistics, whatever zone is chosen: a zone changes what a clock shows and which hour a trade fell in.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import streamlit as st

from app import formats, tables, zones
from db.queries import Column
from engine.analytics.trades import Trades
from engine.analytics.values import Floats

UNITS = {"money": "$", "percent": "%", "r": "R"}
WORDS = {"money": "quote currency", "percent": "percent of capital", "r": "R: what the first stop risked"}


@dataclass(frozen=True)
class Units:
    """`unit` is money, percent or r; `zone` a name of the tz database."""

    unit: str = "money"
    zone: str = "UTC"

    @property
    def sign(self) -> str:
        return UNITS[self.unit]

    def local(self, ts: Column) -> Column:
        """ms UTC as ms of the zone's clock, so that UTC arithmetic gives its hours and weekdays."""
        times = np.asarray(ts, np.int64)
        return times + _offsets(self.zone, times)

    def at(self, ts: float) -> int:
        """One moment, ms UTC, as ms of the zone's clock."""
        return int(self.local(np.array([ts], np.int64))[0])

    def when(self, ts: float | None, *, seconds: bool = False) -> str:
        """A moment by the zone's clock: 2026-01-31 12:04."""
        return formats.when(None if ts is None or formats.missing(ts) else self.at(ts), seconds=seconds)

    def stamp(self, ts: float | None, *, seconds: bool = False) -> str:
        """The same with the zone's name."""
        return f"{self.when(ts, seconds=seconds)} {self.zone}"

    def each(self, trades: Trades, start: float) -> Floats:
        """float64[trades]: what one unit of money of each trade is in the chosen unit; `start` is the capital. NaN where R is
        unknown, as for a trade without a stop: it is left out."""
        n = len(trades)
        if self.unit == "r":
            with np.errstate(divide="ignore", invalid="ignore"):
                return np.where(trades.risk > 0, 1 / trades.risk, np.nan)
        return np.full(n, 100 / start if self.unit == "percent" else 1.0)

    def amount(self, value: Any, start: float) -> Any:
        """Money that is no trade's result (exposure, costs, a sum of many): percent of the capital `start`, else as it is."""
        return value * (100 / start) if self.unit == "percent" and value is not None else value

    def ending(self, quote: str, *, result: bool = True) -> str:
        """Behind a number: of a trade's result, or (`result` False) of another amount, which has no R."""
        if self.unit == "percent":
            return " %"
        return " R" if self.unit == "r" and result else f" {quote}"

    def worded(self, quote: str, *, result: bool = True) -> str:
        """The unit as a heading says it."""
        ending = self.ending(quote, result=result).strip()
        return "% of starting capital" if ending == "%" else ending

    def column(self, label: str, quote: str, help: str = "", *, sign: bool = True, result: bool = True) -> Any:
        """A table's column of such numbers; its unit stands on hover."""
        digits = 3 if self.unit == "percent" else 2
        words = ", ".join(part for part in (help, self.worded(quote, result=result)) if part)
        return tables.amount(f"{label}, {self.ending(quote, result=result).strip()}", words, digits=digits, sign=sign)

    def written(self, value: float | None, quote: str, *, sign: bool = True, result: bool = True) -> str:
        """A number that is in the unit already, with its unit."""
        text = formats.number(value, 2, sign=sign)
        return text if text == formats.DASH else f"{text}{self.ending(quote, result=result)}"


def _offsets(zone: str, ts: Column) -> Column:
    """ms that the zone's clock is ahead of UTC at each moment: asked once for each hour that occurs."""
    if zone == "UTC" or not ts.size:
        return np.zeros(ts.shape, np.int64)
    hours, which = np.unique(ts // 3_600_000, return_inverse=True)
    known = np.array([_offset(zone, int(hour)) for hour in _changes(zone, hours)], np.int64)
    return known[np.searchsorted(_changes(zone, hours), hours, "right") - 1][which]


def _changes(zone: str, hours: Column) -> Column:
    """The first hour, and every hour inside at which the zone's clock was put forward or back."""
    return np.array(_transitions(zone, int(hours[0]), int(hours[-1])), np.int64)


@lru_cache(maxsize=64)
def _transitions(zone: str, first: int, last: int) -> tuple[int, ...]:
    found, hour = [first], first
    while hour < last:
        ahead = min(hour + 24 * 7, last)
        if _offset(zone, ahead) != _offset(zone, hour):
            low, high = hour, ahead
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (middle, high) if _offset(zone, middle) == _offset(zone, hour) else (low, middle)
            found.append(high)
        hour = ahead
    return tuple(found)


@lru_cache(maxsize=4096)
def _offset(zone: str, hour: int) -> int:
    moment = datetime.fromtimestamp(hour * 3600, ZoneInfo(zone))
    ahead = moment.utcoffset()
    return int(ahead.total_seconds() * 1000) if ahead else 0


def current() -> Units:
    """The address's choice, else the last one, else $ and UTC."""
    unit = st.query_params.get("unit", st.session_state.get("unit_kept", "money"))
    return Units(unit if unit in UNITS else "money", zones.current())


def choose() -> Units:
    """The two choices, drawn where this is called; kept for every page."""
    now = current()
    unit = st.segmented_control(
        "Unit", list(UNITS), default=now.unit, format_func=UNITS.__getitem__, required=True, key="unit_pick",
        label_visibility="collapsed", help="; ".join(f"{UNITS[name]}: {words}" for name, words in WORDS.items()),
    )  # fmt: skip
    offered = list(zones.ZONES) if now.zone in zones.ZONES else [now.zone, *zones.ZONES]
    zone = st.selectbox(
        "Time zone", offered, index=offered.index(now.zone), key="zone_pick", label_visibility="collapsed", width=170
    )
    chosen = Units(str(unit or now.unit), str(zone))
    st.session_state["unit_kept"], st.session_state[zones.KEPT] = chosen.unit, chosen.zone
    for name, value, plain in (("unit", chosen.unit, "money"), ("zone", chosen.zone, "UTC")):
        if value == plain:
            st.query_params.pop(name, None)
        elif st.query_params.get(name) != value:
            st.query_params[name] = value
    return chosen
