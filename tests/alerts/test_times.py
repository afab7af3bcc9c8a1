"""When something is due: laws over every zone's odd days, and the days one can look up."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.alerts.routing import held_until, summed
from engine.alerts.times import daily_due, quiet_until, retry_at
from engine.alerts.watch import FeedWatch
from engine.config.alerts import AlertsSection
from engine.config.local_time import instant, last_due, local_day, next_due

ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Africa/Cairo")
BEGIN = 1_767_225_600_000  # 2026-01-01
HOUR, DAY = 3_600_000, 86_400_000
zones = st.sampled_from(ZONES).map(ZoneInfo)
clocks = st.builds(lambda h, m: f"{h:02}:{m:02}", st.integers(0, 23), st.sampled_from([0, 1, 30, 59]))
moments = st.integers(BEGIN, BEGIN + 800 * DAY)


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1000)


@pytest.mark.parametrize(
    ("zone", "day", "clock", "wanted"),
    [
        ("Europe/Berlin", date(2026, 1, 2), "08:00", "2026-01-02T07:00+00:00"),
        ("Europe/Berlin", date(2026, 7, 2), "08:00", "2026-07-02T06:00+00:00"),
        ("Europe/Berlin", date(2026, 3, 29), "02:30", "2026-03-29T01:00+00:00"),  # does not exist: 02:00 becomes 03:00
        ("Europe/Berlin", date(2026, 10, 25), "02:30", "2026-10-25T00:30+00:00"),  # exists twice: the first
        ("Australia/Lord_Howe", date(2026, 10, 4), "02:15", "2026-10-03T15:30+00:00"),  # a jump of half an hour
        ("America/New_York", date(2026, 3, 8), "02:00", "2026-03-08T07:00+00:00"),
    ],
)
def test_local_times_that_one_can_look_up(zone: str, day: date, clock: str, wanted: str) -> None:
    assert instant(day, clock, ZoneInfo(zone)) == ms(wanted)


@settings(max_examples=150, deadline=None)
@given(zones, clocks, moments)
def test_law_the_newest_and_the_next_enclose_now(zone: ZoneInfo, clock: str, now: int) -> None:
    day, at = last_due(now, clock, zone)
    after = next_due(now, clock, zone)
    assert at <= now < after
    assert 22 * HOUR <= after - at <= 26 * HOUR
    assert instant(day, clock, zone) == at
    shown = datetime.fromtimestamp(at / 1000, UTC).astimezone(zone).strftime("%H:%M")
    assert shown >= clock  # later only where the clock jumped over it


@settings(max_examples=60, deadline=None)
@given(zones, clocks, moments, st.lists(st.integers(1, 30 * HOUR), min_size=1, max_size=12))
def test_law_each_day_is_told_at_most_once_and_never_early(
    zone: ZoneInfo, clock: str, begun: int, steps: list[int]
) -> None:
    """A run looks now and then, and forgets everything but the newest day it told."""
    now, told, spans = begun, "", []
    for step in steps:
        now += step
        due = daily_due(now, clock, zone, begun, told)
        if due is not None:
            day, since, until = due
            assert begun <= since < until <= now
            assert day.isoformat() > told
            told = day.isoformat()
            spans.append((since, until))
        assert daily_due(now, clock, zone, begun, told) is None
        newest, at = last_due(now, clock, zone)
        if at > begun:
            assert told == newest.isoformat()  # what is due was told, whatever was missed before
    assert all(a[1] <= b[0] for a, b in pairwise(spans))


def test_a_year_of_looking_every_few_minutes_tells_every_day() -> None:
    zone, told, days = ZoneInfo("Europe/Berlin"), "", []
    for now in range(BEGIN, BEGIN + 366 * DAY, 37 * 60_000):
        if due := daily_due(now, "02:30", zone, BEGIN, told):
            told = due[0].isoformat()
            days.append(due[0])
    assert days == [date(2026, 1, 1) + timedelta(days=n) for n in range(366)]


@settings(max_examples=100, deadline=None)
@given(zones, clocks, clocks, moments)
def test_law_quiet_hours_end_at_their_end(zone: ZoneInfo, start: str, end: str, now: int) -> None:
    until = quiet_until(now, start, end, zone)
    if until is not None:
        assert now < until == next_due(now, end, zone)
        assert quiet_until(until, start, end, zone) is None or start == end
    elif start != end:
        assert last_due(now, end, zone)[1] >= last_due(now, start, zone)[1]


def test_attempts_stretch_out_and_heed_the_provider() -> None:
    assert [retry_at(0, n) for n in (1, 2, 3, 4, 5, 6, 7, 99)] == [
        5_000, 15_000, 60_000, 180_000, 600_000, 900_000, 900_000, 900_000,
    ]  # fmt: skip
    assert retry_at(0, 1, 30.0) == 30_000
    assert retry_at(0, 4, 30.0) == 180_000


def test_critical_is_held_back_by_nothing_but_a_flood() -> None:
    quiet = AlertsSection(quiet_from="00:00", quiet_until="23:59", digest=("kill", "trade"))
    assert held_until(quiet, "critical", "kill", BEGIN, 0) == 0
    assert held_until(quiet, "critical", "kill", BEGIN, 20) == BEGIN + 600_000
    assert held_until(quiet, "info", "trade", BEGIN, 0) == BEGIN + 8 * HOUR


def test_many_become_one_with_the_newest_last() -> None:
    title, body = summed(("trade", f"t{n}") for n in range(30))
    assert title == "30 messages held back: 30 trade"
    assert body.splitlines()[0] == "the newest 12 of 30:"
    assert body.splitlines()[-1] == "- t29"


def test_a_feed_is_told_lost_after_half_a_minute_and_back_once() -> None:
    watch = FeedWatch()
    heard = [
        watch.see(second * 1000, feed)
        for second, feed in [
            (0, "live"), (1, "disconnected: refused"), (20, "live"), (21, "disconnected: refused\nby x"), (50, "disconnected"),
            (51, "disconnected: refused"), (90, "disconnected"), (100, "live"), (101, "live"),
        ]
    ]  # fmt: skip
    assert [one for one in heard if one] == [
        ("warning", "the exchange's feed is lost", "refused", "down:21000"),
        ("info", "the exchange's feed is back after 79 s", "", "up:21000"),
    ]


def test_a_local_day_is_that_of_its_zone() -> None:
    assert local_day(BEGIN - HOUR, ZoneInfo("Europe/Berlin")) == date(2026, 1, 1)
