"""Turns, decisions, longer timeframes: worked by hand."""

from __future__ import annotations

import math
import statistics
from itertools import pairwise

import numpy as np
import pytest

from engine.core.indicators import sma
from engine.core.types import TF_BAR, Instrument
from engine.strategies.base import Bars, Signals, Strategy, StrategyError, StrategyParams, previous
from engine.strategies.decisions import check_signals, decisions_of, last_decision
from tests.strategies.market import BTC, MINUTE, START, bars, packed, rows

DESIGN = '''
class SmaCross(Strategy):
    """Long while the fast mean of closes is above the slow one."""

    class Params(StrategyParams):
        fast: int = Field(10, ge=2, le=200, description="bars in the fast mean")
        slow: int = Field(50, ge=3, le=400, description="bars in the slow mean")

    def signals(self, bars: Bars) -> Signals:
        fast, slow = sma(bars.close, self.params.fast), sma(bars.close, self.params.slow)
        return Signals.long_while(fast > slow)
'''


def flags(text: str) -> np.ndarray:
    return np.array([letter == "1" for letter in text])


def test_the_design_s_example_runs_and_enters_at_turns_after_the_first_warm_bar() -> None:
    from pydantic import Field

    names = {"Field": Field, "sma": sma, "Bars": Bars, "Signals": Signals, "Strategy": Strategy, "__name__": "sample"}
    exec(DESIGN, {**names, "StrategyParams": StrategyParams}, made := {})
    strategy = made["SmaCross"](made["SmaCross"].Params())
    risen = next(few for few in (bars(3_000, seed) for seed in range(20)) if _above(few)[49])
    entry, above = strategy.signals(risen).entry, _above(risen)
    turns = [t for t in range(50, 3_000) if above[t] and not above[t - 1]]
    assert turns
    assert np.flatnonzero(entry).tolist() == turns
    assert strategy.name == "sma_cross"


def _above(few: Bars) -> np.ndarray:
    return np.asarray(sma(few.close, 10) > sma(few.close, 50))


def test_long_while_turns_in_and_out() -> None:
    signals = Signals.long_while(flags("110110"), ready=flags("111111"))
    assert signals.entry.tolist() == [0, 0, 0, 1, 0, 0]
    assert signals.exit.tolist() == [False, False, True, False, False, True]
    held_from_the_first_warm_bar = Signals.long_while(flags("001101"), ready=flags("001111"))
    assert held_from_the_first_warm_bar.entry.tolist() == [0, 0, 0, 0, 0, 1]
    assert (Signals.short_while(flags("0101"), ready=flags("1111")).entry == [0, -1, 0, -1]).all()


def test_from_long_to_short_is_one_decision() -> None:
    signals = Signals.long_short_while(flags("0110000"), flags("0001100"), ready=flags("1111111"))
    assert signals.entry.tolist() == [0, 1, 0, -1, 0, 0, 0]
    assert np.flatnonzero(signals.exit).tolist() == [3, 5]
    with pytest.raises(StrategyError, match="both true at bar 1"):
        Signals.long_short_while(flags("010"), flags("011"))


def test_only_changes_become_rows_with_whole_ticks() -> None:
    few = bars(8, sparse=False)
    entry = np.array([1, 1, 0, 1, 0, 0, -1, 0], np.int8)
    leave = np.array([0, 0, 0, 0, 1, 1, 1, 0], bool)
    stop = np.array([0.0149, 1, 1, 0.001, 1, 1, 0, 1])
    made = Signals(entry, leave, stop=stop, strength=np.full(8, 0.5), tag=np.arange(8), tags=tuple("abcdefgh"))
    found = decisions_of(4, few, made, BTC, delay_ms=250)
    assert found["decided_at"].tolist() == [START + (i + 1) * MINUTE for i in (0, 3, 4, 6)]
    assert (found["known_at"] - found["decided_at"] == 250).all()
    assert found["entry"].tolist() == [1, 1, 0, -1]
    assert found["exit"].tolist() == [0, 0, 1, 1]
    assert found["stop"].tolist() == [1, 1, 0, 0]
    assert found["tag"].tolist() == [0, 3, 4, 6]
    assert found["strength"].tolist() == [0.5] * 4
    assert np.isnan(found["volatility"]).all()
    assert last_decision(4, few, made, BTC).size == 0
    cut = Signals(entry[:7], leave[:7], stop=stop[:7], strength=np.full(7, 0.5), tag=np.arange(7), tags=made.tags)
    assert packed(last_decision(4, few.head(7), cut, BTC, 250)) == packed(found[3:])


def test_volatility_is_the_yearly_sample_deviation_of_sixty_returns() -> None:
    few = bars(62)
    entry = np.zeros(62, np.int8)
    entry[[59, 61]] = 1
    found = decisions_of(0, few, Signals(entry, np.zeros(62, bool)), BTC)["volatility"]
    closes = [float(price) for price in few.close]
    returns = [math.log(b / a) for a, b in pairwise(closes[1:])]
    assert len(returns) == 60
    assert math.isnan(found[0])
    assert found[1] == pytest.approx(statistics.stdev(returns) * math.sqrt(365 * 24 * 60), rel=1e-12)


