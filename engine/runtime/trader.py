"""The deterministic heart of a living run: tape events in, reports and signals out.

The live loop, recovery and nothing else drive it; the same events always give the same reports. No clock, socket, file or
database here (the bar book writes its files only when the recorder says so).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from engine.core.bars import Resampler
from engine.core.machine import Machine, Reports
from engine.core.setup import Setup
from engine.core.types import DECISION, EXEC_BAR, FLAG_GAP, FLAG_NO_DECISION, Rows
from engine.ledger.command_words import machine_words
from engine.ledger.rows import SignalFacts
from engine.market.barbook import BarBook, Key
from engine.market.candles import iso
from engine.market.tape import Event
from engine.strategies import catalog
from engine.strategies.base import Bars, Strategy
from engine.strategies.decisions import check_signals, last_decision


@dataclass
class Step:
    """What events did, gathered until the next commit."""

    reports: list[Reports] = field(default_factory=list)
    facts: dict[int, SignalFacts] = field(default_factory=dict)
    failures: dict[int, str] = field(default_factory=dict)
    acks: list[tuple[int, bool, str]] = field(default_factory=list)
    gaps: list[dict[str, Any]] = field(default_factory=list)
    closed_bars: int = 0

    @property
    def urgent(self) -> bool:
        return bool(self.failures or self.acks or self.gaps or self.closed_bars) or any(r.urgent for r in self.reports)


class Trader:
    """A machine, its strategies and their bars. `take` is the only way in."""

    def __init__(self, setup: Setup, book: BarBook) -> None:
        self.book = book
        self.now = 0  # exchange ms up to which everything has been taken
        self.last_bar = 0
        self.gap_end = 0
        self.in_gap = False
        self.gap_cause = ""
        self.signals = 0
        self.errors: dict[str, str] = {}  # slot key -> why it was stopped
        self._configure(setup)
        self.resamplers = {tf: Resampler(tf) for tf in self.timeframes}

    def reconfigure(self, setup: Setup) -> None:
        """Another setup from here on: what has the same name keeps its state, live stops are left alone."""
        state, layout, former = self.machine.snapshot(), self.machine.layout(), self.setup
        self._configure(setup)
        self.machine.restore(state, layout)
        self.book = self.book.renamed(
            tuple(i.symbol for i in former.instruments), tuple(i.symbol for i in setup.instruments)
        )
        self.resamplers = {tf: self.resamplers.get(tf) or Resampler(tf) for tf in self.timeframes}
        self._renumber([i.symbol for i in former.instruments])

    def _renumber(self, former: list[str]) -> None:
        """The open bars follow their symbols to their new numbers."""
        for resampler in self.resamplers.values():
            stored = resampler.state()
            where = self.machine.symbol_index
            stored["open"] = [[where[former[s]], bar] for s, bar in stored["open"] if former[s] in where]
            resampler.restore(stored)

    def _configure(self, setup: Setup) -> None:
        self.setup = setup
        self.machine: Machine = setup.machine()
        self.strategies = [_strategy(s.strategy, p) for s, p in zip(setup.slots, setup.params, strict=True)]
        self.timeframes = sorted({slot.timeframe_ms for slot in setup.slots})
        self.keys: list[Key] = sorted({(self.machine.symbol_index[s.symbol], s.timeframe_ms) for s in setup.slots})

    # ---- events --------------------------------------------------------------------------------------------------------
    def take(self, event: Event, step: Step) -> None:
        """Take one tape event: ["frame", ts, bars, seen] (one second of market),
        ["clock", ts, seen] (nothing printed up to ts), ["gap", from, to, cause, source, frames] and ["gap_end", to] around
        back-filled frames, ["command", ts, kind, args, row id]."""
        kind, ts = event[0], event[1]
        if kind == "frame":
            self._close_until(ts, event[3], step)
            self._frame(ts, frame_rows(event[2]), step)
        elif kind == "clock":
            self._close_until(ts, event[2], step)
            self._report(self.machine.clock(ts), step)
            self.now = max(self.now, ts)
        elif kind == "command":
            self._command(ts, event[2], event[3], event[4], step)
        elif kind == "gap":
            self.in_gap, self.gap_end, self.gap_cause = True, event[2], event[3]
            if self.gap_cause != "start":
                step.gaps.append(
                    {"from_ts": ts, "to_ts": event[2], "cause": event[3], "source": event[4], "frames": event[5]}
                )
        elif kind == "warm":
            self.now = max(self.now, ts)
        elif kind == "setup":
            self.reconfigure(Setup.from_json(event[2]))
        elif kind == "gap_end":
            self._close_until(ts, 0, step)
            self.in_gap = False
            self.now = max(self.now, ts)

    def warm(self, key: Key, rows: Rows) -> None:
        """History before the run: bars the strategies may look back on."""
        self.book.add(key, rows)

    def _frame(self, ts: int, rows: Rows, step: Step) -> None:
        for resampler in self.resamplers.values():
            resampler.push(ts, rows)
        gap = bool(rows.size and int(rows["flags"][0]) & FLAG_GAP)
        self._report(self.machine.frame(ts, rows, gap), step)
        self.last_bar = ts
        self.now = max(self.now, ts + 1000)

    def _close_until(self, ts: int, seen: int, step: Step) -> None:
        """Close every strategy bar that ends by `ts`, oldest end first, and decide on each."""
        closing: dict[int, list[tuple[Key, Rows]]] = {}
        for timeframe, resampler in self.resamplers.items():
            for symbol, row in resampler.close_until(ts):
                closing.setdefault(int(row["ts"]) + timeframe, []).append(((symbol, timeframe), row))
        for end in sorted(closing):
            self._decide(end, closing[end], seen, step)

    def _decide(self, end: int, closed: list[tuple[Key, Rows]], seen: int, step: Step) -> None:
        fresh: dict[Key, int] = {}
        for key, row in closed:
            if key in self.keys:
                self.book.add(key, row)
                fresh[key] = int(row["flags"])
        step.closed_bars += len(fresh)
        self._report(self.machine.clock(end), step)
        rows = [
            self._ask(i, end, seen, step)
            for i, slot in enumerate(self.setup.slots)
            if (flags := fresh.get((self.machine.symbol_index[slot.symbol], slot.timeframe_ms))) is not None
            and not flags & FLAG_NO_DECISION
        ]
        decisions = np.concatenate([row for row in rows if row.size] or [np.zeros(0, DECISION)])
        if decisions.size:
            self._report(self.machine.decide(decisions), step)

    def _ask(self, i: int, end: int, seen: int, step: Step) -> Rows:
        """Slot i's decision on its newest bar; a strategy that fails is stopped, the others go on."""
        slot = self.setup.slots[i]
        if slot.key in self.errors:
            return _NO_DECISION_ROWS
        symbol = self.machine.symbol_index[slot.symbol]
        try:
            bars = Bars.from_ticks(
                self.setup.instruments[symbol], slot.timeframe_ms, self.book.bars((symbol, slot.timeframe_ms))
            )
            signals = self.strategies[i].signals(bars)
            check_signals(bars, signals)
            row = last_decision(i, bars, signals, self.setup.instruments[symbol])
        except Exception as error:  # a person's code may raise anything; it stops its own slot and nothing else
            self._fail(i, f"{type(error).__name__}: {error}", step)
            return _NO_DECISION_ROWS
        if row.size:
            missed = self.in_gap and end <= self.gap_end
            row = row.copy()
            self.signals += 1
            row["signal_id"] = self.signals
            row["missed"] = int(missed)
            row["known_at"] = self.setup.known_at(end, seen, self.gap_end if missed else 0)
            step.facts[self.signals] = SignalFacts(row[0].copy(), _tag(signals, int(row["tag"][0])), _checks(signals))
        return row

    def _fail(self, i: int, text: str, step: Step) -> None:
        slot = self.setup.slots[i]
        self.errors[slot.key] = text
        step.failures[i] = text
        self._report(self.machine.command("slot_state", self.now, slot=slot.key, state="failed"), step)

    def _command(self, ts: int, kind: str, args: Mapping[str, Any], row_id: int, step: Step) -> None:
        try:
            if kind == "slot_on":
                for i in self._slots_named(str(args.get("slot", ""))):
                    self.errors.pop(self.setup.slots[i].key, None)
            name, words = machine_words(kind, args, self.setup.account.quantum)
            self._report(self.machine.command(name, ts, **words), step)
        except ValueError as error:
            step.acks.append((row_id, False, str(error)))
            return
        step.acks.append((row_id, True, f"done at {iso(ts)}"))

    def _slots_named(self, name: str) -> list[int]:
        from engine.core.commands import slots_named

        return slots_named(self.machine, name)

    def _report(self, reports: Reports, step: Step) -> None:
        if reports:
            step.reports.append(reports)

    # ---- state -----------------------------------------------------------------------------------------------------------
    def extra(self) -> dict[str, Any]:
        """Everything besides the machine's bytes that a snapshot needs, as plain values."""
        return {
            "now": self.now,
            "last_bar": self.last_bar,
            "in_gap": self.in_gap,
            "gap_end": self.gap_end,
            "gap_cause": self.gap_cause,
            "signals": self.signals,
            "errors": self.errors,
            "resamplers": {str(tf): resampler.state() for tf, resampler in self.resamplers.items()},
            "bars": self.book.counts(),
            "setup": self.setup.to_json(),
        }

    def restore(self, state: bytes, layout: dict[str, object], extra: Mapping[str, Any]) -> None:
        """Take a snapshot back. The setup may have changed: what has the same name keeps its state."""
        self.machine.restore(state, layout)
        for name in ("now", "last_bar", "in_gap", "gap_end", "gap_cause", "signals"):
            setattr(self, name, extra[name])
        self.errors = dict(extra["errors"])
        for timeframe, stored in extra["resamplers"].items():
            if int(timeframe) in self.resamplers:
                self.resamplers[int(timeframe)].restore(stored)


_NO_DECISION_ROWS = np.zeros(0, DECISION)


def frame_rows(bars: list[list[Any]]) -> Rows:
    """The bars of a frame event as EXEC_BAR[k]."""
    return np.array([tuple(bar) for bar in bars], EXEC_BAR)


def _strategy(name: str, params: Mapping[str, Any]) -> Strategy:
    return catalog.make(name, dict(params))


def _tag(signals: Any, code: int) -> str:
    tags = getattr(signals, "tags", ())
    return str(tags[code]) if 0 <= code < len(tags) else ""


def _checks(signals: Any) -> dict[str, bool]:
    return {name: bool(values[-1]) for name, values in signals.checks.items()}
