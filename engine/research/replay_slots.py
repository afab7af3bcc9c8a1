"""What each slot said in a replay: whole arrays of bars, its strategy asked once for each stretch, a model's answers where they
arrived. No machine here."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from engine.core.setup import Setup
from engine.core.types import DECISION, NEVER, TF_BAR, Rows
from engine.ledger.advised import Advised, Utterance, advised_slot, given_of
from engine.ledger.rows import SignalFacts
from engine.market.barbook import BarBook
from engine.research.replay_read import Close, Reading, Segment
from engine.strategies import catalog
from engine.strategies._advice import Given
from engine.strategies.base import Bars, Signals
from engine.strategies.decisions import decisions_of

_NEVER = int(NEVER)


@dataclass(frozen=True)
class _Said:
    """What a strategy said on one stretch of bars, by bar end."""

    bars: Bars
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


class Slot:
    """One slot's decisions by bar end: its strategy asked once for each stretch of bars that it was asked on."""

    def __init__(
        self, setup: Setup, i: int, bars: dict[str, Rows], reading: Reading, model: dict[str, Any] | None = None
    ) -> None:
        self.setup, self.i, self.spec = setup, i, setup.slots[i]
        self.name = BarBook.name_of(self.spec.symbol, self.spec.timeframe_ms)
        self.rows = bars.get(self.name, np.zeros(0, TF_BAR))
        self.failed = [(start, end) for key, start, end in reading.failed if key == self.spec.key]
        self.known = reading.known.get(self.spec.strategy, [])
        self.said: dict[tuple[int, int], _Said] = {}
        self.instrument = next(x for x in setup.instruments if x.symbol == self.spec.symbol)
        self.advised = self._model(model)

    def _model(self, state: dict[str, Any] | None) -> Advised | None:
        strategy = catalog.make(self.spec.strategy, dict(self.setup.params[self.i]))
        made = advised_slot(self.i, strategy, self.spec.timeframe_ms, self.instrument, self.setup.advice_of(self.i))
        if made is not None and state is not None:
            made.restore(state)
        return made

    def decisions(self, close: Close) -> list[Utterance]:
        """What is said on a bar's close, in order."""
        if not close.decides or self._has_failed(close.end):
            return []
        if self.advised is not None:
            bars, signals, bar = self._seen(close.first, close.end)
            return self.advised.closed(bars, signals, bar, not close.missed)[1]
        found = self._stretch(close.first, close.end).decision(close.end)
        return [Utterance(*found)] if found is not None else []

    def answered(self, given: Given, end: int, first: int) -> list[Utterance]:
        """What is said as a model's answer arrives while the bar that ends at `end` is the newest."""
        if self.advised is None or self._has_failed(given.arrived):
            return []
        self.advised.keep(given)
        bars, signals, bar = self._seen(first, end)
        return self.advised.arrived(bars, signals, bar, given)

    def _has_failed(self, ts: int) -> bool:
        return any(start <= ts < end for start, end in self.failed)

    def _seen(self, first: int, end: int) -> tuple[Bars, Signals, int]:
        """(bars, signals, number of the bar that ends at `end`); a strategy that reads answers sees no more than there was."""
        assert self.advised is not None
        said = self._stretch(first, end)
        bar = said.bar_at[end]
        if not (self.advised.own and self.advised.shows):
            return said.bars, said.signals, bar
        bars = said.bars.head(bar + 1)
        bars = replace(bars, given=self.advised.beside(bars.end))
        strategy = catalog.make(self.spec.strategy, dict(self.setup.params[self.i]))
        return bars, strategy.signals(bars), bar

    def _stretch(self, first: int, end: int) -> _Said:
        before = min((start for start, _ in self.failed if start > end), default=_NEVER)
        if (first, before) not in self.said:
            self.said[first, before] = self._ask(first, before)
        return self.said[first, before]

    def _ask(self, first: int, before: int) -> _Said:
        """The strategy on the bars from number `first` on that end before `before`, where it failed."""
        slot, rows = self.spec, self.rows[first:]
        rows = rows[rows["ts"] + slot.timeframe_ms < before]
        instrument = self.instrument
        view = replace(Bars.from_ticks(instrument, slot.timeframe_ms, rows), known=self.known)
        signals = catalog.make(slot.strategy, dict(self.setup.params[self.i])).signals(view)
        found = decisions_of(self.i, view, signals, instrument)
        ends = (rows["ts"] + slot.timeframe_ms).tolist()
        return _Said(
            view,
            signals,
            found,
            {end: n for n, end in enumerate(found["decided_at"].tolist())},
            {end: n for n, end in enumerate(ends)},
        )


def decisions(slots: list[Slot], segment: Segment, signals: int) -> tuple[Rows, dict[int, SignalFacts]]:
    """The segment's decisions in order of (bar end, slot), numbered on from `signals`; facts of those too that no machine saw."""
    closes = sorted(
        ((close.end, i, close) for i, slot in enumerate(slots) for close in segment.closes.get(slot.name, ())),
        key=lambda item: item[:2],
    )
    rows: list[Rows] = []
    facts: dict[int, SignalFacts] = {}
    for _, i, close in closes:
        for one in slots[i].decisions(close):
            _number(one, signals + len(facts) + 1, close.known_at, int(close.missed), rows, facts)
    return (np.concatenate(rows) if rows else np.zeros(0, DECISION)), facts


def answered(slots: list[Slot], segment: Segment, signals: int) -> tuple[Rows, dict[int, SignalFacts]]:
    """What came of the answer that ended the segment."""
    assert segment.answer is not None
    ts, words, counts = segment.answer
    key, given = given_of(words, ts)
    rows: list[Rows] = []
    facts: dict[int, SignalFacts] = {}
    for slot in slots:
        count = counts.get(slot.name, 0)
        if slot.spec.key == key and count:
            end = int(slot.rows["ts"][count - 1]) + slot.spec.timeframe_ms
            for one in slot.answered(given, end, segment.firsts.get(slot.name, 0)):
                known_at = ts + segment.setup.latency_ms
                _number(one, signals + len(facts) + 1, known_at, 0, rows, facts)
    return (np.concatenate(rows) if rows else np.zeros(0, DECISION)), facts


def _number(
    one: Utterance, number: int, known_at: int, missed: int, rows: list[Rows], facts: dict[int, SignalFacts]
) -> None:
    """Give an utterance its number and, if the machine is to see it, its times; as the trader does."""
    row = one.row.copy()
    row["signal_id"] = number
    if one.facts.unsent is None:
        row["known_at"], row["missed"] = known_at, missed
        rows.append(row)
    facts[number] = replace(one.facts, decision=row[0].copy())
