"""What the loop's pulse means: stalled, locked, skewed, blocked; and how its durations are kept."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.config.model import Config
from engine.config.sections import SlotSection, StorageSection
from engine.market.venue import VenueUnreachable
from engine.runtime.health import Asker, skew_ms
from engine.runtime.pulse import Limits, Probe, Pulse, checks, quiet_limit
from engine.runtime.timings import KEPT, Ring, Timings
from tests.runtime.api_server import reached, well

NOW = 1000.0


def failing(pulse: Pulse | None, probe: Probe | None = None, now: float = NOW) -> list[str]:
    return [check.name for check in checks(pulse, probe or reached(), Limits(), now) if not check.ok]


def test_well_is_ready() -> None:
    assert failing(well()) == []
    assert failing(None) == failing(replace(well(), state="recovering")) == ["engine"]


@given(finest=st.sampled_from([60_000, 300_000, 3_600_000, 86_400_000]), speed=st.sampled_from([1.0, 10.0, 30.0]))
@settings(deadline=None, derandomize=True, database=None)
def test_a_feed_that_stands_still_is_told_within_two_bars(finest: int, speed: float) -> None:
    two_bars = 2 * finest / 1000 / speed
    assert quiet_limit(finest, speed) < two_bars
    pulse = replace(well(NOW), finest_ms=finest, speed=speed, advanced=NOW - two_bars)
    assert failing(pulse) == ["data"]
    assert failing(replace(pulse, advanced=NOW - 1.0)) == []


def test_beats_without_prints_are_no_fresh_data() -> None:
    pulse = well()
    assert failing(replace(pulse, last_bar=pulse.now - 89_000)) == []
    assert failing(replace(pulse, last_bar=pulse.now - 91_000)) == ["data"]
    assert failing(replace(pulse, now=0, last_bar=0)) == ["data"]


@pytest.mark.parametrize(
    ("pulse", "probe", "wanted"),
    [
        ({"written": NOW - 5.1}, {}, ["database"]),
        ({"at": NOW - 5.1}, {}, ["engine"]),
        ({"level": "killed"}, {}, ["latches"]),
        ({"level": "halted"}, {}, ["latches"]),
        ({"level": "paused"}, {}, []),
        ({"level": "reduce_only"}, {}, []),
        ({}, {"failures": 1}, []),
        ({}, {"failures": 2}, ["venue"]),
        ({}, {"asked": 0.0}, ["venue"]),
        ({}, {"skew_ms": -1001.0}, ["clock"]),
        ({}, {"skew_ms": 999.0}, []),
        ({}, {"skew_ms": None}, []),
        ({}, {"free_mb": 199.0}, ["disk"]),
    ],
)
def test_each_fault_is_found_alone(pulse: Any, probe: Any, wanted: list[str]) -> None:
    assert failing(replace(well(), **pulse), replace(reached(), **probe)) == wanted


@pytest.mark.parametrize(
    ("free", "ok", "words"),
    [(1999, True, "2.0 GB"), (900, True, "below 256"), (200, True, "until there are 512"), (99, False, "99")],
)
def test_the_loops_own_look_at_the_disk_counts(free: int, ok: bool, words: str) -> None:
    pulse = replace(well(), counters={"disk_free_mb": free})
    limits = Limits(disk_mb=100, warn_mb=1000, hold_mb=256)
    (found,) = [check for check in checks(pulse, reached(), limits, NOW) if check.name == "disk"]
    assert (found.ok, words in found.words) == (ok, True), found.words


@given(offset=st.floats(-1e7, 1e7), there=st.floats(0, 5), back=st.floats(0, 5))
@settings(deadline=None, derandomize=True, database=None)
def test_the_clocks_difference_is_never_overstated(offset: float, there: float, back: float) -> None:
    told = round((1_000_000 + there) * 1000 - offset)
    found = skew_ms(1_000_000, there + back, told)
    assert abs(found) <= abs(offset) + 1
    assert abs(found) >= abs(offset) - (there + back) * 1000 - 1


class Exchange:
    def __init__(self) -> None:
        self.down = False

    def has(self, name: str) -> bool:
        return name == "fetchTime"

    def now(self) -> int:
        if self.down:
            raise VenueUnreachable("no answer")
        return 0


def test_failures_in_a_row_are_counted_and_an_answer_ends_them(tmp_path: Path) -> None:
    exchange: Any = Exchange()
    asker = Asker(Config(slots=(SlotSection(),), storage=StorageSection(data_dir=str(tmp_path))), 1.0, exchange)
    exchange.down = True
    one = asker.asked(Probe(), 1.0)
    two = asker.asked(one, 2.0)
    assert (one.failures, two.failures, two.error) == (1, 2, "no answer")
    exchange.down = False
    back = asker.asked(two, 3.0)
    assert (back.failures, back.asked) == (0, 3.0)
    assert back.skew_ms is not None
    assert back.free_mb is not None


# ---- durations ---------------------------------------------------------------------------------------------------------------
@given(st.lists(st.floats(0, 100), min_size=1, max_size=2 * KEPT))
@settings(max_examples=40, deadline=None, derandomize=True, database=None)
def test_a_ring_tells_of_its_newest_values(values: list[float]) -> None:
    ring = Ring()
    for value in values:
        ring.add(value)
    kept, told = sorted(values[-KEPT:]), ring.told()
    assert told["count"] == len(values)
    assert told["max"] == round(kept[-1] * 1000, 3)
    assert told["p50"] == round(kept[len(kept) // 2] * 1000, 3)
    assert kept[0] * 1000 - 1e-3 <= told["p50"] <= told["p99"] <= told["max"]


def test_decisions_are_timed_from_arrival_and_to_their_commit() -> None:
    now = [10.0]
    timings = Timings(lambda: now[0])
    timings.taken(9.0, 0)  # an event that closed no bar
    timings.taken(9.5, 2)
    now[0] = 10.2
    timings.taken(10.1, 3)
    now[0] = 11.0
    timings.committed(10.9)
    timings.taken(10.95, 1)
    told = timings.told()
    assert [told["decision"]["count"], told["to_commit"]["count"], told["commit"]["count"]] == [3, 1, 1]
    assert told["to_commit"]["max"] == pytest.approx(1000)
    assert told["commit"]["max"] == pytest.approx(100)
    assert told["decision"]["max"] == pytest.approx(500)
    assert "turn" not in told
