"""When something is due: attempts, the daily summary, quiet hours. Pure functions of instants; no clock is read here.

Instants are ms UTC; local time is reckoned by engine.config.local_time.
"""

from __future__ import annotations

from datetime import date, timedelta
from zoneinfo import ZoneInfo

from engine.config.local_time import instant, last_due, next_due

DELAYS_S = (5.0, 15.0, 60.0, 180.0, 600.0, 900.0)
"""Seconds after the first failed attempt, the second and so on; the last one again and again."""


def retry_at(now: int, tries: int, wait_s: float = 0.0) -> int:
    """When to try again after `tries` failed attempts, not before `wait_s` seconds have passed. Deterministic: one channel has
    one thread, and nobody else to get out of step with."""
    delay = DELAYS_S[min(max(tries, 1), len(DELAYS_S)) - 1]
    return now + int(1000 * max(delay, wait_s))


def daily_due(now: int, clock: str, zone: ZoneInfo, begun: int, told: str) -> tuple[date, int, int] | None:
    """(local day, from, to) of a summary to be told now; None where there is none.

    `told` is the newest local day (2026-01-31) that was told, "" for none; `begun` is when the run began: a day that ended before
    it has no summary. Whatever was missed, only the newest day is told.
    """
    if not clock:
        return None
    day, at = last_due(now, clock, zone)
    if day.isoformat() <= told or at <= begun:
        return None
    return day, max(instant(day - timedelta(days=1), clock, zone), begun), at


def quiet_until(now: int, start: str, end: str, zone: ZoneInfo) -> int | None:
    """The end of the quiet hours that `now` lies in; None outside of them. The same start and end: never quiet."""
    if not start or not end or start == end:
        return None
    _, begun = last_due(now, start, zone)
    _, over = last_due(now, end, zone)
    return next_due(now, end, zone) if begun > over else None