def test_a_longer_bar_is_seen_only_after_it_has_closed() -> None:
    made = rows(17, sparse=False)
    made["ts"] = START + np.arange(3, 20) * MINUTE  # begins three minutes into a bar of five
    few = Bars.from_ticks(BTC, MINUTE, made)
    longer = few.resample("5m")
    assert longer.closed.ts.tolist() == [START + 5 * MINUTE, START + 10 * MINUTE, START + 15 * MINUTE]
    close = np.asarray(longer.close)
    assert np.isnan(close[:6]).all()
    assert close[6:11].tolist() == [few.close[6]] * 5
    assert close[16] == few.close[16]
    assert longer.high[6] == np.max(few.high[2:7])
    assert longer.volume[11] == pytest.approx(np.sum(few.volume[7:12]))
    assert longer.align(np.array([1.0, 2.0, 3.0]))[[5, 6, 10, 11, 16]].tolist()[1:] == [1.0, 1.0, 2.0, 3.0]
    assert len(few.head(16).resample(5 * MINUTE).closed) == 2


def test_a_longer_bar_whose_end_has_no_trade_is_seen_with_the_next_bar() -> None:
    made = rows(4, sparse=False)
    made["ts"] = START + np.array([0, 1, 7, 8]) * MINUTE
    few = Bars.from_ticks(BTC, MINUTE, made)
    assert np.asarray(few.resample("5m").close)[2:].tolist() == [few.close[1]] * 2
    assert len(few.head(2).resample("5m").closed) == 0
    assert few.head(0).resample("5m").close.size == 0


def test_weeks_begin_on_monday() -> None:
    hours = rows(24 * 21, sparse=False)
    hours["ts"] = START + np.arange(hours.size) * 60 * MINUTE
    weeks = Bars.from_ticks(BTC, 60 * MINUTE, hours).resample("1w").closed
    assert [np.datetime64(int(ts), "ms").item().strftime("%A %H:%M") for ts in weeks.ts] == ["Monday 00:00"] * 2


def test_bars_cannot_be_resampled_to_what_is_no_multiple() -> None:
    for timeframe in ("1m", "90s", "30s"):
        with pytest.raises(ValueError, match="whole multiple"):
            bars(10).resample(timeframe)
    with pytest.raises(ValueError, match="such as 15m"):
        bars(10).resample("1 hour")


def test_prices_are_the_decimals_they_stand_for() -> None:
    made = np.zeros(1, TF_BAR)
    made[["open", "high", "low", "close"]] = (5_000_007, 5_000_009, 5_000_001, 5_000_003)
    one = Bars.from_ticks(BTC, MINUTE, made)
    assert (one.open[0], one.high[0], one.low[0], one.close[0]) == (50000.07, 50000.09, 50000.01, 50000.03)
    assert one.close.scale == 100.0
    assert Bars.from_ticks(Instrument.unspecified("X/USD", low_price=True), MINUTE, made).close[0] == 5000003e-12


def test_a_frame_has_the_same_numbers() -> None:
    few = bars(5)
    frame = few.frame()
    assert list(frame.columns) == ["open", "high", "low", "close", "volume"]
    assert frame["close"].tolist() == few.close.tolist()
    assert frame.index[0].isoformat() == "2023-11-15T00:00:00+00:00"


def test_previous() -> None:
    assert previous(np.array([1.0, 2.0, 3.0]), 2).tolist()[2:] == [1.0]
    assert np.isnan(previous(np.array([1.0]), 5)).all()
    with pytest.raises(StrategyError, match="1 bar or more"):
        previous(np.array([1.0]), -1)


def word(**fields: object) -> Signals:
    given = {"entry": np.array([0, 1, 0], np.int8), "exit": np.zeros(3, bool), "strategy": "mine", **fields}
    return Signals(**given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("signals", "words"),
    [
        (word(entry=np.zeros(2, np.int8)), "mine: entry .*shape"),
        (word(entry=np.array([0, np.nan, 0])), "mine: entry .*bar 1 is nan"),
        (word(entry=np.array([0, 0, 3], np.int8)), "mine: entry .*bar 2 is 3"),
        (word(stop=np.array([1, -2.0, 1])), "mine: stop .*bar 1 is -2.0"),
        (word(stop=np.array([1, np.nan, 1])), "mine: stop .*bar 1 is nan"),
        (word(trail=np.array([1, np.inf, 1])), "mine: trail .*bar 1 is inf"),
        (word(target=np.zeros(4)), "mine: target .*shape"),
        (word(strength=np.array([0, 1.5, 0])), "mine: strength .*bar 1 is 1.5"),
        (word(tag=np.array([0, 2, 0]), tags=("", "dip")), "mine: tag .*bar 1 is 2"),
        (word(plot={"mean": np.zeros(2)}), "mine: plot 'mean' .*shape"),
        (word(checks={"up": np.zeros(4, bool)}), "mine: check 'up' .*shape"),
    ],
)
def test_what_is_wrong_is_named(signals: Signals, words: str) -> None:
    with pytest.raises(StrategyError, match=words):
        check_signals(bars(3), signals)


def test_distances_matter_where_it_enters_alone() -> None:
    check_signals(bars(3), word(stop=np.array([np.nan, 1.0, -1.0]), strength=np.array([9.0, np.nan, 9.0])))
    with pytest.raises(StrategyError, match="must return Signals, got list"):
        check_signals(bars(3), [])


def test_a_condition_is_a_comparison() -> None:
    with pytest.raises(StrategyError, match="compare the values, as in fast > slow"):
        Signals.long_while(np.ones(3))
