"""A backtest's strategies know their own record as it could be known at each bar: never more, and the same on every path."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.analytics.learning import Rules
from engine.cli.period import Period
from engine.cli.portfolio import study_of
from engine.core.setup import Setup
from engine.core.types import DECISION
from engine.market.candles import Candles
from engine.market.store import Store
from engine.research import own_record, slot_view, walk_forward_span, whatif
from engine.research.backtest import run_backtest
from engine.research.lab import run_study
from engine.research.own_record import Lessons, Teller
from engine.research.play import Played, play, signals_of, ticks_of
from engine.research.study import Source, Study
from engine.research.sweep_ground import Ground
from engine.research.sweep_sets import Sets, Tallies
from engine.strategies import catalog
from engine.strategies.base import Bars, StrategyError
from engine.strategies.decisions import decisions_of
from tests.research.conftest import MINUTE, spec, walk

HOUR = 3_600_000
OFTEN = Lessons(dwell_days=2, rules=Rules(prior=10.0))
HEAD = '''"""Reads its own record."""
import numpy as np
from engine.strategies.base import Bars, Signals, Strategy, StrategyParams


class Learner(Strategy):
    """Long above the close of some bars ago, as far as its record allows."""

    class Params(StrategyParams):
        back: int = 3

    def warmup(self) -> int:
        return self.params.back

    def signals(self, bars: Bars) -> Signals:
        close, back = np.asarray(bars.close), self.params.back
        rising = close > np.concatenate((close[:back], close[:-back]))
        record = bars.record
'''
BODIES = {
    "learner": "        return Signals.long_while(rising ^ (record.weight < 0.98), strength=record.weight / 9)\n",
    "liar": "        return Signals.long_while(rising & (record.resolved[-1] == 0))\n",
}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("my") / "strategies"
    folder.mkdir()
    for name, body in BODIES.items():
        (folder / f"{name}.py").write_text(HEAD + body)
    return folder.parent


@pytest.fixture(autouse=True)
def _at_home(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVENKEEL_HOME", str(home))


def setup(name: str = "learner", symbols: Sequence[str] = ("BTC/USD",), fee: str = "0") -> Setup:
    made = [spec(walk(10, symbol=symbol), name, fee, timeframe_ms=HOUR) for symbol in symbols]
    account = replace(made[0].account, max_positions=len(made), slippage_bps=0.0)
    slots = tuple(one.slot for one in made)
    return Setup(account, tuple(one.instrument for one in made), slots, ({"back": 3},) * len(made), (), 0, 0)


def played(setup: Setup, candles: dict[str, Candles], lessons: Lessons = OFTEN) -> Played:
    slots = [(slot, catalog.make(slot.strategy, own)) for slot, own in zip(setup.slots, setup.params, strict=True)]
    return play(setup.account, setup.instruments, slots, candles, lessons=lessons)


def hourly(candles: Candles) -> Candles:
    return replace(candles, ts=candles.ts[0] + np.arange(len(candles)) * HOUR, timeframe_ms=HOUR)


BOTH = {"BTC/USD": hourly(walk(2_450)), "ETH/USD": hourly(walk(2_450, seed=8, symbol="ETH/USD", price=2_000.0))}
PAIR = ("BTC/USD", "ETH/USD")


def told(found: Played) -> list[Any]:
    assert found.known is not None
    return found.known["learner"]


def test_a_record_changes_what_is_said_and_settles() -> None:
    """It is asked for, it moves, and it is another backtest than one that is told nothing."""
    one = played(setup(), {"BTC/USD": BOTH["BTC/USD"]})
    silent = played(setup(), {"BTC/USD": BOTH["BTC/USD"]}, replace(OFTEN, on=False))
    assert silent.known is None
    assert len(told(one)) > 20
    assert len({row[4] for row in told(one)}) > 5
    assert one.slots[0].decisions.size != silent.slots[0].decisions.size
    record = one.slots[0].bars.record
    assert record.resolved[0] == 0
    assert record.resolved.max() > 20
    assert record.resolved[-1] < record.resolved.max()  # at last in the day's regime, which is known by then


@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(200, 2_440))
def test_what_comes_later_changes_nothing(n: int) -> None:
    """Law: cut the future and everything up to the cut is the same to the bit: what was told, what was said."""
    whole = played(setup(symbols=PAIR), BOTH)
    cut = played(setup(symbols=PAIR), {name: one.between(None, int(one.ts[n])) for name, one in BOTH.items()})
    assert told(cut) == [row for row in told(whole) if row[0] < cut.end]
    for early, late in zip(cut.slots, whole.slots, strict=True):
        before = late.decisions[late.decisions["decided_at"] <= cut.end]
        assert early.decisions.size == before.size
        for name in ("entry", "exit", "decided_at", "strength"):
            np.testing.assert_array_equal(early.decisions[name], before[name])


def test_it_is_what_a_living_engine_would_have_known() -> None:
    """Oracle: look by look, each with the bars there were, what was known then, and outcomes followed on those bars alone."""
    made, now_and_then = setup(symbols=PAIR), replace(OFTEN, every_hours=72.0)
    whole = played(made, BOTH, now_and_then)
    known: dict[str, list[Any]] = {}
    by_day = own_record.regimes_in(BOTH)
    assert len(by_day) > 5
    for moment in now_and_then.moments(whole.start, whole.end).tolist():
        tellers, decided = [], []
        seen = own_record.regimes_in({name: one.between(None, moment) for name, one in BOTH.items()})
        assert seen.items() <= by_day.items() | {(moment // (24 * HOUR), seen.get(moment // (24 * HOUR)))}
        for i, (slot, grid) in enumerate(zip(made.slots, made.instruments, strict=True)):
            rows = ticks_of(BOTH[slot.symbol].between(None, moment), grid)
            bars = replace(Bars.from_ticks(grid, HOUR, rows), known=known.get("learner", ()))
            signals = signals_of(catalog.make("learner", {"back": 3}), bars)
            tellers.append(Teller(slot, grid, bars, rows))
            decided.append(own_record._followed(i, tellers[i], decisions_of(i, bars, signals, grid), 0.0))
        outcomes = own_record._outcomes(tellers, decided, seen)
        so_far = own_record._known(outcomes, now_and_then.moments(whole.start, moment + 1), now_and_then, seen)
        if so_far and so_far["learner"][-1][0] == moment:
            known.setdefault("learner", []).append(so_far["learner"][-1])
    assert known["learner"] == told(whole)


def test_an_outcome_counts_once_its_bar_is_over() -> None:
    """By hand: long from the open of minute 61 to a stop within minute 119, which is known at minute 120 and not before."""
    flat = np.full(200, 100.0)
    low = np.where(np.arange(200) == 119, 90.0, 100.0)
    candles = Candles(walk(200).ts, flat, flat, low, flat, np.ones(200), MINUTE, "BTC/USD")
    one = setup(fee="0")
    slot = replace(one.slots[0], timeframe_ms=MINUTE)
    rows = ticks_of(candles, one.instruments[0])
    bars = Bars.from_ticks(one.instruments[0], MINUTE, rows)
    decisions = np.zeros(1, DECISION)
    decisions["entry"], decisions["decided_at"] = 1, candles.ts[61]
    decided, known, result = own_record._followed(0, Teller(slot, one.instruments[0], bars, rows), decisions, 0.0)
    assert decided.tolist() == [candles.ts[61]]
    assert known.tolist() == [candles.ts[120]]
    assert result[0] == pytest.approx(-0.004)


def test_every_path_says_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Law: a backtest, a sweep's set, a walked span and another cost asked about in memory tell and trade alike."""
    one, candles = setup(), {"BTC/USD": BOTH["BTC/USD"]}
    other = replace(one, params=({"back": 5},))
    plain = [played(some, candles) for some in (one, other)]
    with Ground(Study(one, (Source("BTC/USD"),), lessons=OFTEN), candles) as ground:
        found, sets = Tallies(2, ground.days, 1000.0), Sets(ground)
        for k, some in enumerate((one, other)):
            sets.run(some, [catalog.make("learner", some.params[0])], found, k)
    assert found.tallies["trades"].tolist() == [some.reports.trades.size for some in plain]
    assert found.days[:, -1].tolist() == [float(some.machine.account["equity"][0]) for some in plain]
    monkeypatch.setattr(walk_forward_span, "LESSONS", OFTEN)
    walked = walk_forward_span.play_span(one, candles, plain[0].start, plain[0].end)
    assert walked.reports.trades["pnl"].tolist() == plain[0].reports.trades["pnl"].tolist()
    silent = played(one, candles, replace(OFTEN, on=False))
    assert silent.reports.trades["pnl"].tolist() != plain[0].reports.trades["pnl"].tolist()


