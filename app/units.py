"""How a person wants numbers and times: $, % or R, and a time zone; one choice for every page, kept between pages.

UTC days stay UTC days in statistics, whatever zone is chosen: a zone changes what a clock shows and which hour a trade fell in.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

import numpy as np
import streamlit as st

from app import formats
from db.queries import Column

UNITS = {"money": "$", "percent": "%", "r": "R"}
WORDS = {"money": "quote currency", "percent": "percent of capital", "r": "R: what the first stop risked"}
ZONES = (
    "UTC", "America/Los_Angeles", "America/Chicago", "America/New_York", "America/Sao_Paulo", "Europe/London", "Europe/Berlin",
    "Europe/Istanbul", "Asia/Dubai", "Asia/Kolkata", "Asia/Singapore", "Asia/Tokyo", "Australia/Sydney",
)  # fmt: skip
"""Offered; the address takes any zone."""


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

    def when(self, ts: float | None) -> str:
        """A moment by the zone's clock: 2026-01-31 12:04."""
        return formats.when(None if ts is None else float(self.local(np.array([ts], np.int64))[0]))


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


def _known(zone: str) -> bool:
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return zone in available_timezones()


def current() -> Units:
    """The address's choice, else the last one, else $ and UTC."""
    unit = st.query_params.get("unit", st.session_state.get("unit_kept", "money"))
    zone = st.query_params.get("zone", st.session_state.get("zone_kept", "UTC"))
    return Units(unit if unit in UNITS else "money", zone if _known(zone) else "UTC")


def choose() -> Units:
    """The two choices, drawn where this is called; kept for every page."""
    now = current()
    unit = st.segmented_control(
        "Unit", list(UNITS), default=now.unit, format_func=UNITS.__getitem__, required=True, key="unit_pick",
        label_visibility="collapsed", help="; ".join(f"{UNITS[name]}: {words}" for name, words in WORDS.items()),
    )  # fmt: skip
    zones = list(ZONES) if now.zone in ZONES else [now.zone, *ZONES]
    zone = st.selectbox(
        "Time zone", zones, index=zones.index(now.zone), key="zone_pick", label_visibility="collapsed", width=170
    )
    chosen = Units(str(unit or now.unit), str(zone))
    st.session_state["unit_kept"], st.session_state["zone_kept"] = chosen.unit, chosen.zone
    for name, value, plain in (("unit", chosen.unit, "money"), ("zone", chosen.zone, "UTC")):
        if value == plain:
            st.query_params.pop(name, None)
        elif st.query_params.get(name) != value:
            st.query_params[name] = value
    return chosen
