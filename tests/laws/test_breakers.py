"""Laws of limits and breakers: the same in a batch and event by event, kept by a snapshot, and never between a stop and its
position."""

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.core.machine import Frames, Machine, Reports
from engine.core.types import FLAG_GAP
from tests.laws.test_cut_anywhere import assert_same
from tests.oracles.agree import Scene, fault_words
from tests.oracles.markets import scenes

LAW: dict[str, Any] = {"deadline": None, "derandomize": True, "suppress_health_check": list(HealthCheck)}


def events_of(scene: Scene) -> list[tuple[int, int, int]]:
    """(ts, kind, number) of all a scene holds: 0 funding, 1 decision, 2 recorded failure, 3 frame; in the order of time."""
    events = [(int(row["ts"]), 0, n) for n, row in enumerate(scene.payments()) if row["ts"] <= scene.until]
    events += [(int(d["decided_at"]), 1, n) for n, d in enumerate(scene.decisions) if d["decided_at"] <= scene.until]
    events += [(at, 2, n) for n, (at, _, _) in enumerate(scene.faults)]
    return sorted(events + [(int(ts), 3, n) for n, ts in enumerate(scene.frames().ts)])


def take(scene: Scene, frames: Frames, machine: Machine, event: tuple[int, int, int]) -> Reports:
    """One event into a machine, as the living engine gives it."""
    ts, kind, n = event
    if kind == 0:
        return machine.run(frames.slice(0, 0), funding=scene.payments()[n : n + 1], until=ts)
    if kind == 1:
        return machine.decide(scene.decisions[n : n + 1])
    if kind == 2:
        _, source, value = scene.faults[n]
        before = machine.clock(ts)
        return Reports.concatenate([before, machine.command("fault", ts, source=source, **fault_words(source, value))])
    rows = scene.rows[frames.first[n] : frames.first[n + 1]]
    return machine.frame(ts, rows, gap=bool(frames.gap[n] & FLAG_GAP))


@settings(max_examples=30, **LAW)
@given(scenes(), st.integers(1, 9))
def test_a_batch_and_single_events_with_snapshots_between(scene: Scene, stride: int) -> None:
    """As an engine that is killed after every few events and comes back from what it wrote: latches and probations too."""
    batch = scene.machine()
    whole = scene.play(batch)
    machine, frames, parts = scene.machine(), scene.frames(), []
    for number, event in enumerate(events_of(scene)):
        parts.append(take(scene, frames, machine, event))
        if number % stride:
            continue
        again = scene.machine()
        again.restore(machine.snapshot(), machine.layout())
        machine = again
    parts.append(machine.clock(scene.until))
    assert_same(parts, whole)
    assert machine.snapshot() == batch.snapshot()


@settings(max_examples=30, **LAW)
@given(scenes())
def test_below_killed_a_stop_that_is_touched_acts(scene: Scene) -> None:
    """Whatever has tripped: a live bar at a position's stop leaves no such position behind."""
    machine, frames = scene.machine(), scene.frames()
    for event in events_of(scene):
        ts, kind, n = event
        before = machine.slots.copy()
        if kind == 3:
            machine.clock(ts)
            before = machine.slots.copy()
        killed = machine.level == "killed"
        take(scene, frames, machine, event)
        if kind != 3 or killed or frames.gap[n] & FLAG_GAP:
            continue
        bars = {int(row["symbol"]): row for row in scene.rows[frames.first[n] : frames.first[n + 1]]}
        for old, new in zip(before, machine.slots, strict=True):
            bar = bars.get(int(old["symbol"]))
            if old["qty"] == 0 or old["stop"] == 0 or bar is None:
                continue
            touched = bar["low"] <= old["stop"] if old["direction"] > 0 else bar["high"] >= old["stop"]
            assert not touched or new["qty"] == 0 or new["trade"] != old["trade"]
