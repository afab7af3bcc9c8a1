"""A tape, read into segments: what the market, commands and answers were between two changes. Nothing is decided here."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from engine.core.bars import Resampler
from engine.core.commands import slots_named
from engine.core.reported import KINDS as REPORTED
from engine.core.setup import Setup
from engine.core.types import EXEC_BAR, FLAG_NO_DECISION, NEVER, Rows
from engine.ledger import steering
from engine.market.barbook import BarBook
from engine.market.candles import iso
from engine.market.lens import tape_of
from engine.market.starts import Start
from engine.market.tape import START, Position

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
    report: list[Any] | None = None
    """A venue's report that ended it (engine.core.reported)."""
    answer: tuple[int, list[Any], dict[str, int]] | None = None
    """Exchange time and words of a model's answer that ended it, and how many bars each file had then."""
    firsts: dict[str, int] = field(default_factory=dict)
    """The first bar that strategies saw of each file at that answer."""


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


class Reader:
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
        elif kind == "answer":
            counts = {name: sum(part.size for part in parts) for name, parts in self.reading.bars.items()}
            self._now().answer, self._now().firsts = (ts, event[2:], counts), dict(self.firsts)
            self._next(self._now().setup)
        elif kind in REPORTED:
            self._now().report = event
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
        if kind == "slot_state" and args.get("state") == "failed":
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


def _named(setup: Setup, name: str) -> set[str]:
    """Keys of the slots that a command names; none where it names nothing and was refused."""
    try:
        return {setup.slots[i].key for i in slots_named(setup.slots, name)}
    except ValueError:
        return set()
