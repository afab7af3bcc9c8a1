"""A paper run's tape, taken once through the backtester: whole arrays of bars, signals once, the kernel in batches.

Where `engine.runtime.trader` steps events as they come, this reads them all and lets `Machine.run` have them; commands and
changes of setup cut the batch into segments. The two must agree to the last bit; `engine.research.parity` compares, and
`engine.research.segments` chooses where to begin.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from engine.core.bars import Resampler
from engine.core.commands import slots_named
from engine.core.machine import Frames, Machine, Reports
from engine.core.setup import Setup
from engine.core.types import DECISION, EXEC_BAR, FLAG_NO_DECISION, NEVER, TF_BAR, Rows
from engine.ledger import steering
from engine.ledger.rows import SignalFacts
from engine.market.barbook import BarBook
from engine.market.candles import iso
from engine.market.lens import tape_of
from engine.market.starts import Start
from engine.market.tape import START, Position
from engine.strategies import catalog
from engine.strategies.base import Bars, Signals
from engine.strategies.decisions import decisions_of

_NEVER = int(NEVER)


@dataclass
class Close:
    """One strategy bar that closed: its end, and what a decision on it may be."""

    end: int
    known_at: int
    missed: bool
    decides: bool
    first: int = 0
    """Number of the first bar that strategies saw then: a long run leaves its oldest behind."""


@dataclass
class Segment:
    """What happened between two commands or changes of setup."""

    setup: Setup
    frame_ts: list[int] = field(default_factory=list)
    frames: list[Rows] = field(default_factory=list)
    closes: dict[str, list[Close]] = field(default_factory=dict)  # by the name of the bars' file
    until: int = -1
    command: tuple[str, int, dict[str, Any]] | None = None


@dataclass
class Reading:
    """The tape, read."""

    segments: list[Segment] = field(default_factory=list)
    bars: dict[str, list[Rows]] = field(default_factory=dict)
    failed: list[tuple[str, int, int]] = field(
        default_factory=list
    )  # slot key, first bar end without it, first with it again
    known: dict[str, list[list[float | None]]] = field(
        default_factory=dict
    )  # strategy -> what became known of its signals, and when
    events: int = 0
    frames: int = 0


def _bars_of(folder: Path, name: str, count: int) -> Rows:
    """The first `count` bars of one of the run's own files. ValueError when it is shorter."""
    book = BarBook(folder / "bars", ())
    book.load({name: count})
    return book.named(name)


class Hole(ValueError):
    """A part of the tape up to exchange time `ts` (ms) was lost; it is whole again `behind` that."""

    def __init__(self, folder: Path, ts: int, behind: Position) -> None:
        super().__init__(
            f"{folder}: the tape up to {iso(ts)} was lost with the disk's cache; it is no proof of that time"
        )
        self.ts, self.behind = ts, behind


