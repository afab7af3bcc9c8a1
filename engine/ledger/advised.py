"""A slot with a model at its side, as decision rows with their facts: the same for the living engine, a replay and a backtest.

What an answer makes of a rule is engine.strategies._advice's; here it becomes rows of the machine, and signals that it never saw.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from engine.core.setup import Advice
from engine.core.types import Instrument, Rows
from engine.ledger.names import SignalFacts, Unsent
from engine.strategies._advice import Adviser, Given
from engine.strategies._ask import ANSWER, Answers, asks_of
from engine.strategies.base import Bars, Signals
from engine.strategies.decisions import decision_at

VIEW, VETO = "ai_view", "ai_veto"
"""Reasons of signals that never reach the machine: a model's answer that is followed up, a rule's entry that a model stopped."""


@dataclass
class Utterance:
    """A row of the machine, DECISION[1], and what is stored of it; one with `facts.unsent` never reaches the machine."""

    row: Rows
    facts: SignalFacts


@dataclass
class Advised:
    """One slot and its model: the adviser's state, and every answer for a strategy that reads `bars.answers` itself."""

    slot: int
    adviser: Adviser
    instrument: Instrument
    answers: list[Given] = field(default_factory=list)

    @property
    def own(self) -> bool:
        """The strategy makes something of the answers itself."""
        return self.adviser.ask.own

    @property
    def shows(self) -> bool:
        """`bars.answers` holds what was answered."""
        return self.adviser.mode == "trade"

    def beside(self, ends: Any) -> Answers | None:
        """What `bars.answers` is on bars that end at int64[n]; None where it is nothing."""
        if not self.shows or not self.answers:
            return None
        rows = np.zeros(len(self.answers), ANSWER)
        for at, one in enumerate(self.answers):
            rows[at] = (one.about, one.arrived, one.direction, one.confidence, one.horizon, one.call, 0)
        return Answers.beside(ends, self.adviser.timeframe_ms, rows, self.adviser.ask.life)

    def closed(self, bars: Bars, signals: Signals, bar: int, may_ask: bool) -> tuple[bool, list[Utterance]]:
        """Bar number `bar` has closed: whether the model is to be asked, and what is said."""
        end = int(bars.ts[bar]) + bars.timeframe_ms
        said = _code(signals, bar)
        before = _code(signals, bar - 1) if bar else (0, 0)
        former = int(bars.ts[bar - 1]) + bars.timeframe_ms if bar else 0
        wants = self.adviser.close(end, *said, before, former, may_ask)
        return wants, self._act(bars, signals, bar, None)

    def arrived(self, bars: Bars, signals: Signals, bar: int, given: Given) -> list[Utterance]:
        """An answer has arrived while `bar` was the newest; for a strategy of its own, `signals` know of it."""
        counts = self.adviser.arrive(given)
        if self.own:
            self.adviser.entry, self.adviser.exit = _code(signals, bar)
        view = counts and given.direction != 0
        acts = self._act(bars, signals, bar, given)
        if not view or any(one.facts.source == "ai" and one.row["entry"][0] for one in acts):
            return acts
        return [self._view(bars, signals, bar, given), *acts]

    def keep(self, given: Given) -> None:
        """Remember an answer for `bars.answers`."""
        if self.own:
            self.answers.append(given)

    def _act(self, bars: Bars, signals: Signals, bar: int, given: Given | None) -> list[Utterance]:
        adviser = self.adviser
        if adviser.mode == "shadow" or self.own:
            return self._as_the_rule_says(bars, signals, bar, given)
        verdict = adviser.verdict()
        found = []
        if verdict.vetoed:
            found.append(self._unsent(bars, signals, bar, (verdict.vetoed, 0), VETO, adviser.newest))
        if verdict.said:
            row = decision_at(self.slot, bars, signals, self.instrument, bar, (verdict.entry, verdict.exit))
            row["scale"] = verdict.scale if verdict.scale < 1.0 else 0.0
            model = adviser.newest if verdict.by_model else None
            if model is not None:
                row["strength"] = model.confidence
            found.append(self._said(row, signals, bar, given, model))
        return found

    def _as_the_rule_says(self, bars: Bars, signals: Signals, bar: int, given: Given | None) -> list[Utterance]:
        adviser = self.adviser
        if given is not None and not self.own:
            return []
        said = (adviser.entry, adviser.exit)
        code, rule_before = 2 * said[0] + said[1], _code(signals, bar - 1) if bar else (0, 0)
        spoken = adviser.now if given is not None else 0
        adviser.now = code
        if code in (0, 2 * rule_before[0] + rule_before[1], spoken):
            return []
        row = decision_at(self.slot, bars, signals, self.instrument, bar, said)
        return [self._said(row, signals, bar, given, given)]

    def _said(self, row: Rows, signals: Signals, bar: int, given: Given | None, model: Given | None) -> Utterance:
        if given is not None:
            row["decided_at"] = given.arrived
        tags, code = signals.tags, int(row["tag"][0])
        tag = str(tags[code]) if 0 <= code < len(tags) else ""
        checks = {str(name): bool(values[bar]) for name, values in signals.checks.items()}
        return Utterance(row, _by(model, SignalFacts(row[0], tag, checks)))

    def _view(self, bars: Bars, signals: Signals, bar: int, given: Given) -> Utterance:
        found = self._unsent(bars, signals, bar, (int(given.direction), 0), VIEW, given)
        found.row["strength"] = given.confidence
        return found

    def _unsent(
        self, bars: Bars, signals: Signals, bar: int, said: tuple[int, int], reason: str, given: Given | None
    ) -> Utterance:
        """A signal that is kept and followed up, and does nothing."""
        row = decision_at(self.slot, bars, signals, self.instrument, bar, said)
        end = int(bars.ts[bar]) + bars.timeframe_ms
        row["decided_at"] = max(given.arrived, end) if given is not None else end
        row["known_at"] = row["decided_at"]
        mark = int(self.instrument.to_ticks(np.asarray(bars.close)[bar : bar + 1])[0])
        status = "refused" if reason == VETO else "ignored"
        facts = SignalFacts(row[0], "", {}, unsent=Unsent(status, reason, mark))
        return Utterance(row, _by(given if reason == VIEW else None, facts))

    # ---- state -----------------------------------------------------------------------------------------------------------
    def state(self) -> dict[str, Any]:
        return {"adviser": self.adviser.state(), "answers": [one.to_json() for one in self.answers]}

    def restore(self, state: Mapping[str, Any]) -> None:
        self.adviser.restore(state["adviser"])
        self.answers = [Given.from_json(one) for one in state["answers"]]