def test_what_if_it_had_cost_more_is_told_of_that(tmp_path: Path) -> None:
    """A record is net of costs: with other costs in memory it is made anew, as a fresh backtest would."""
    store = Store(tmp_path)
    store.write("coinbase", "BTC/USD", "1h", BOTH["BTC/USD"].between(None, int(BOTH["BTC/USD"].ts[900])))
    study = Study(setup(), (Source("BTC/USD"),), lessons=OFTEN)
    dear = whatif.Changes(taker=0.0005, maker=0.0005)
    asked = whatif.Again(study, store).ask(dear)
    fresh = run_study(whatif.changed(study, dear), store)
    assert asked.played.known == fresh.played.known
    assert asked.played.known != run_study(study, store).played.known
    assert asked.played.reports.trades["pnl"].tolist() == fresh.played.reports.trades["pnl"].tolist()


def test_who_does_not_ask_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    cls = catalog.make("sma_cross").__class__
    before = cls.signals
    monkeypatch.setattr(cls, "signals", lambda self, bars: calls.append("asked") or before(self, bars))
    found = run_backtest(replace(spec(walk(500)), lessons=OFTEN))
    assert found.played.known is None
    assert found.played.told_of_record == {}
    assert calls == ["asked"]


def test_one_that_sees_the_end_of_its_record_is_refused() -> None:
    with pytest.raises(StrategyError, match="do not settle, so it sees what comes later"):
        played(setup("liar"), {"BTC/USD": hourly(walk(500))})


