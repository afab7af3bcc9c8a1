"""A paper run's tape, taken once through the backtester: whole arrays of bars, signals once, the kernel in batches.

Where `engine.runtime.trader` steps events as they come, this reads them all and lets `Machine.run` have them; commands and
changes of setup cut the batch into segments. The two must agree to the last bit; `engine.research.parity` compares, and
`engine.research.segments` chooses where to begin.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from engine.core import reported
from engine.core.machine import Frames, Machine, Reports
from engine.core.setup import Setup
from engine.core.types import Rows
from engine.ledger.rows import SignalFacts
from engine.market.starts import Start
from engine.market.tape import Position
from engine.research.replay_read import Hole, Reader, Segment
from engine.research.replay_slots import Slot, answered, decisions

__all__ = ["Hole", "Replayed", "replay_tape"]


@dataclass(frozen=True)
class Replayed:
    """What the backtester made of the tape: reports and signal facts by the setup they belong to."""

    parts: list[tuple[Setup, Reports, dict[int, SignalFacts]]]
    events: int
    frames: int
    machine: Machine
    bars: dict[str, Rows] = field(default_factory=dict)
    """The strategy bars that the tape's seconds make, by the name of the run's own file."""


def replay_tape(folder: Path, end: Position | None = None, start: Start | None = None) -> Replayed:
    """Run the tape in `folder` (a run's own: tape/ and bars/) from `start`, or its beginning, up to `end` through the kernel.

    ValueError if it has no beginning, Hole if a part of it was lost."""
    reading = Reader(folder).read(end, start)
    if not reading.segments:
        raise ValueError(f"{folder} holds no tape: the run has not traded yet, or its data folder was moved")
    bars = {name: np.concatenate(parts) for name, parts in reading.bars.items()}
    machine = reading.segments[0].setup.machine()
    signals = 0
    if start is not None:
        machine.restore(start.state, start.layout)
        signals = start.extra["signals"]
    parts: list[tuple[Setup, Reports, dict[int, SignalFacts]]] = []
    asked: dict[int, list[Slot]] = {}
    models = dict(start.extra.get("advised", {})) if start is not None else {}
    for segment in reading.segments:
        machine = _follow(machine, segment.setup, parts)
        key = id(segment.setup)
        if key not in asked:
            for slots in list(asked.values())[-1:]:
                models |= {one.spec.key: one.advised.state() for one in slots if one.advised is not None}
            asked[key] = [
                Slot(segment.setup, i, bars, reading, models.get(slot.key))
                for i, slot in enumerate(segment.setup.slots)
            ]
        said, facts = decisions(asked[key], segment, signals)
        signals += len(facts)
        reports = [machine.run(_frames(segment), said, until=segment.until)]
        if segment.command is not None:
            reports.append(_command(machine, segment))
        if segment.report is not None:
            reports.append(reported.take(machine, segment.report).reports)
        if segment.answer is not None:
            rows, more = answered(asked[key], segment, signals)
            signals += len(more)
            facts |= more
            if rows.size:
                reports.append(machine.decide(rows))
        parts.append((segment.setup, Reports.concatenate(reports), facts))
    return Replayed(parts, reading.events, reading.frames, machine, bars)


def _follow(machine: Machine, setup: Setup, parts: list[Any]) -> Machine:
    """The machine under `setup`; its state is kept by name when the setup has changed."""
    if not parts or parts[-1][0] is setup:
        return machine
    fresh = setup.machine()
    fresh.restore(machine.snapshot(), machine.layout())
    return fresh


def _frames(segment: Segment) -> Frames:
    if not segment.frames:
        return Frames.none()
    ts = np.repeat(np.array(segment.frame_ts, np.int64), [rows.size for rows in segment.frames])
    return Frames.of_rows(ts, np.concatenate(segment.frames))


def _command(machine: Machine, segment: Segment) -> Reports:
    from engine.ledger.command_words import machine_words

    assert segment.command is not None
    kind, ts, args = segment.command
    try:
        name, words = machine_words(kind, args, segment.setup.account.quantum)
        return machine.command(name, ts, **words)
    except ValueError:  # refused when it was given; refused again
        return Reports.concatenate([])
