"""When a time of day that a person has set comes round. Pure functions of instants in ms UTC; no clock is read here.

A local time that a day skips (clocks go forward) is due at the first instant after it; one that a day has twice is due the
first time.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo


def known_zone(name: str) -> str:
    """`name` if the time zone database has it; ValueError says what a name looks like."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError("a name of the time zone database: UTC, Europe/Berlin, America/New_York") from None
    return name


def local_day(now: int, zone: ZoneInfo) -> date:
    return datetime.fromtimestamp(now / 1000, UTC).astimezone(zone).date()


def instant(day: date, clock: str, zone: ZoneInfo) -> int:
    """The instant of local time `clock` ("08:00") on `day`."""
    hour, minute = clock.split(":")
    wanted = datetime.combine(day, time(int(hour), int(minute)), zone)
    found = wanted.astimezone(UTC)
    back = found.astimezone(zone).replace(tzinfo=None)
    if back != wanted.replace(tzinfo=None):  # this local time does not exist: the clock jumps over it
        found = _after_the_jump(found, zone)
    return round(found.timestamp() * 1000)


def _after_the_jump(near: datetime, zone: ZoneInfo) -> datetime:
    """The instant within a day before `near` at which the zone's offset changes, to the second."""
    low, high = near - timedelta(hours=24), near
    after = high.astimezone(zone).utcoffset()
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) / 2
        if middle.astimezone(zone).utcoffset() == after:
            high = middle
        else:
            low = middle
    return high.replace(microsecond=0)


def last_due(now: int, clock: str, zone: ZoneInfo) -> tuple[date, int]:
    """(local day, instant) of the newest `clock` that is not after `now`."""
    day = local_day(now, zone) + timedelta(days=1)
    while (at := instant(day, clock, zone)) > now:
        day -= timedelta(days=1)
    return day, at


def next_due(now: int, clock: str, zone: ZoneInfo) -> int:
    """The first `clock` after `now`."""
    day = local_day(now, zone) - timedelta(days=1)
    while (at := instant(day, clock, zone)) <= now:
        day += timedelta(days=1)
    return at
