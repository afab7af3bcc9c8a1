"""No kill can hurt it: SIGKILL at every named point and at random instants, in real starts."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from engine.runtime.crash import POINTS
from tests.crash.proofs import prove
from tests.crash.session import Engine, market

NEVER_REACHED_TWICE = {"recovery.loaded", "recovery.replayed", "command.read"}
FRESH = (("event.taken", 1), ("tape.appended", 3), ("commit.begun", 1), ("commit.written", 1), ("bars.saved", 1))
"""Points and counts that kill a new run before its first snapshot is in the database."""
WARM = [point for point in POINTS if point not in NEVER_REACHED_TWICE]


def test_a_session_without_a_kill_is_whole(tmp_path: Path) -> None:
    with market(900) as place:
        engine = Engine(tmp_path, place)
        engine.finish()
        counts = prove(tmp_path, place.truth())
    assert counts["fills"] > 0, "a session without fills proves nothing"
    assert counts["trades"] > 0, "a session without trades proves nothing"


@pytest.mark.timeout(300)
def test_kills_in_real_starts(tmp_path: Path) -> None:
    dice = random.Random(20260101)
    with market(5400) as place:  # more than thirty lives can use up: the last one must have a market to come back to
        engine = Engine(tmp_path, place)
        for point in [*WARM, *WARM, *[""] * 14]:
            engine.die_cold(dice, point)
        assert place.end_ms - place.now() > 60_000, "nothing is left for the last life: give the market more seconds"
        engine.finish()
        counts = prove(tmp_path, place.truth())
    assert engine.kills == 30
    assert counts["fills"] > 0
