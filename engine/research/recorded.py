"""What models have answered before, replayed in a backtest at no cost: nothing is asked here.

A recorded answer is valid only for the question it was given to; what the model may have known of the time it was asked about is
told with the result.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.core.setup import Advice
from engine.core.types import Instrument
from engine.ledger.advised import Advised, Utterance, advised_slot
from engine.market.candles import iso
from engine.strategies._advice import Given
from engine.strategies.base import Bars, Signals, Strategy

if TYPE_CHECKING:
    from sqlalchemy import Engine

ANSWERS = """SELECT c.id, c.about_ts, c.arrived_ts, c.latency_ms, c.direction, c.confidence, c.horizon, c.model, c.prompt_hash,
    c.cost, c.slot_id, s.key FROM ai_call AS c LEFT JOIN slot AS s ON s.id = c.slot_id
    WHERE c.strategy = :strategy AND c.symbol = :symbol AND c.timeframe_ms = :timeframe AND c.state = 'done'
    AND c.outcome IN ('answered', 'abstained') AND c.about_ts BETWEEN :first AND :last ORDER BY c.about_ts, c.id"""


@dataclass(frozen=True)
class Recorded:
    """Answers in order of arrival, how far they are listened to, and what is to be known of them: `cutoff` is the day up to which
    the model knows the world, empty where nobody has said it."""

    advice: Advice
    answers: tuple[Given, ...]
    model: str
    cost: float
    cutoff: str = ""

    def warning(self, start: int) -> str:
        """A sentence where a test from `start` (ms UTC) on may only show what the model remembers; empty where it cannot."""
        if not self.answers:
            return ""
        if not self.cutoff:
            return f"nobody has said up to when {self.model} knows the world ([ai] cutoff): it may remember what it is tested on"
        end = int(datetime.combine(date.fromisoformat(self.cutoff), datetime.min.time(), UTC).timestamp() * 1000)
        if min(start, self.answers[0].about) <= end:
            return (
                f"the test begins {iso(start)[:10]}, {self.model} knows the world up to {self.cutoff}: before that it may "
                "remember what it is tested on"
            )
        return ""

    def told(self, start: int) -> dict[str, Any]:
        """What a result says of it."""
        return {
            "mode": self.advice.mode,
            "model": self.model,
            "prompts": sorted({one.prompt for one in self.answers}),
            "answers": len(self.answers),
            "recorded_cost": self.cost,
            "cutoff": self.cutoff,
            "warning": self.warning(start),
        }


def recorded(
    engine: Engine, strategy: str, symbol: str, timeframe_ms: int, advice: Advice, model: str = "", cutoff: str = "",
    key: str = "",
) -> Recorded:  # fmt: skip
    """What was answered for a strategy on a symbol's bars, by `model` or else by the one with most answers; of several answers
    about one bar the newest counts. Where the slot of this `key` was asked itself, what others of its strategy were asked there
    is left out; answers about past bars were given to no slot and count for all."""
    from sqlalchemy import text  # a backtest without a model does not wait for it

    who = {"strategy": strategy, "symbol": symbol, "timeframe": timeframe_ms, "first": 0, "last": 2**62}
    with engine.connect() as connection:
        rows = list(connection.execute(text(ANSWERS), who).mappings())
    if any(row["key"] == key for row in rows if key):
        rows = [row for row in rows if row["key"] == key or row["slot_id"] is None]
    counted = Counter(str(row["model"]) for row in rows)
    model = model or (counted.most_common(1)[0][0] if counted else "")
    newest = {int(row["about_ts"]): row for row in rows if row["model"] == model}
    answers = sorted((_given(row) for row in newest.values()), key=lambda one: (one.arrived, one.about))
    return Recorded(advice, tuple(answers), model, sum(float(row["cost"]) for row in newest.values()), cutoff)


def _given(row: Any) -> Given:
    about = int(row["about_ts"])
    arrived = row["arrived_ts"] if row["arrived_ts"] is not None else about + int(row["latency_ms"] or 0)
    direction = float("nan") if row["direction"] is None else float(row["direction"])
    return Given(
        about, max(int(arrived), about), direction, float(row["confidence"] or 0.0), int(row["horizon"] or 0),
        int(row["id"]), str(row["model"]), str(row["prompt_hash"]),
    )  # fmt: skip


def utterances(
    slot: int, strategy: Strategy, bars: Bars, signals: Signals, instrument: Instrument, given: Recorded
) -> list[Utterance]:
    """What a slot says with these answers, in order of time, as it would have in life."""
    advised = advised_slot(slot, strategy, bars.timeframe_ms, instrument, given.advice)
    if advised is None:
        return []
    ends = (bars.ts + bars.timeframe_ms).tolist()
    asked = {one.about for one in given.answers}
    waiting = list(reversed(given.answers))
    said: list[Utterance] = []
    for bar, end in enumerate(ends):
        said += _arrivals(advised, bars, signals, bar - 1, waiting, end)
        said += advised.closed(bars, signals, bar, end in asked)[1]
    return said


def _arrivals(
    advised: Advised, bars: Bars, signals: Signals, bar: int, waiting: list[Given], before: int
) -> Sequence[Utterance]:
    said: list[Utterance] = []
    while waiting and waiting[-1].arrived < before:
        one = waiting.pop()
        if bar >= 0:
            advised.keep(one)
            said += [_at_close(found, bars, bar) for found in advised.arrived(bars, signals, bar, one)]
    return said


def _at_close(one: Utterance, bars: Bars, bar: int) -> Utterance:
    """Decided at the bar's end, as everything on candles: the seconds that an answer took are less than what a candle tells."""
    if one.facts.unsent is None:
        one.row["decided_at"] = int(bars.ts[bar]) + bars.timeframe_ms
    return one


def with_answers(strategy: Strategy, bars: Bars, given: Recorded) -> Bars:
    """The bars with `bars.answers` as the strategy would have seen them at last."""
    from dataclasses import replace

    from engine.strategies._ask import ANSWER, Answers, asks_of

    ask = asks_of(strategy)
    if ask is None or given.advice.mode != "trade" or not given.answers:
        return bars
    rows = np.zeros(len(given.answers), ANSWER)
    for at, one in enumerate(given.answers):
        rows[at] = (one.about, one.arrived, one.direction, one.confidence, one.horizon, one.call, 0)
    return replace(bars, given=Answers.beside(bars.end, bars.timeframe_ms, rows, ask.life))
