"""Cutting a run anywhere and going on, by single steps or from a snapshot in another machine, changes nothing: to
the bit.
"""

from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.core.machine import Frames, Machine, Reports
from engine.core.types import FLAG_GAP
from tests.oracles.agree import Scene
from tests.oracles.markets import scenes

NAMES = ("orders", "fills", "trades", "equity", "events", "signals")


def assert_same(parts: list[Reports], whole: Reports) -> None:
    joined = Reports.concatenate(parts)
    for name in NAMES:
        mine, wanted = getattr(joined, name), getattr(whole, name)
        assert mine.size == wanted.size, f"{name}: {mine.size} rows, {wanted.size} in one run"
        assert np.ascontiguousarray(mine).tobytes() == np.ascontiguousarray(wanted).tobytes(), name


def until_frame(scene: Scene, count: int) -> tuple[Frames, Any, Any]:
    """The first `count` frames, and the decisions and payments that come before the last of them."""
    frames = scene.frames()
    if count == 0:
        return frames.slice(0, 0), scene.decisions[:0], scene.payments()[:0]
    last = frames.ts[count - 1]
    payments = scene.payments()
    return (
        frames.slice(0, count),
        scene.decisions[scene.decisions["decided_at"] <= last],
        payments[payments["ts"] <= last],
    )


def rest_by_steps(scene: Scene, machine: Machine, count: int) -> list[Reports]:
    """What follows the first `count` frames, one event at a time, in the order of time."""
    frames, payments = scene.frames(), scene.payments()
    start = int(frames.ts[count - 1]) if count else -(2**62)
    events: list[tuple[int, int, int]] = [
        (int(row["ts"]), 0, n) for n, row in enumerate(payments) if start < row["ts"] <= scene.until
    ]
    events += [
        (int(row["decided_at"]), 1, n)
        for n, row in enumerate(scene.decisions)
        if start < row["decided_at"] <= scene.until
    ]
    events += [(int(ts), 2, n) for n, ts in enumerate(frames.ts) if n >= count]
    parts = []
    for ts, kind, n in sorted(events):
        if kind == 0:
            parts.append(machine.run(Frames.none(), funding=payments[n : n + 1], until=ts))
        elif kind == 1:
            parts.append(machine.decide(scene.decisions[n : n + 1]))
        else:
            rows = scene.rows[frames.first[n] : frames.first[n + 1]]
            parts.append(machine.frame(ts, rows, gap=bool(frames.gap[n] & FLAG_GAP)))
    parts.append(machine.clock(scene.until))
    return parts


def one_run(scene: Scene) -> tuple[Machine, Reports]:
    machine = scene.machine()
    return machine, machine.run(scene.frames(), scene.decisions, scene.payments(), scene.until)


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(scenes(), st.floats(0, 1))
def test_a_batch_then_steps(scene: Scene, where: float) -> None:
    whole, reports = one_run(scene)
    count = round(where * scene.frames().ts.size)
    machine = scene.machine()
    parts = [machine.run(*until_frame(scene, count))]
    parts += rest_by_steps(scene, machine, count)
    assert_same(parts, reports)
    assert machine.snapshot() == whole.snapshot()


@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(scenes(), st.floats(0, 1))
def test_a_snapshot_in_another_machine(scene: Scene, where: float) -> None:
    whole, reports = one_run(scene)
    count = round(where * scene.frames().ts.size)
    first = scene.machine()
    parts = [first.run(*until_frame(scene, count))]
    second = scene.machine()
    second.restore(first.snapshot(), first.layout())
    assert second.snapshot() == first.snapshot()
    _, decisions, payments = until_frame(scene, count)
    parts.append(
        second.run(
            scene.frames().slice(count, scene.frames().ts.size),
            scene.decisions[decisions.size :],
            scene.payments()[payments.size :],
            scene.until,
        )
    )
    assert_same(parts, reports)
    assert second.snapshot() == whole.snapshot()


@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(scenes(), st.integers(1, 4))
def test_many_cuts_with_a_snapshot_at_each(scene: Scene, stride: int) -> None:
    """As an engine that is killed after every few events."""
    whole, reports = one_run(scene)
    frames, payments = scene.frames(), scene.payments()
    state, parts, done = scene.machine().snapshot(), [], (0, 0)
    for count in [*range(stride, frames.ts.size, stride), frames.ts.size]:
        machine = scene.machine()
        machine.restore(state)
        _, decisions, paid = until_frame(scene, count)
        last = count == frames.ts.size
        chunk = frames.slice(max(0, count - stride) if not last else (count - 1) // stride * stride, count)
        upto = (scene.decisions.size, payments.size) if last else (decisions.size, paid.size)
        parts.append(
            machine.run(
                chunk,
                scene.decisions[done[0] : upto[0]],
                payments[done[1] : upto[1]],
                scene.until if last else -1,
            )
        )
        state, done = machine.snapshot(), upto
    assert_same(parts, reports)
    assert state == whole.snapshot()


@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(scenes())
def test_the_same_input_gives_the_same_output(scene: Scene) -> None:
    first, reports = one_run(scene)
    second, again = one_run(scene)
    assert_same([again], reports)
    assert first.snapshot() == second.snapshot()


@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(scenes())
def test_the_future_changes_nothing(scene: Scene) -> None:
    """Frames that come later leave every fill and trade before them as it was."""
    frames = scene.frames()
    half = frames.ts.size // 2
    _, reports = one_run(scene)
    early = scene.machine().run(*until_frame(scene, half))
    assert early.fills.tobytes() == reports.fills[: early.fills.size].tobytes()
    assert early.trades.tobytes() == reports.trades[: early.trades.size].tobytes()
    other = scene.rows.copy()
    later = scene.ts > (frames.ts[half - 1] if half else -1)
    for name in ("open", "high", "low", "close"):
        other[name][later] = other[name][later] * 3 + 7
    _, changed = one_run(replace(scene, rows=other))
    assert changed.fills[: early.fills.size].tobytes() == early.fills.tobytes()


@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(scenes())
def test_candles_of_one_symbol_are_frames_of_one_bar(scene: Scene) -> None:
    """The short way for one symbol's candles gives what the long way gives."""
    mine = (scene.rows["symbol"] == 0) & (scene.rows["flags"] == 0)
    rows = scene.rows[mine]
    if rows.size == 0:
        return
    for name in ("bid_open", "ask_open", "bid_close", "ask_close"):
        rows[name] = 0
    instruments = scene.instruments[:1]
    slots = [replace(slot, symbol=instruments[0].symbol) for slot in scene.slots]
    narrow = replace(scene, instruments=instruments, slots=slots, ts=scene.ts[mine], rows=rows, funding=())
    bars = np.stack([rows[name] for name in ("open", "high", "low", "close")], axis=1)
    short = narrow.machine()
    reports = short.run(Frames.of_candles(narrow.ts, bars), narrow.decisions, until=narrow.until)
    whole, wanted = one_run(narrow)
    assert_same([reports], wanted)
    assert short.account.tobytes() == whole.account.tobytes()
    assert short.slots.tobytes() == whole.slots.tobytes()