def advised_slot(
    slot: int, strategy: Any, timeframe_ms: int, instrument: Instrument, advice: Advice, former: Advised | None = None
) -> Advised | None:
    """The slot with a model at its side; None where its strategy asks nothing or nobody is to be asked. `former` is what the same
    slot was before its settings changed."""
    ask = asks_of(strategy)
    if ask is None or advice.mode == "off":
        return None
    mode = "shadow" if ask.own and advice.mode != "trade" else advice.mode
    made = Advised(slot, Adviser(ask, mode, advice.least, timeframe_ms), instrument)
    if former is not None:
        made.restore(former.state())
    return made


def _by(model: Given | None, facts: SignalFacts) -> SignalFacts:
    return replace(facts, source="ai", model=model.model, prompt=model.prompt) if model else facts


def _code(signals: Signals, bar: int) -> tuple[int, int]:
    return int(np.asarray(signals.entry)[bar]), int(np.asarray(signals.exit)[bar])


def given_of(words: Sequence[Any], arrived: int) -> tuple[str, Given]:
    """(slot key, answer) of the words of an "answer" event: key, bar end asked at, direction or null, confidence, horizon, call,
    model, prompt version."""
    key, about, direction, confidence, horizon, call, model, prompt = words
    value = float("nan") if direction is None else float(direction)
    return str(key), Given(
        int(about), arrived, value, float(confidence), int(horizon), int(call), str(model), str(prompt)
    )
