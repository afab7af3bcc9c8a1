"""When something that is done once a day is due. Pure functions of instants in ms UTC; no clock is read here.

A local time that a day skips (clocks go forward) is due as long after midnight as the clock then says, an hour later by its new
reading; one that a day has twice is due the first time.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

DAY = timedelta(days=1)


def instant(day: date, clock: str, zone: ZoneInfo) -> int:
    """The instant of local time `clock` ("03:30") on `day`."""
    hour, minute = clock.split(":")
    return round(datetime.combine(day, time(int(hour), int(minute)), zone).astimezone(UTC).timestamp() * 1000)


def last_due(now: int, clock: str, zone: ZoneInfo) -> int:
    """The newest `clock` that is not after `now`."""
    day = datetime.fromtimestamp(now / 1000, UTC).astimezone(zone).date() + DAY
    while (at := instant(day, clock, zone)) > now:
        day -= DAY
    return at


def next_due(now: int, clock: str, zone: ZoneInfo) -> int:
    """The first `clock` after `now`."""
    day = datetime.fromtimestamp(now / 1000, UTC).astimezone(zone).date() - DAY
    while (at := instant(day, clock, zone)) <= now:
        day += DAY
    return at
