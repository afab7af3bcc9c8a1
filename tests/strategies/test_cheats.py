"""Strategies that look ahead are caught, each by the field that gives it away."""

from __future__ import annotations

import numpy as np
import pytest

from engine.research.lookahead import check
from engine.strategies.base import Bars, Signals, Strategy
from tests.strategies.market import BTC, bars


class Centred(Strategy):
    """A mean whose window is centred on the bar."""

    def signals(self, bars: Bars) -> Signals:
        return Signals.long_while(
            np.asarray(bars.close) > bars.frame()["close"].rolling(9, center=True).mean().to_numpy()
        )


class Tomorrow(Strategy):
    """The next bar's close, by shift(-1)."""

    def signals(self, bars: Bars) -> Signals:
        return Signals.long_while((bars.frame()["close"].shift(-1) > bars.frame()["close"]).to_numpy())


class Scaled(Strategy):
    """Closes measured by the mean and deviation of all of them."""

    def signals(self, bars: Bars) -> Signals:
        close = np.asarray(bars.close)
        return Signals.long_while((close - close.mean()) / (close.std() or 1.0) > 0.3)


class KnowingStop(Strategy):
    """Honest entries whose stop stands just beyond the lowest low to come."""

    def signals(self, bars: Bars) -> Signals:
        close, low = np.asarray(bars.close), np.asarray(bars.low)
        rose = np.concatenate(([False], close[1:] > close[:-1]))
        lowest = np.minimum.accumulate(low[::-1])[::-1]
        return Signals.long_while(rose, stop=close - lowest + 1.0)


class Remembers(Strategy):
    """Says something else each time it is asked."""

    def signals(self, bars: Bars) -> Signals:
        self.asked = getattr(self, "asked", 0) + 1
        return Signals.long_while(np.arange(len(bars)) % (7 + self.asked) > 3)


@pytest.mark.parametrize(
    ("cls", "field"),
    [(Centred, "entry"), (Tomorrow, "entry"), (Scaled, "entry"), (KnowingStop, "stop"), (Remembers, "entry")],
)
def test_a_cheat_is_caught(cls: type[Strategy], field: str) -> None:
    found = check(cls(), bars(1_500, 3), BTC, most_decisions=40, others=20)
    assert field in {violation.field for violation in found}
    assert all(0 <= violation.bar < 1_500 for violation in found)