def test_a_configuration_tells_what_it_would_tell_its_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Off by default, and then a test under it knows nothing either; on, by its own words; sizes stay, and that is said."""
    monkeypatch.setenv("EVENKEEL_DATA", str(tmp_path))
    Store(tmp_path / "candles").write(
        "coinbase", "BTC/USD", "1h", BOTH["BTC/USD"].between(None, BOTH["BTC/USD"].ts[600])
    )
    slots = '[[slots]]\nstrategy = "learner"\nsymbols = ["BTC/USD"]\ntimeframe = "1h"\n'
    path, whole = tmp_path / "config.toml", Period(None, None, None, False, None)
    path.write_text(slots)
    off = study_of(path, whole, None, None)
    assert run_study(off, Store(tmp_path / "candles")).played.known is None
    path.write_text(f"[learning]\nenabled = true\nsizes = true\nevery_hours = 48\nprior = 7\nmost = 2.0\n{slots}")
    on = study_of(path, whole, None, None)
    assert on.lessons == Lessons(True, 48.0, 7, Rules(7.0, most=2.0))
    assert "not in a backtest" in capsys.readouterr().err
    assert told(run_study(on, Store(tmp_path / "candles")).played)


def test_a_slot_is_drawn_with_what_it_was_told() -> None:
    """On the chart of a run its code makes of the bars what it made of them in life."""
    one = setup()
    grid, candles = one.instruments[0], BOTH["BTC/USD"]
    whole = played(one, {"BTC/USD": candles})
    rows = ticks_of(candles, grid)
    drawn = slot_view.evaluate("learner", {"back": 3}, "", grid, HOUR, rows, told(whole))
    assert drawn.problem == ""
    assert drawn.entry.tolist() == whole.slots[0].signals.entry.tolist()
    assert drawn.entry.tolist() != slot_view.evaluate("learner", {"back": 3}, "", grid, HOUR, rows).entry.tolist()


def test_a_study_keeps_its_lessons() -> None:
    study = Study(setup(), (Source("BTC/USD"),))
    assert "lessons" not in study.to_json()
    other = replace(study, lessons=OFTEN)
    assert Study.from_json(other.to_json()) == other
    assert other.key() != study.key()
    assert Study.from_json(study.to_json()) == study
