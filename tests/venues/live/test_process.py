"""What lies between a process and its lane: a former life's orders, and the silence that the limits hear of."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from engine.runtime.failures import STEADY_S, Failures, tell_failures
from tests.venues.live import invariants
from tests.venues.live.exchange import MemoryPort
from tests.venues.live.life import LiveLife


@pytest.fixture
def life(tmp_path: Path) -> LiveLife:
    made = LiveLife(tmp_path / "data", MemoryPort(seed=1))
    made.pump(12, 100)
    assert made.lane.started
    return made


def test_a_clock_set_back_between_two_lives_sends_nothing_again(life: LiveLife) -> None:
    """A machine whose clock is behind the exchange's begins in the past of what its former life has written."""
    life.port.script = ["answer"]
    life.enter(pumps=1)
    assert len(life.port.came) == 1
    life.die()
    life.begin()
    for _ in range(20):  # nothing of the former life is sent, or ended as never sent, by a clock that is behind
        life.lane.pump(life.now - 20_000)
        life.turn()
    entry = life.port.came[0][1].client_id
    assert [request.client_id for _, request in life.port.came].count(entry) == 1
    life.settle(1)
    assert life.states("entry")[0] == "filled"
    invariants.converged(life)


def test_silence_about_orders_is_counted_as_the_venue_s_failures(life: LiveLife) -> None:
    assert life.lane.vitals()["live_unanswered"] == 0
    life.port.down = True
    life.pump(200, 500)
    silent = life.lane.vitals()["live_unanswered"]
    assert silent >= 5
    told: list[Any] = []
    desk: Any = SimpleNamespace(trader=life.trader, event=lambda ts, event: told.append(event[2:4]))
    feed: Any = SimpleNamespace(counters={}, connected=True)
    assembler: Any = SimpleNamespace(glance=lambda: SimpleNamespace(counters={}))
    sources = Failures("feed"), Failures("venue")
    tell_failures(sources, feed, assembler, desk, 1.0, life.lane.vitals())
    assert told == [["fault", {"source": "venue", "count": silent}]]
    tell_failures(sources, feed, assembler, desk, 1.0 + STEADY_S, life.lane.vitals())
    assert told[1:] == [["fault", {"source": "venue", "count": 0}]]
