"""No kill can hurt it: SIGKILL at every named point and at random instants, in real starts."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.runtime.crash import POINTS
from tests.crash.proofs import prove
from tests.crash.session import Engine, market
from tests.runtime.processes import at_binance

NEVER_REACHED_TWICE = {"recovery.loaded", "recovery.replayed", "command.read"}
FRESH = (("event.taken", 1), ("tape.appended", 3), ("commit.begun", 1), ("commit.written", 1), ("bars.saved", 1))
"""Points and counts that kill a new run before its first snapshot is in the database."""
WARM = [point for point in POINTS if point not in NEVER_REACHED_TWICE]


@pytest.mark.long  # the sessions of test_faults.py are without a kill too
def test_a_session_without_a_kill_is_whole(tmp_path: Path) -> None:
    with market(900) as place:
        engine = Engine(tmp_path, place)
        engine.finish()
        counts = prove(tmp_path, place.truth())
    assert counts["fills"] > 0, "a session without fills proves nothing"
    assert counts["trades"] > 0, "a session without trades proves nothing"


def _kill(folder: Path, points: list[str], seconds: int, prepare: Callable[[Engine], None] | None = None) -> None:
    """One life for each point ("": a random instant), the market going on for `seconds`, and everything proven at the end."""
    dice = random.Random(20260101)
    with market(seconds) as place:  # more than the lives can use up: the last one must have a market to come back to
        engine = Engine(folder, place)
        if prepare is not None:
            prepare(engine)
        for point in points:
            engine.die_cold(dice, point)
        assert place.end_ms - place.now() > 60_000, "nothing is left for the last life: give the market more seconds"
        engine.finish()
        counts = prove(folder, place.truth())
    assert engine.kills == len(points)
    assert counts["fills"] > 0


@pytest.mark.timeout(600)
def test_kills_in_real_starts(tmp_path: Path) -> None:
    _kill(tmp_path, [*WARM, "", "", ""], 2700)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_kills_on_binances_stream(tmp_path: Path) -> None:
    """What was missed comes from its aggregated prints, and is the market's to the last print."""
    _kill(tmp_path, [*WARM, *[""] * 6], 3600, at_binance)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_many_kills_in_real_starts(tmp_path: Path) -> None:
    _kill(tmp_path, [*WARM * 5, *[""] * 40], 16_200)
