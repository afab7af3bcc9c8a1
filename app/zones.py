"""The time zone a person chose: which there are, and which is in force. One choice for every page; see app.units.

UTC days stay UTC days in statistics, whatever zone is chosen: a zone changes what a clock shows and which hour a trade fell in.
"""

from __future__ import annotations

from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

import streamlit as st

KEPT = "zone_kept"
ZONES = (
    "UTC", "America/Los_Angeles", "America/Chicago", "America/New_York", "America/Sao_Paulo", "Europe/London", "Europe/Berlin",
    "Europe/Istanbul", "Asia/Dubai", "Asia/Kolkata", "Asia/Singapore", "Asia/Tokyo", "Australia/Sydney",
)  # fmt: skip
"""Offered; the address takes any zone."""


def known(zone: str) -> bool:
    """Whether the tz database has it."""
    if zone in ZONES:
        return True
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return zone in available_timezones()


def current() -> str:
    """The address's choice, else the last one, else UTC."""
    zone = st.query_params.get("zone", st.session_state.get(KEPT, "UTC"))
    return zone if known(zone) else "UTC"
