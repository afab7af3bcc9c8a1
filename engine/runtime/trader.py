"""The deterministic heart of a living run: tape events in, reports and signals out.

The live loop, recovery and nothing else drive it; the same events always give the same reports. No clock, socket, file or
database here (the bar book writes its files only when the recorder says so).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np

from engine.core import reported
from engine.core.bars import Resampler
from engine.core.commands import slots_named
from engine.core.machine import Machine, Reports
from engine.core.setup import Setup
from engine.core.types import DECISION, EXEC_BAR, FLAG_GAP, FLAG_NO_DECISION, Rows
from engine.ledger import steering
from engine.ledger.advised import Advised, Utterance, advised_slot, given_of
from engine.ledger.command_words import machine_words
from engine.ledger.rows import SignalFacts
from engine.ledger.steering import Steered
from engine.market.barbook import BarBook, Key
from engine.market.candles import iso
from engine.market.tape import Event
from engine.research.play import signals_of
from engine.runtime.asking import question
from engine.runtime.spoken import checks_of, tag_of, warmup_of
from engine.runtime.step import Step
from engine.strategies import catalog
from engine.strategies.base import Bars, Signals, StrategyError
from engine.strategies.decisions import last_decision

__all__ = ["Step", "Trader", "frame_rows"]

log = logging.getLogger("evenkeel.trader")

LEAST_KEPT, WARMUPS_KEPT = 20_000, 20
"""How many bars a strategy sees at least once a long run leaves its oldest behind: so many, or its warm-up so many times."""


class Trader:
    """A machine, its strategies and their bars. `take` is the only way in.

    `stopwatch` (seconds, any zero) times the strategies into `spent`, seconds by slot key of its newest bar; what is done about
    a slow one is the loop's business, and an event of the tape.
    """

    def __init__(self, setup: Setup, book: BarBook, stopwatch: Callable[[], float] = lambda: 0.0) -> None:
        self.book = book
        self.stopwatch = stopwatch
        self.spent: dict[str, float] = {}
        self.unsaid: list[tuple[str, int, str]] = []  # slots that have just failed: key, first bar end without it, why
        self.now = 0  # exchange ms up to which everything has been taken
        self.last_bar = 0
        self.gap_end = 0
        self.in_gap = False
        self.gap_cause = ""
        self.signals = 0
        self.errors: dict[str, str] = {}  # slot key -> why it was stopped
        self.put_out: set[str] = set()  # keys a person has switched off; a configuration does not switch them on
        self.said: dict[str, dict[str, Any]] = {}  # slot key -> what its strategy made of its newest bar
        self.known: dict[str, list[list[float | None]]] = {}  # strategy -> what became known of its signals, and when
        self.versions = dict.fromkeys(steering.KINDS, 0)
        self.advised: dict[str, Advised | None] = {}  # slot key -> its model's side, where it has one
        self._configure(setup)
        self.resamplers = {tf: Resampler(tf) for tf in self.timeframes}

    def reconfigure(self, setup: Setup) -> None:
        """Another setup from here on: what has the same name keeps its state, live stops are left alone."""
        state, layout, former = self.machine.snapshot(), self.machine.layout(), self.setup
        self._configure(setup)
        self.machine.restore(state, layout)
        self.book.names = tuple(instrument.symbol for instrument in setup.instruments)
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
        self._told: dict[str, Any] | None = None
        self.machine: Machine = setup.machine()
        self.strategies = [catalog.make(s.strategy, dict(p)) for s, p in zip(setup.slots, setup.params, strict=True)]
        former = {key: one for key, one in self.advised.items() if one is not None}
        self.advised = {
            slot.key: advised_slot(
                i, self.strategies[i], slot.timeframe_ms, setup.instruments[self.machine.symbol_index[slot.symbol]],
                setup.advice_of(i), former.get(slot.key),
            )
            for i, slot in enumerate(setup.slots)
        }  # fmt: skip
        self.timeframes = sorted({slot.timeframe_ms for slot in setup.slots})
        self.keys: list[Key] = sorted({(self.machine.symbol_index[s.symbol], s.timeframe_ms) for s in setup.slots})

    # ---- events --------------------------------------------------------------------------------------------------------
    def take(self, event: Event, step: Step) -> None:
        """Take one tape event: ["frame", ts, bars, seen] (one second of market),
        ["clock", ts, seen] (nothing printed up to ts), ["gap", from, to, cause, source, frames] and ["gap_end", to] around
        back-filled frames, ["command", ts, kind, args, row id], ["cut", ts, first bars by file], ["answer", ts, ...]
        (a model's, see engine.ledger.advised.given_of), a venue's reports (engine.core.reported)."""
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
        elif kind == "answer":
            self._answer(ts, event[2:], step)
        elif kind in reported.KINDS:
            step.told.append(told := reported.take(self.machine, event))
            self._report(told.reports, step)
        elif kind == "cut":
            self.book.cut(event[2])
            self._forget()
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
        missed = self.in_gap and end <= self.gap_end
        advised = self.advised[slot.key]
        begun = self.stopwatch()
        try:
            bars, signals = self._evaluate(i, advised)
            if advised is None:
                row = last_decision(i, bars, signals, self.setup.instruments[symbol])
                told = [SignalFacts(one, tag_of(signals, int(one["tag"])), checks_of(signals)) for one in row]
                said = [Utterance(row, facts) for facts in told]
            else:
                wants, said = advised.closed(bars, signals, len(bars) - 1, not missed)
                if wants:
                    step.asks.append(question(self, i, advised, bars, signals))
        except Exception as error:  # a person's code may raise anything; it stops its own slot and nothing else
            self.fail(i, end, error, step)
            return _NO_DECISION_ROWS
        self.spent[slot.key] = self.stopwatch() - begun
        warm = warmup_of(self.strategies[i])
        self.said[slot.key] = {"end": end, "bars": len(bars), "warmup": warm, "checks": checks_of(signals)}
        known_at = self.setup.known_at(end, seen, self.gap_end if missed else 0)
        return self._number(said, known_at, missed, step)

    def _evaluate(self, i: int, advised: Advised | None) -> tuple[Bars, Signals]:
        """Slot i's strategy on all its bars; whatever its code raises comes through."""
        slot = self.setup.slots[i]
        symbol = self.machine.symbol_index[slot.symbol]
        rows = self.book.bars((symbol, slot.timeframe_ms))
        bars = Bars.from_ticks(self.setup.instruments[symbol], slot.timeframe_ms, rows)
        if advised is not None:
            bars = replace(bars, given=advised.beside(bars.end))
        bars = replace(bars, known=self.known.get(slot.strategy, ()))
        return bars, signals_of(self.strategies[i], bars)

    def rehearse(self) -> None:
        """Every strategy once on the bars there are, for nothing: what it compiles is compiled before the market waits for it."""
        for i, slot in enumerate(self.setup.slots):
            with suppress(Exception):  # a person's code: it is asked again at its bar, and told there
                if self.advised[slot.key] is None and slot.key not in self.errors:
                    self._evaluate(i, None)

    def _number(self, said: list[Utterance], known_at: int, missed: bool, step: Step) -> Rows:
        """The rows for the machine; every signal gets its number, those that never reach the machine too."""
        sent = []
        for one in said:
            self.signals += 1
            row = one.row.copy()
            row["signal_id"] = self.signals
            if one.facts.unsent is None:
                row["missed"], row["known_at"] = int(missed), known_at
                sent.append(row)
            step.facts[self.signals] = replace(one.facts, decision=row[0].copy())
        return np.concatenate(sent) if sent else _NO_DECISION_ROWS

    def _answer(self, ts: int, words: list[Any], step: Step) -> None:
        """A model has answered, or could not: its slot is evaluated at once on the bars there are."""
        key, given = given_of(words, ts)
        advised = self.advised.get(key)
        if advised is None or key in self.errors:
            return
        i = advised.slot
        advised.keep(given)
        try:
            bars, signals = self._evaluate(i, advised)
            said = advised.arrived(bars, signals, len(bars) - 1, given)
        except Exception as error:  # as in _ask
            self.fail(i, ts + 1, error, step)
            return
        rows = self._number(said, ts + self.setup.latency_ms, False, step)
        if rows.size:
            self._report(self.machine.decide(rows), step)

    def fail(self, i: int, bar_end: int, error: Exception | str, step: Step) -> None:
        """Slot i decides no more, from the bar that ends at `bar_end` on; what it holds is managed. The loop puts the machine's
        part of it on the tape (`unsaid`), so that a replay does it at the same place."""
        key = self.setup.slots[i].key
        why = str(error) if isinstance(error, StrategyError | str) else f"{type(error).__name__}: {error}"
        if isinstance(error, Exception):
            log.warning("the strategy of %s failed", key, exc_info=error)
        self.errors[key] = why
        step.failures[i] = why
        self.unsaid.append((key, bar_end, why))

    def warmup(self, key: Key) -> int:
        """Bars of `key` before the longest warm-up of its strategies is over."""
        return max(
            warmup_of(strategy)
            for slot, strategy in zip(self.setup.slots, self.strategies, strict=True)
            if (self.machine.symbol_index[slot.symbol], slot.timeframe_ms) == key
        )

    def cuts(self) -> dict[str, int]:
        """First bars by file for a "cut" event: where strategies see more than twice what they need, what they need is left."""
        found = {}
        for key in self.keys:
            kept, seen = max(LEAST_KEPT, WARMUPS_KEPT * self.warmup(key)), self.book.bars(key).size
            if seen > 2 * kept:
                name = self.book.file_name(key)
                found[name] = self.book.firsts().get(name, 0) + seen - kept
        return found

    def _command(self, ts: int, kind: str, args: Mapping[str, Any], row_id: int, step: Step) -> None:
        try:
            if kind in steering.KINDS and "wrong" not in args:
                self._steer(kind, ts, args, step)
                step.acks.append((row_id, True, f"done at {iso(ts)}"))
                return
            if kind == "slot_on":
                for i in slots_named(self.setup.slots, str(args.get("slot", ""))):
                    self.errors.pop(self.setup.slots[i].key, None)
            elif kind == "slot_state" and args.get("state") == "failed":
                self.errors.setdefault(str(args["slot"]), str(args.get("why", "")))
                self.unsaid = [one for one in self.unsaid if one[0] != args["slot"]]
            self._switch(kind, args)
            name, words = machine_words(kind, args, self.setup.account.quantum)
            self._report(self.machine.command(name, ts, **words), step)
        except ValueError as error:
            step.acks.append((row_id, False, str(error)))
            return
        step.acks.append((row_id, True, f"done at {iso(ts)}"))

    def _steer(self, kind: str, ts: int, args: Mapping[str, Any], step: Step) -> None:
        """Other shares or weights from here on, under the next version of their kind."""
        setup = steering.steered(self.setup, kind, args)
        if setup != self.setup:
            self.reconfigure(setup)
        if kind == "weights":
            steering.learn(self.known, args, ts)
        self.versions[kind] += 1
        step.steered.append(Steered(kind, self.versions[kind], ts, args))

    def _forget(self) -> None:
        """What was known before the first bar that a strategy sees: its newest row is enough."""
        firsts = [int(bars["ts"][0]) for key in self.keys if (bars := self.book.bars(key)).size]
        first = min(firsts, default=0)
        for source, told in self.known.items():
            self.known[source] = told[max(sum((row[0] or 0) < first for row in told) - 1, 0) :]

    def _switch(self, kind: str, args: Mapping[str, Any]) -> None:
        """Remember which slots a person has switched off."""
        if kind in ("slot_on", "slot_off"):
            keys = {self.setup.slots[i].key for i in slots_named(self.setup.slots, str(args.get("slot", "")))}
            self.put_out = self.put_out - keys if kind == "slot_on" else self.put_out | keys

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
            "put_out": sorted(self.put_out),
            "said": {slot.key: self.said[slot.key] for slot in self.setup.slots if slot.key in self.said},
            "blocked_until": self._blocked(),
            "resamplers": {str(tf): resampler.state() for tf, resampler in self.resamplers.items()},
            "bars": self.book.counts(),
            "first_bars": self.book.firsts(),
            "setup": self._setup_told(),
            "known": self.known,
            "versions": self.versions,
            "advised": {key: one.state() for key, one in self.advised.items() if one is not None},
        }

    def _setup_told(self) -> dict[str, Any]:
        """The setup as plain values, made once for each: every commit writes it. Nobody changes what is handed out."""
        if self._told is None:
            self._told = self.setup.to_json()
        return self._told

    def _blocked(self) -> dict[str, int]:
        """Slots in their cool-down: until when, exchange ms."""
        until = self.machine.slots["blocked_until"].tolist()
        return {slot.key: ts for slot, ts in zip(self.setup.slots, until, strict=True) if ts > self.now}

    def restore(self, state: bytes, layout: dict[str, object], extra: Mapping[str, Any]) -> None:
        """Take a snapshot back. The setup may have changed: what has the same name keeps its state."""
        self.machine.restore(state, layout)
        for name in ("now", "last_bar", "in_gap", "gap_end", "gap_cause", "signals"):
            setattr(self, name, extra[name])
        self.errors = dict(extra["errors"])
        self.put_out = set(extra.get("put_out", ()))
        self.said = dict(extra.get("said", {}))
        self.known = {source: [list(row) for row in told] for source, told in extra.get("known", {}).items()}
        self.versions |= extra.get("versions", {})
        for key, asked in extra.get("advised", {}).items():
            if (advised := self.advised.get(key)) is not None:
                advised.restore(asked)
        for timeframe, stored in extra["resamplers"].items():
            if int(timeframe) in self.resamplers:
                self.resamplers[int(timeframe)].restore(stored)


_NO_DECISION_ROWS = np.zeros(0, DECISION)


def frame_rows(bars: list[list[Any]]) -> Rows:
    """The bars of a frame event as EXEC_BAR[k]."""
    return np.array([tuple(bar) for bar in bars], EXEC_BAR)
