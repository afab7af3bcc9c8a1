"""A paper run's tape, taken once through the backtester: whole arrays of bars, signals once, the kernel in batches.

Where `engine.runtime.trader` steps events as they come, this reads them all and lets `Machine.run` have them; commands and
changes of setup cut the batch into segments. The two must agree to the last bit; `engine.research.parity` compares.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from engine.core.bars import Resampler
from engine.core.machine import Frames, Machine, Reports
from engine.core.setup import Setup
from engine.core.types import DECISION, EXEC_BAR, FLAG_NO_DECISION, TF_BAR, Rows
from engine.ledger.rows import SignalFacts
from engine.market.barbook import BarBook, Key
from engine.market.tape import Position, Tape
from engine.strategies import catalog
from engine.strategies.base import Bars
from engine.strategies.decisions import decisions_of


@dataclass
class Close:
    """One strategy bar that closed: its end, and what a decision on it may be."""

    end: int
    known_at: int
    missed: bool
    decides: bool


@dataclass
class Segment:
    """What happened between two commands or changes of setup."""

    setup: Setup
    frame_ts: list[int] = field(default_factory=list)
    frames: list[Rows] = field(default_factory=list)
    closes: dict[str, list[Close]] = field(default_factory=dict)  # by "SYMBOL timeframe"
    until: int = -1
    command: tuple[str, int, dict[str, Any]] | None = None


@dataclass
class Reading:
    """The tape, read."""

    segments: list[Segment] = field(default_factory=list)
    bars: dict[str, list[Rows]] = field(default_factory=dict)
    events: int = 0
    frames: int = 0


def bar_name(symbol: str, timeframe: int) -> str:
    return f"{symbol} {timeframe}"


class _Reader:
    """Folds tape events into segments, as the trader would have lived them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.reading = Reading()
        self.segment: Segment | None = None
        self.resamplers: dict[int, Resampler] = {}
        self.in_gap, self.gap_end = False, 0

    def read(self, end: Position | None) -> Reading:
        for event, place in Tape(self.folder / "tape").read():
            if end is not None and (place.day, place.offset) > (end.day, end.offset):
                break
            self.reading.events += 1
            self._take(event)
        return self.reading

    def _take(self, event: list[Any]) -> None:
        kind, ts = event[0], event[1]
        if kind == "warm":
            self._warm(event[2], Setup.from_json(event[3]))
        elif kind == "gap":
            self.in_gap, self.gap_end = True, event[2]
        elif kind == "gap_end":
            self._close_until(ts, 0)
            self.in_gap = False
        elif kind == "frame":
            self._close_until(ts, event[3])
            self._frame(ts, np.array([tuple(bar) for bar in event[2]], EXEC_BAR))
        elif kind == "clock":
            self._close_until(ts, event[2])
            self._now().until = max(self._now().until, ts)
        elif kind == "command":
            self._now().command = (event[2], ts, event[3])
            self._next(self._now().setup)
        elif kind == "setup":
            self._change(Setup.from_json(event[2]))

    def _now(self) -> Segment:
        if self.segment is None:
            raise ValueError(f"{self.folder}: the tape does not begin with the run's history; it cannot be replayed")
        return self.segment

    def _next(self, setup: Setup) -> None:
        self.segment = Segment(setup)
        self.reading.segments.append(self.segment)

    def _warm(self, counts: dict[str, int], setup: Setup) -> None:
        self._next(setup)
        self.resamplers = {tf: Resampler(tf) for tf in sorted({slot.timeframe_ms for slot in setup.slots})}
        names = tuple(instrument.symbol for instrument in setup.instruments)
        book = BarBook(self.folder / "bars", names)
        keys: list[Key] = [(names.index(slot.symbol), slot.timeframe_ms) for slot in setup.slots]
        book.load(list(dict.fromkeys(keys)), counts)
        for symbol, timeframe in dict.fromkeys(keys):
            self.reading.bars[bar_name(names[symbol], timeframe)] = [book.bars((symbol, timeframe)).copy()]

    def _frame(self, ts: int, rows: Rows) -> None:
        for resampler in self.resamplers.values():
            resampler.push(ts, rows)
        segment = self._now()
        segment.frame_ts.append(ts)
        segment.frames.append(rows)
        segment.until = max(segment.until, ts)
        self.reading.frames += 1

    def _close_until(self, ts: int, seen: int) -> None:
        for timeframe, resampler in self.resamplers.items():
            for symbol, row in resampler.close_until(ts):
                self._close(timeframe, symbol, row, seen)

    def _close(self, timeframe: int, symbol: int, row: Rows, seen: int) -> None:
        segment = self._now()
        name = bar_name(segment.setup.instruments[symbol].symbol, timeframe)
        end = int(row["ts"]) + timeframe
        missed = self.in_gap and end <= self.gap_end
        known_at = segment.setup.known_at(end, seen, self.gap_end if missed else 0)
        decides = not int(row["flags"]) & FLAG_NO_DECISION
        segment.closes.setdefault(name, []).append(Close(end, known_at, missed, decides))
        segment.until = max(segment.until, end)
        self.reading.bars.setdefault(name, []).append(np.atleast_1d(row))

    def _change(self, setup: Setup) -> None:
        former = self._now().setup
        self._next(setup)
        where = {instrument.symbol: i for i, instrument in enumerate(setup.instruments)}
        old = [instrument.symbol for instrument in former.instruments]
        wanted = sorted({slot.timeframe_ms for slot in setup.slots})
        self.resamplers = {tf: self.resamplers.get(tf) or Resampler(tf) for tf in wanted}
        for resampler in self.resamplers.values():
            stored = resampler.state()
            stored["open"] = [[where[old[s]], bar] for s, bar in stored["open"] if old[s] in where]
            resampler.restore(stored)


