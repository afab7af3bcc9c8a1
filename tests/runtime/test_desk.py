"""What a long life brings: bars left behind, strategies that fail or dawdle. All of it on the tape, all of it replayed."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import islice, pairwise
from pathlib import Path

import pytest

from engine.core.types import Protection
from engine.runtime import trader as traders
from engine.runtime.budget import PATIENCE
from tests.runtime.desk_session import STEP_MS, Life, frames, setup_of, slot

FAST = {"fast": 3, "slow": 8}
DAY = 86_400_000 // STEP_MS

MOODY = '''
"""Fails on some bars and not on others."""
import numpy as np
from engine.strategies.base import Bars, Signals, Strategy, StrategyParams


class Moody(Strategy):
    """Long while the close is above the one three bars ago; raises on bars 500 to 599."""

    class Params(StrategyParams):
        """None."""

    def warmup(self) -> int:
        return 4

    def signals(self, bars: Bars) -> Signals:
        if 500 <= len(bars) < 600:
            raise RuntimeError(f"bar {len(bars)} is not to my taste")
        close = np.asarray(bars.close)
        return Signals.long_while(close > np.concatenate((close[:3], close[:-3])))
'''


@pytest.fixture
def moody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my" / "strategies").mkdir(parents=True)
    (tmp_path / "my" / "strategies" / "moody.py").write_text(MOODY)
    monkeypatch.setenv("EVENKEEL_HOME", str(tmp_path / "my"))


def test_a_quiet_life_is_replayed(tmp_path: Path) -> None:
    life = Life.begin(tmp_path, setup_of(slot("sma_cross"), slot("sma_cross", "ETH/USD"), params=(FAST, FAST)))
    life.go(frames(1, DAY // 2, 2))
    counts = life.same_as_replayed()
    assert counts["trades"] > 20
    assert counts["equity"] > 700


def test_a_long_life_leaves_its_oldest_bars_behind_at_midnight(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is cut before there is twice what is kept; then what is kept is left, and a replay sees the same bars."""
    monkeypatch.setattr(traders, "LEAST_KEPT", 700)
    life = Life.begin(
        tmp_path, setup_of(slot("rsi_reversion"), params=({"length": 5, "oversold": 40, "recovered": 55},))
    )
    market = frames(2, 3 * DAY + 900, 1)
    life.go(islice(market, DAY - 1))
    assert life.tape("cut") == []
    life.go(islice(market, 2 * DAY))
    left = [event[2]["BTC-USD-60s.bars"] for event in life.tape("cut")]
    assert left == [1440 - 1 - 700, 2 * 1440 - 1 - 700], "the bar that ends at midnight is still open"
    assert life.desk.trader.book.bars((0, 60_000)).size == 700 + 1440
    life.die_and_recover()
    life.go(market)
    assert life.desk.trader.book.firsts() == life.tape("cut")[-1][2]
    assert life.same_as_replayed()["trades"] > 20


def test_a_snapshot_tells_what_each_strategy_made_of_its_newest_bar_and_who_cools_down(tmp_path: Path) -> None:
    """Bar by bar, signal or not: what an open chart says about a slot comes from here."""
    cooling = replace(slot("sma_cross"), protection=Protection(stop=0.0005), cooldown_ms=20 * 60_000)
    setup = setup_of(cooling, slot("sma_cross", "ETH/USD"), params=(FAST, FAST))
    key, trader = setup.slots[0].key, (life := Life.begin(tmp_path, setup)).desk.trader
    market, seen, cooled = frames(5, 200 * 3, 2), set(), 0
    for _ in range(190):
        life.go(islice(market, 3))
        told = trader.extra()
        bars = trader.book.bars((0, 60_000))
        if bars.size:
            fast, slow = (bars["close"][-n:].mean() for n in (3, 8))
            said = told["said"][key]
            assert (said["bars"], said["warmup"], said["end"]) == (bars.size, 8, int(bars["ts"][-1]) + 60_000)
            assert said["checks"] == {"fast mean above slow mean": bars.size >= 8 and bool(fast > slow)}
            seen.add(said["checks"]["fast mean above slow mean"])
        until = told["blocked_until"].get(key)
        cooled += until is not None
        assert until is None or trader.now < until <= trader.now + 20 * 60_000
    assert seen == {True, False}
    assert cooled > 10
    before = trader.extra()
    life.die_and_recover()
    assert life.desk.trader.extra() == before


@pytest.mark.usefixtures("moody")
def test_a_strategy_that_fails_is_stopped_alone_and_replayed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    setup = setup_of(slot("moody"), slot("sma_cross", label="steady"), params=({}, FAST))
    life = Life.begin(tmp_path, setup)
    market = frames(3, 1200 * 3, 1)
    life.go(islice(market, 550 * 3))
    key = setup.slots[0].key
    (why,) = life.desk.trader.errors.values()
    assert re.fullmatch(r"moody: .* in \w+\.py, line \d+: RuntimeError: bar 500 is not to my taste, in `.*`", why), why
    assert "Traceback" in caplog.text
    assert "bar 500 is not to my taste" in caplog.text
    told = [event for event in life.tape("command") if event[3].get("state") == "failed"]
    assert [(event[3]["slot"], event[3]["why"]) for event in told] == [(key, why)]
    life.die_and_recover()
    life.go(islice(market, 300 * 3))
    life.command("slot_on", slot=key)
    life.go(market)
    assert life.desk.trader.errors == {}
    trades = [report for reports in life.lived for report in reports.trades]
    when = [int(trade["entry_ts"]) for trade in trades if trade["slot"] == 0]
    gap = max(later - earlier for earlier, later in pairwise(when))
    assert gap > 340 * 60_000, "a failed slot entered"
    assert {int(trade["slot"]) for trade in trades} == {0, 1}
    life.same_as_replayed()


def test_a_slot_that_dawdles_is_stopped(tmp_path: Path) -> None:
    """Its time is what the stopwatch says: here two seconds a bar, from the 100th bar on."""
    ticks = iter(range(10**9))
    slow_from = 2 * 100
    past = {"s": 0.0}

    def stopwatch() -> float:
        past["s"] += 2.0 if next(ticks) >= slow_from else 0.0
        return past["s"]

    life = Life.begin(tmp_path, setup_of(slot("sma_cross"), params=(FAST,)), stopwatch, budget_ms=1000)
    life.go(frames(4, 200 * 3, 1))
    (why,) = life.desk.trader.errors.values()
    assert "2,000 ms" in why
    assert "slot_budget_ms" in why
    (event,) = [event for event in life.tape("command") if event[3].get("state") == "failed"]
    assert event[3]["bar_end"] == event[1] + 1
    assert (event[1] - life.tape("warm")[0][1]) // 60_000 == pytest.approx(100 + PATIENCE, abs=1)
    life.same_as_replayed()
