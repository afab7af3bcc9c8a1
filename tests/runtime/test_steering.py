"""Shares and weights that change while a run lives: on the tape, in the machine's sizes, in what a strategy knows of itself."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.types import RATE
from engine.research.versus_life import lived
from engine.runtime.trader import LEAST_KEPT, Trader
from engine.strategies._record import beside
from tests.runtime.desk_session import Life, frames, setup_of, slot

FAST = {"fast": 3, "slow": 8}
LEARNER = '''
"""Trades only while its own record is good enough."""
import numpy as np
from engine.strategies.base import Bars, Signals, Strategy, StrategyParams


class Learner(Strategy):
    """Long while the close is above the one three bars ago and the record allows it."""

    class Params(StrategyParams):
        """None."""

    def warmup(self) -> int:
        return 4

    def signals(self, bars: Bars) -> Signals:
        close, record = np.asarray(bars.close), bars.record
        rising = close > np.concatenate((close[:3], close[:-3]))
        return Signals.long_while(rising & (record.weight > 0.9), strength=np.minimum(record.weight / 2, 1.0))
'''


@pytest.fixture
def learner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my" / "strategies").mkdir(parents=True)
    (tmp_path / "my" / "strategies" / "learner.py").write_text(LEARNER)
    monkeypatch.setenv("EVENKEEL_HOME", str(tmp_path / "my"))


def row(source: str, weight: float, regime: str = "", resolved: int = 30) -> dict[str, Any]:
    return {"source": source, "regime": regime, "resolved": resolved, "won": 0.6, "mean": 0.001, "weight": weight}


def size_of(trader: Trader, i: int) -> float:
    return float(trader.machine.slots["size"][i]) / int(RATE)


def test_shares_change_sizes_and_are_replayed_across_a_death(tmp_path: Path) -> None:
    """Two slots of 20 %: one gets half of it, one twice; slots that are not named go back to what is configured."""
    setup = setup_of(slot("sma_cross"), slot("sma_cross", "ETH/USD"), params=(FAST, FAST))
    life = Life.begin(tmp_path, setup)
    market = frames(3, 1500, 2)
    life.go(islice(market, 500))
    first, second = (one.key for one in setup.slots)
    life.command("shares", shares={first: 0.5, second: 2.0}, why="evidence")
    assert [size_of(life.desk.trader, i) for i in (0, 1)] == [0.1, 0.4]
    life.go(islice(market, 300))
    life.die_and_recover()
    assert [size_of(life.desk.trader, i) for i in (0, 1)] == [0.1, 0.4]
    life.go(islice(market, 300))
    life.command("shares", shares={second: 9.0}, why="more than the whole is the whole")
    assert [size_of(life.desk.trader, i) for i in (0, 1)] == [0.2, 1.0]
    life.go(market)
    assert life.same_as_replayed()["trades"] > 20
    assert life.desk.trader.versions == {"shares": 2, "weights": 0}


def test_what_is_learned_reaches_the_strategy_and_is_replayed(tmp_path: Path, learner: None) -> None:
    """Nothing known is a weight of 1; a bad record keeps it out, a good one lets it in again, also behind a death."""
    setup = setup_of(slot("learner"), slot("sma_cross", "ETH/USD"), params=({}, FAST))
    life = Life.begin(tmp_path, setup)
    market = frames(4, 1600, 2)
    life.go(islice(market, 500))
    before = life.desk.trader.signals
    assert before > 20
    life.command("weights", rows=[row("learner", 0.5)], why="it lost")
    own = []
    for _ in range(2):
        said = life.desk.trader.signals
        life.go(islice(market, 250))
        own.append(life.desk.trader.machine.slots["closed"][0])
        assert life.desk.trader.signals > said  # the other one goes on
        life.die_and_recover()
    assert own[0] == own[1]
    life.command("weights", rows=[row("learner", 0.5), row("learner", 1.4, "above low")], regime="above low", acts=True)
    assert size_of(life.desk.trader, 0) == pytest.approx(0.28)
    life.go(market)
    assert life.desk.trader.machine.slots["closed"][0] > own[1]
    assert life.same_as_replayed()["signals"] > before
    assert lived(tmp_path).known == life.desk.trader.known  # what a test on candles beside it is told


def test_nonsense_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    setup = setup_of(slot("sma_cross"), params=(FAST,))
    life = Life.begin(tmp_path, setup)
    key = setup.slots[0].key
    for kind, words in (
        ("shares", {"shares": {key: -1}}),
        ("shares", {"shares": {key: 11}}),
        ("weights", {"version": 7}),
    ):
        life.command(kind, **words)
        done, why = life.desk.step.acks[-1][1:]
        assert not done, why
    assert size_of(life.desk.trader, 0) == 0.2
    assert life.desk.trader.versions == {"shares": 0, "weights": 0}
    life.command("shares", shares={"gone": 0.5})  # a slot that is no more: nothing to size
    assert size_of(life.desk.trader, 0) == 0.2
    life.go(frames(5, 400, 1))
    assert life.same_as_replayed()["equity"] > 100


def test_a_long_memory_is_cut_with_the_bars(tmp_path: Path, learner: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was known before the first bar that is seen: only its newest row is kept, and says the same."""
    monkeypatch.setattr("engine.runtime.trader.LEAST_KEPT", LEAST_KEPT // 40)
    life = Life.begin(tmp_path, setup_of(slot("learner"), params=({},)))
    market = frames(6, 5200, 1)
    for weight in (1.0, 0.5, 1.2, 0.95, 1.1):
        life.go(islice(market, 800))
        life.command("weights", rows=[row("learner", weight)])
    life.go(market)
    assert life.tape("cut")
    assert 0 < len(life.desk.trader.known["learner"]) < 5
    assert life.same_as_replayed()["trades"] > 20


@given(st.lists(st.integers(1, 60), min_size=1, max_size=8), st.integers(0, 61))
def test_a_record_is_causal(moments: list[int], cut: int) -> None:
    """Law: what becomes known at a moment or later changes no bar that ends by then; before anything is known nothing is."""
    told = [[ts, k, 0.5, 0.001 * k, 1 + k / 10] for k, ts in enumerate(sorted(moments))]
    ends = np.arange(1, 61, dtype=np.int64)
    whole, part = beside(told, ends), beside([one for one in told if one[0] < cut], ends)
    for name in ("resolved", "won", "mean", "weight"):
        np.testing.assert_array_equal(getattr(whole, name)[ends <= cut], getattr(part, name)[ends <= cut])
    nothing = ends <= min(moments)
    assert (whole.weight[nothing] == 1).all()
    assert np.isnan(whole.mean[nothing]).all()
