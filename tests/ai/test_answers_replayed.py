"""Answers are events of the tape: whatever they make of the rule, a replay of the tape makes the same of it, to the last bit."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.core.setup import Advice, Setup
from engine.ledger.names import SignalFacts
from engine.research.replay import replay_tape
from tests.runtime.desk_session import STEP_MS, Life, frames, setup_of, slot

ASKER = '''
"""In on the third minute of every ten, out on the eighth; a model is asked, and one may be read."""
import numpy as np
from engine.strategies.base import Ask, Bars, Signals, Strategy, StrategyParams


class {name}(Strategy):
    """Holds five minutes of ten."""

    asks = Ask("trend", {words})

    class Params(StrategyParams):
        """None."""

    def warmup(self) -> int:
        return 1

    def signals(self, bars: Bars) -> Signals:
        minute = bars.ts // 60_000 % 10
        entry, leave = (minute == 2).astype(np.int8), minute == 7
        if {own}:
            up, down = bars.answers.direction > 0, bars.answers.direction < 0
            entry = np.where(up, 1, entry).astype(np.int8)
            leave = leave | (down & ~up)
        return Signals(entry, leave, stop=0.002 * np.asarray(bars.close), plot={{"minute": minute.astype(float)}})
'''
KINDS = {
    "at_entry": 'when="entry", life=1',
    "each_bar": 'when="bar", every=3, life=3, indicators=("minute",)',
    "own_way": 'when="bar", every=2, life=2, own=True',
}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "my" / "strategies"
    folder.mkdir(parents=True)
    for name, words in KINDS.items():
        title = name.title().replace("_", "")
        (folder / f"{name}.py").write_text(ASKER.format(name=title, words=words, own=name == "own_way"))
    monkeypatch.setenv("EVENKEEL_HOME", str(folder.parent))
    return folder.parent


def advised(mode: str, *names: str) -> Setup:
    made = setup_of(*(slot(name) for name in names), params=tuple({} for _ in names))
    return replace(made, advice=tuple(Advice(mode, 0.5) for _ in names))


class Answering:
    """Lives a market and answers what is asked, some seconds later: long, short, nothing, unsure or too late, by the dice."""

    def __init__(self, life: Life, seed: int) -> None:
        self.life, self.dice, self.due = life, np.random.default_rng(seed), dict[int, list[list[Any]]]()
        self.facts: dict[int, SignalFacts] = {}
        self.asked = 0

    def go(self, market: Any) -> None:
        for ts, rows in market:
            desk = self.life.desk
            for at in [one for one in self.due if one <= ts]:
                for words in self.due.pop(at):
                    desk.event(desk.trader.now, ["answer", desk.trader.now, *words])
            desk.event(ts, ["frame", ts, rows, ts + 1000])
            for ask in desk.step.asks:
                self._answer(ask)
            self.asked += len(desk.step.asks)
            desk.step.asks = []
            self.facts |= desk.step.facts
            desk.step.facts = {}
        self.life.lived += self.life.desk.step.reports
        self.life.desk.step.reports = []

    def _answer(self, ask: dict[str, Any]) -> None:
        delay = int(self.dice.integers(0, 9)) * STEP_MS  # some after the next bar, some after their life
        direction = self.dice.choice([1, 1, -1, 0, None])
        confidence = float(self.dice.choice([0.9, 0.7, 0.2]))
        words = [ask["context"]["key"], ask["about_ts"], direction, confidence, 4, self.asked, "m", "p"]
        self.due.setdefault(ask["about_ts"] + delay, []).append(words)


@pytest.mark.parametrize("mode", ["shadow", "veto", "scale", "trade"])
def test_lived_with_answers_is_replayed(tmp_path: Path, mode: str) -> None:
    """Over a death and a recovery too; the signals are the same with all that is stored of them."""
    life = Life.begin(tmp_path, advised(mode, *KINDS))
    market = list(frames(11, 600, 1))
    lived = Answering(life, seed=3)
    lived.go(market[:350])
    life.die_and_recover()
    lived.go(market[350:])
    counts = life.same_as_replayed()
    replayed: dict[int, SignalFacts] = {}
    for _, _, facts in replay_tape(life.folder).parts:
        replayed |= facts
    assert lived.asked > 40
    assert counts["trades"] > 12
    assert replayed.keys() == lived.facts.keys()
    for number, mine in lived.facts.items():
        theirs = replayed[number]
        assert repr(mine.decision.item()) == repr(theirs.decision.item())
        assert (mine.tag, mine.source, mine.model, mine.unsent) == (
            theirs.tag,
            theirs.source,
            theirs.model,
            theirs.unsent,
        )
    sources = {one.source for one in lived.facts.values()}
    assert sources == {"rule", "ai"}
    unsent = {one.unsent.reason for one in lived.facts.values() if one.unsent}
    assert unsent == ({"ai_view"} if mode == "shadow" else {"ai_view", "ai_veto"})


def test_a_shadow_changes_nothing(tmp_path: Path) -> None:
    """The same market with and without a model at the slots' side: the same orders, fills and trades."""
    market = list(frames(5, 500, 1))
    shadowed = Life.begin(tmp_path / "a", advised("shadow", *KINDS))
    Answering(shadowed, seed=1).go(market)
    alone = Life.begin(tmp_path / "b", replace(advised("off", *KINDS), advice=()))
    alone.go(iter(market))
    for name in ("orders", "fills", "trades", "equity"):
        with_model = [getattr(part, name) for part in shadowed.lived if getattr(part, name).size]
        without = [getattr(part, name) for part in alone.lived if getattr(part, name).size]
        drop = [field for field in with_model[0].dtype.names or () if field != "signal"]
        assert [part[drop].tolist() for part in with_model] == [part[drop].tolist() for part in without], name