@dataclass(frozen=True)
class Replayed:
    """What the backtester made of the tape: reports and signal facts by the setup they belong to."""

    parts: list[tuple[Setup, Reports, dict[int, SignalFacts]]]
    events: int
    frames: int
    machine: Machine


def replay_tape(folder: Path, end: Position | None = None) -> Replayed:
    """Run the tape in `folder` (a run's own: tape/ and bars/) up to `end` through the batch kernel.

    ValueError if it has no beginning."""
    reading = _Reader(folder).read(end)
    if not reading.segments:
        raise ValueError(f"{folder} holds no tape: the run has not traded yet, or its data folder was moved")
    bars = {name: np.concatenate(parts) for name, parts in reading.bars.items()}
    machine = reading.segments[0].setup.machine()
    signals = 0
    parts: list[tuple[Setup, Reports, dict[int, SignalFacts]]] = []
    asked: dict[int, list[_Slot]] = {}
    for segment in reading.segments:
        machine = _follow(machine, segment.setup, parts)
        key = id(segment.setup)
        if key not in asked:
            asked[key] = [_Slot(segment.setup, i, bars) for i in range(len(segment.setup.slots))]
        decisions, facts = _decisions(asked[key], segment, signals)
        signals += len(facts)
        reports = [machine.run(_frames(segment), decisions, until=segment.until)]
        if segment.command is not None:
            reports.append(_command(machine, segment))
        parts.append((segment.setup, Reports.concatenate(reports), facts))
    return Replayed(parts, reading.events, reading.frames, machine)


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


class _Slot:
    """One slot's decisions over the whole array of its bars, computed once, by bar end."""

    def __init__(self, setup: Setup, i: int, bars: dict[str, Rows]) -> None:
        slot = setup.slots[i]
        instrument = next(x for x in setup.instruments if x.symbol == slot.symbol)
        self.name = bar_name(slot.symbol, slot.timeframe_ms)
        rows = bars.get(self.name, np.zeros(0, TF_BAR))
        view = Bars.from_ticks(instrument, slot.timeframe_ms, rows)
        self.signals = catalog.make(slot.strategy, dict(setup.params[i])).signals(view)
        self.rows = decisions_of(i, view, self.signals, instrument)
        self.at = {int(end): n for n, end in enumerate(self.rows["decided_at"])}
        self.bar_at = {int(end): n for n, end in enumerate(rows["ts"] + slot.timeframe_ms)}


def _decisions(slots: list[_Slot], segment: Segment, signals: int) -> tuple[Rows, dict[int, SignalFacts]]:
    """The segment's decisions in order of (bar end, slot), numbered on from `signals`."""
    wanted = [
        (close.end, i, close)
        for i, slot in enumerate(slots)
        for close in segment.closes.get(slot.name, ())
        if close.decides and close.end in slot.at
    ]
    rows, facts = [], {}
    for number, (end, i, close) in enumerate(sorted(wanted, key=lambda item: item[:2]), signals + 1):
        slot = slots[i]
        row = slot.rows[slot.at[end] : slot.at[end] + 1].copy()
        row["signal_id"], row["known_at"], row["missed"] = number, close.known_at, int(close.missed)
        rows.append(row)
        bar = slot.bar_at[end]
        tags = getattr(slot.signals, "tags", ())
        code = int(row["tag"][0])
        tag = str(tags[code]) if 0 <= code < len(tags) else ""
        checks = {name: bool(values[bar]) for name, values in slot.signals.checks.items()}
        facts[number] = SignalFacts(row[0].copy(), tag, checks)
    return (np.concatenate(rows) if rows else np.zeros(0, DECISION)), facts
