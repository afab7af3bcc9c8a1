"""The look-ahead proof itself: what it compares, what it forgives, and what it says."""

from __future__ import annotations

import numpy as np

from engine.core.indicators import atr, sma
from engine.research.lookahead import MEMORY, check
from engine.strategies.base import Bars, Signals, Strategy
from tests.strategies.market import BTC, bars


class Slow(Strategy):
    """Above the mean of 300 bars, with a stop whose average never quite forgets its beginning."""

    declared = 300

    def warmup(self) -> int:
        return self.declared

    def signals(self, bars: Bars) -> Signals:
        stop = 3 * atr(bars.high, bars.low, bars.close, 200)
        return Signals.long_while(bars.close > sma(bars.close, 300), ready=np.isfinite(stop), stop=stop)


class Hasty(Slow):
    """Says it needs 10 bars; with 20 times as many its mean has no value yet."""

    declared = 10


def test_enough_warm_up_is_enough_though_averages_fade_slowly() -> None:
    market = bars(9_000, 5)
    assert len(market) > MEMORY * Slow.declared
    assert check(Slow(), market, BTC, most_decisions=5, others=5, starts=8) == []


def test_a_warm_up_too_short_is_named() -> None:
    found = check(Hasty(), bars(3_000, 5), BTC, most_decisions=5, others=5)
    assert {violation.kind for violation in found} == {"warm-up of 10 bars is too short"}
    assert {"decision", "stop"} >= {violation.field for violation in found}
    assert found[0].available < 3_000


class NeedsMany(Strategy):
    """Cannot live without a hundred bars."""

    def warmup(self) -> int:
        return 100

    def signals(self, bars: Bars) -> Signals:
        if len(bars) < 100:
            raise IndexError("list index out of range")
        return Signals.long_while(bars.close > sma(bars.close, 9))


def test_failing_on_little_data_is_found_because_an_engine_may_start_with_little() -> None:
    found = check(NeedsMany(), bars(800, 2), BTC, most_decisions=10, others=5)
    assert {violation.kind for violation in found} == {"fails"}
    assert found[0].bar == 0
    assert "IndexError: list index out of range" in str(found[0])


class Spoiler(Strategy):
    """Overwrites the bars it was given with what the highest of them will be."""

    def signals(self, bars: Bars) -> Signals:
        close = np.asarray(bars.close)
        peak = close.max()
        close[:] = close / peak
        return Signals.long_while(close > 0.995)


def test_overwriting_the_bars_hides_nothing_and_spoils_nothing() -> None:
    market = bars(1_000, 4)
    before = np.array(market.close)
    found = check(Spoiler(), market, BTC, most_decisions=20, others=20)
    assert "entry" in {violation.field for violation in found}
    assert (np.asarray(market.close) == before).all()


class Decorated(Strategy):
    """Honest decisions, but the line that is drawn beside them knows the future."""

    def signals(self, bars: Bars) -> Signals:
        close = np.asarray(bars.close)
        drawn = np.concatenate((close[1:], close[-1:]))
        return Signals.long_while(close > sma(close, 20), plot={"guide": drawn}, checks={"up": drawn > close})


def test_what_is_drawn_and_said_may_not_look_ahead_either() -> None:
    fields = {violation.field for violation in check(Decorated(), bars(600, 6), BTC, most_decisions=20, others=20)}
    assert "plot[guide]" in fields
    assert fields <= {"plot[guide]", "checks[up]"}


def test_a_violation_says_where_and_what() -> None:
    found = check(Decorated(), bars(600, 6), BTC, most_decisions=None, others=0)[0]
    assert found.bar == found.available - 1
    assert found.whole != found.seen
    assert str(found) == (
        f"looks ahead: bar {found.bar}, {found.field} is {found.whole} on all data, {found.seen} on {found.available} bars"
    )


def test_the_same_question_has_the_same_answer() -> None:
    market = bars(900, 7)
    assert check(Decorated(), market, BTC, most_decisions=9) == check(Decorated(), market, BTC, most_decisions=9)


def test_no_bars_break_no_rule() -> None:
    assert check(Slow(), bars(10, 1).head(0), BTC) == []