def _said(mode: str, answers: list[tuple[int, Any]], tmp_path: Path) -> list[tuple[str, int, int, str]]:
    """(source, entry, exit, reason) of the first ten minutes' signals, where the bar of minute 2 was answered so."""
    life = Life.begin(tmp_path, advised(mode, "at_entry"))
    facts: dict[int, SignalFacts] = {}
    for ts, rows in frames(7, 60, 1):
        desk = life.desk
        desk.event(ts, ["frame", ts, rows, ts + 1000])
        for ask in desk.step.asks:
            for delay, words in answers:
                now = ask["about_ts"] + delay
                desk.event(now, ["answer", now, ask["context"]["key"], ask["about_ts"], *words, 1, "m", "p"])
        desk.step.asks = []
        facts |= desk.step.facts
    found = [facts[number] for number in sorted(facts)]
    return [
        (one.source, int(one.decision["entry"]), int(one.decision["exit"]), one.unsent.reason if one.unsent else "sent")
        for one in found[:6]
    ]


LEAVE = ("rule", 0, 1, "sent")


def test_an_entry_waits_for_its_answer_and_falls_back_to_the_rule(tmp_path: Path) -> None:
    yes, no, failed = [1, 0.9, 4], [-1, 0.9, 4], [None, 0.0, 0]
    unsure = [-1, 0.3, 4]
    enter = ("rule", 1, 0, "sent")
    view, against = ("ai", 1, 0, "ai_view"), ("ai", -1, 0, "ai_view")
    cases: list[tuple[list[Any], list[tuple[str, int, int, str]]]] = [
        ([(0, yes)], [view, enter, LEAVE]),
        ([(0, no)], [against, ("rule", 1, 0, "ai_veto"), LEAVE]),
        ([(0, failed)], [enter, LEAVE]),
        ([(0, unsure)], [against, enter, LEAVE]),
        ([(70_000, no)], [enter, LEAVE]),
        ([(0, failed), (0, no)], [enter, against, ("rule", 1, 0, "ai_veto"), LEAVE]),
        ([], [LEAVE]),
    ]
    for number, (answers, wanted) in enumerate(cases):
        said = _said("veto", answers, tmp_path / str(number))
        assert said[: len(wanted)] == wanted, answers


def test_a_model_alone_opens_and_leaves_with_the_rules_stop(tmp_path: Path) -> None:
    life = Life.begin(tmp_path, advised("trade", "each_bar"))
    facts: dict[int, SignalFacts] = {}
    views = iter([1, 0] * 40)
    for ts, rows in frames(9, 90, 1):
        desk = life.desk
        desk.event(ts, ["frame", ts, rows, ts + 1000])
        for ask in desk.step.asks:
            words = [ask["context"]["key"], ask["about_ts"], next(views), 0.8, 4, 1, "m", "p"]
            desk.event(desk.trader.now, ["answer", desk.trader.now, *words])
        desk.step.asks = []
        facts |= desk.step.facts
    alone = [one.decision for one in facts.values() if one.source == "ai" and one.unsent is None]
    entries = [row for row in alone if row["entry"]]
    assert len(entries) >= 3
    assert all(row["entry"] == 1 and row["stop"] > 0 for row in entries)
    assert any(row["exit"] for row in alone)


def test_scale_makes_an_entry_smaller_and_never_larger(tmp_path: Path) -> None:
    quantities = {}
    for mode, confidence in (("veto", 0.6), ("scale", 1.0), ("scale", 0.6)):
        life = Life.begin(tmp_path / f"{mode}{confidence}", advised(mode, "at_entry"))
        for ts, rows in frames(7, 40, 1):
            desk = life.desk
            desk.event(ts, ["frame", ts, rows, ts + 1000])
            for ask in desk.step.asks:
                words = [ask["context"]["key"], ask["about_ts"], 1, confidence, 4, 1, "m", "p"]
                desk.event(desk.trader.now, ["answer", desk.trader.now, *words])
            desk.step.asks = []
        orders = [row for part in life.desk.step.reports for row in part.orders]
        quantities[mode, confidence] = int(orders[0]["qty"])
    assert quantities["veto", 0.6] == quantities["scale", 1.0]
    assert quantities["scale", 0.6] == int(quantities["scale", 1.0] * 0.6)


def test_answers_stand_beside_the_bars_from_their_arrival_on() -> None:
    from engine.strategies._ask import ANSWER, Answers

    ends = np.arange(1, 11) * 60_000
    rows = np.zeros(3, ANSWER)
    rows[0] = (120_000, 130_000, 1, 0.8, 4, 1, 0)
    rows[1] = (300_000, 430_000, -1, 0.6, 4, 2, 0)  # arrived after its life of two bars
    rows[2] = (480_000, 545_000, 0, 0.7, 4, 3, 0)
    found = Answers.beside(ends, 60_000, rows, life=2)
    known = {int(end): float(way) for end, way in zip(ends, found.direction, strict=True) if np.isfinite(way)}
    assert known == {120_000: 1, 180_000: 1, 540_000: 0}
    assert all(later > earlier for earlier, later in pairwise(ends.tolist()))