class _Reader:
    """Folds tape events into segments, as the trader would have lived them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.reading = Reading()
        self.segment: Segment | None = None
        self.resamplers: dict[int, Resampler] = {}
        self.in_gap, self.gap_end = False, 0
        self.firsts: dict[str, int] = {}
        self.wanted: set[str] = set()  # names of the bars that slots of the present setup look at

    def read(self, end: Position | None, start: Start | None = None) -> Reading:
        if start is not None:
            self._go_on(start)
        for event, place in tape_of(self.folder).read(start.position if start else START):
            if end is not None and (place.day, place.offset) > (end.day, end.offset):
                break
            if event[0] == "lost":
                raise Hole(self.folder, event[1], place)
            self.reading.events += 1
            self._take(event)
        return self.reading

    def _go_on(self, start: Start) -> None:
        """What the trader held in mind at a start point."""
        extra = start.extra
        self._next(Setup.from_json(extra["setup"]))
        self.in_gap, self.gap_end, self.firsts = extra["in_gap"], extra["gap_end"], dict(extra["first_bars"])
        for timeframe, stored in extra["resamplers"].items():
            self.resamplers[int(timeframe)] = Resampler(int(timeframe))
            self.resamplers[int(timeframe)].restore(stored)
        self.reading.failed = [(key, 0, _NEVER) for key in extra["errors"]]
        self.reading.known = {source: list(told) for source, told in extra.get("known", {}).items()}
        for name, count in extra["bars"].items():
            self.reading.bars[name] = [_bars_of(self.folder, name, count)]

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
        elif kind == "command" and event[2] in steering.KINDS:
            self._steer(ts, event[2], event[3])
        elif kind == "command":
            self._note_failures(ts, event[2], event[3])
            self._now().command = (event[2], ts, event[3])
            self._next(self._now().setup)
        elif kind == "cut":
            self.firsts.update(event[2])
        elif kind == "setup":
            self._change(Setup.from_json(event[2]))

    def _steer(self, ts: int, kind: str, args: dict[str, Any]) -> None:
        former = self._now().setup
        try:
            setup = steering.steered(former, kind, args)
        except ValueError:  # refused when it was given; refused again
            return
        if setup != former:
            self._change(setup)
        if kind == "weights":
            steering.learn(self.reading.known, args, ts)

    def _note_failures(self, ts: int, kind: str, args: dict[str, Any]) -> None:
        """From when to when a slot that failed said nothing."""
        if args.get("state") == "failed":
            self.reading.failed.append((str(args["slot"]), int(args.get("bar_end", ts + 1)), _NEVER))
        elif kind == "slot_on" or args.get("state") == "enabled":
            named = _named(self._now().setup, str(args.get("slot", "")))
            ended = [(key, start, min(end, ts + 1) if key in named else end) for key, start, end in self.reading.failed]
            self.reading.failed = ended

    def _now(self) -> Segment:
        if self.segment is None:
            raise ValueError(f"{self.folder}: the tape does not begin with the run's history; it cannot be replayed")
        return self.segment

    def _next(self, setup: Setup) -> None:
        self.segment = Segment(setup)
        self.wanted = {BarBook.name_of(slot.symbol, slot.timeframe_ms) for slot in setup.slots}
        self.reading.segments.append(self.segment)

    def _warm(self, counts: dict[str, int], setup: Setup) -> None:
        self._next(setup)
        self.resamplers = {tf: Resampler(tf) for tf in sorted({slot.timeframe_ms for slot in setup.slots})}
        for name in self.wanted:
            self.reading.bars[name] = [_bars_of(self.folder, name, counts.get(name, 0))]

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
        name = BarBook.name_of(segment.setup.instruments[symbol].symbol, timeframe)
        if name not in self.wanted:
            return
        end = int(row["ts"]) + timeframe
        missed = self.in_gap and end <= self.gap_end
        known_at = segment.setup.known_at(end, seen, self.gap_end if missed else 0)
        decides = not int(row["flags"]) & FLAG_NO_DECISION
        first = self.firsts.get(name, 0)
        segment.closes.setdefault(name, []).append(Close(end, known_at, missed, decides, first))
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
    bars: dict[str, Rows] = field(default_factory=dict)
    """The strategy bars that the tape's seconds make, by the name of the run's own file."""


def replay_tape(folder: Path, end: Position | None = None, start: Start | None = None) -> Replayed:
    """Run the tape in `folder` (a run's own: tape/ and bars/) from `start`, or its beginning, up to `end` through the kernel.

    ValueError if it has no beginning, Hole if a part of it was lost."""
    reading = _Reader(folder).read(end, start)
    if not reading.segments:
        raise ValueError(f"{folder} holds no tape: the run has not traded yet, or its data folder was moved")
    bars = {name: np.concatenate(parts) for name, parts in reading.bars.items()}
    machine = reading.segments[0].setup.machine()
    signals = 0
    if start is not None:
        machine.restore(start.state, start.layout)
        signals = start.extra["signals"]
    parts: list[tuple[Setup, Reports, dict[int, SignalFacts]]] = []
    asked: dict[int, list[_Slot]] = {}
    for segment in reading.segments:
        machine = _follow(machine, segment.setup, parts)
        key = id(segment.setup)
        if key not in asked:
            asked[key] = [_Slot(segment.setup, i, bars, reading) for i in range(len(segment.setup.slots))]
        decisions, facts = _decisions(asked[key], segment, signals)
        signals += len(facts)
        reports = [machine.run(_frames(segment), decisions, until=segment.until)]
        if segment.command is not None:
            reports.append(_command(machine, segment))
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


@dataclass(frozen=True)
class _Said:
    """What a strategy said on one stretch of bars, by bar end."""

    signals: Signals
    rows: Rows
    row_at: dict[int, int]
    bar_at: dict[int, int]

    def decision(self, end: int) -> tuple[Rows, SignalFacts] | None:
        """The row of the bar that ended at `end` with what is stored of it, None where nothing was said."""
        if end not in self.row_at:
            return None
        at, bar = self.row_at[end], self.bar_at[end]
        row = self.rows[at : at + 1].copy()
        tags, code = self.signals.tags, int(row["tag"][0])
        tag = str(tags[code]) if 0 <= code < len(tags) else ""
        return row, SignalFacts(row[0], tag, {name: bool(values[bar]) for name, values in self.signals.checks.items()})


class _Slot:
    """One slot's decisions by bar end: its strategy asked once for each stretch of bars that it was asked on."""

    def __init__(self, setup: Setup, i: int, bars: dict[str, Rows], reading: Reading) -> None:
        self.setup, self.i, self.spec = setup, i, setup.slots[i]
        self.name = BarBook.name_of(self.spec.symbol, self.spec.timeframe_ms)
        self.rows = bars.get(self.name, np.zeros(0, TF_BAR))
        self.failed = [(start, end) for key, start, end in reading.failed if key == self.spec.key]
        self.known = reading.known.get(self.spec.strategy, [])
        self.said: dict[tuple[int, int], _Said] = {}

    def decision(self, close: Close) -> tuple[Rows, SignalFacts] | None:
        if not close.decides or any(start <= close.end < end for start, end in self.failed):
            return None
        before = min((start for start, _ in self.failed if start > close.end), default=_NEVER)
        if (close.first, before) not in self.said:
            self.said[close.first, before] = self._ask(close.first, before)
        return self.said[close.first, before].decision(close.end)

    def _ask(self, first: int, before: int) -> _Said:
        """The strategy on the bars from number `first` on that end before `before`, where it failed."""
        slot, rows = self.spec, self.rows[first:]
        rows = rows[rows["ts"] + slot.timeframe_ms < before]
        instrument = next(x for x in self.setup.instruments if x.symbol == slot.symbol)
        view = replace(Bars.from_ticks(instrument, slot.timeframe_ms, rows), known=self.known)
        signals = catalog.make(slot.strategy, dict(self.setup.params[self.i])).signals(view)
        found = decisions_of(self.i, view, signals, instrument)
        ends = (rows["ts"] + slot.timeframe_ms).tolist()
        return _Said(
            signals,
            found,
            {end: n for n, end in enumerate(found["decided_at"].tolist())},
            {end: n for n, end in enumerate(ends)},
        )


def _named(setup: Setup, name: str) -> set[str]:
    """Keys of the slots that a command names; none where it names nothing and was refused."""
    try:
        return {setup.slots[i].key for i in slots_named(setup.slots, name)}
    except ValueError:
        return set()


def _decisions(slots: list[_Slot], segment: Segment, signals: int) -> tuple[Rows, dict[int, SignalFacts]]:
    """The segment's decisions in order of (bar end, slot), numbered on from `signals`."""
    wanted = [
        (close.end, i, close, found)
        for i, slot in enumerate(slots)
        for close in segment.closes.get(slot.name, ())
        if (found := slot.decision(close)) is not None
    ]
    rows, facts = [], {}
    for number, (_, _, close, (row, fact)) in enumerate(sorted(wanted, key=lambda item: item[:2]), signals + 1):
        row["signal_id"], row["known_at"], row["missed"] = number, close.known_at, int(close.missed)
        rows.append(row)
        facts[number] = replace(fact, decision=row[0].copy())
    return (np.concatenate(rows) if rows else np.zeros(0, DECISION)), facts
