"""Asking what would happen changes nothing, and what it says is what then happens."""

from dataclasses import replace

import pytest

from engine.core.limit_trial import what_if
from engine.core.types import BreakerSpec
from tests.core.picture import SLOT, check

FALL = BreakerSpec("fall", "drawdown", "account", 0.10, "reduce_only", flatten=True)
LOSSES = BreakerSpec("losses", "consecutive_losses", "slot", 3, "paused", end="cooldown", minutes=60)
PART = BreakerSpec("part", "daily_loss", "slot", 0.04, "paused", end="next_day")
HOLDING = """
    0:00  1000 1000 1000 1000 | buy |
    0:01  1000 1000 1000 1000 |     | buy 1000
    0:02  {0}  {0}  {0}  {0}  |     |
"""


def test_it_says_what_then_happens() -> None:
    breakers = [FALL, LOSSES, PART]
    machine = check(HOLDING.format(960), breakers=breakers).machine
    before = machine.snapshot()
    near, over = what_if(machine, fall=0.05), what_if(machine, fall=0.09)
    assert machine.snapshot() == before
    assert [trip.breaker for trip in near.trips] == []
    assert [(trip.breaker, trip.level) for trip in over.trips] == [("fall", "reduce_only")]
    assert over.trips[0].value == pytest.approx(0.02 + 0.98 * 0.09)
    assert (over.before, over.after, over.closed) == ("running", "reduce_only", (0,))
    lived = check(HOLDING.format(780), breakers=[FALL]).machine
    assert lived.level == over.after
    assert lived.slots["x_purpose"][0] > 0


def test_losses_and_a_slots_own_fall() -> None:
    machine = check(HOLDING.format(1000), breakers=[FALL, LOSSES, PART], slots=[SLOT, replace(SLOT, label="b")]).machine
    assert what_if(machine, losses=2).trips == ()
    three = what_if(machine, losses=3, slot=1)
    assert [trip.breaker for trip in three.trips] == [f"losses:{machine.slot_specs[1].key}"]
    assert three.trips[0].until == int(machine.account["now"][0]) + 60 * 60_000
    assert three.after == "running"  # the slot alone is held back
    assert {trip.breaker.partition(":")[0] for trip in what_if(machine, fall=0.05, slot=0).trips} == {"part"}
    for wrong in ({"fall": -0.1}, {"fall": 1.5}, {"losses": -1}):
        with pytest.raises(ValueError):
            what_if(machine, **wrong)  # type: ignore[arg-type]
