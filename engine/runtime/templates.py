"""What `new-strategy` writes: a strategy that runs, explained line by line, and the test that goes with it. Text only."""

STRATEGY = '''\
"""{title}: say here what it does, in the words of its textbook.

Save this file and run `run_engine.py backtest {name} --data FILE` again: that is the whole loop.
"""

from pydantic import Field

from engine.core.indicators import sma
from engine.strategies.base import Bars, Signals, Strategy, StrategyParams


class {cls}(Strategy):
    """Long while the close stands above its mean."""

    class Params(StrategyParams):
        # One line a parameter: type, default, bounds, words. The command line, the configuration, the form in the app and the
        # optimiser all read this. A rule between two of them goes into a validator of this class.
        length: int = Field(50, ge=2, le=400, description="bars in the mean")

    def warmup(self) -> int:
        """Bars before the first value stands."""
        return self.params.length

    def signals(self, bars: Bars) -> Signals:
        # Arrays in, arrays out, one value a bar. The value at a bar may use that bar and those before it, never one after.
        # bars.open, .high, .low, .close, .volume, .ts; bars.resample("1h") for a longer timeframe; bars.frame() for pandas.
        mean = sma(bars.close, self.params.length)
        above = bars.close > mean
        # In where the condition turns true, out where it turns false. Distances in price units may go along:
        # stop=, target=, trail=; `plot` is drawn on charts, `checks` say on screen why it is in or flat.
        return Signals.long_while(above, plot={{"mean": mean}}, checks={{"close above its mean": above}})
'''

TEST = '''\
"""Is {name} fit to be trusted with data? Run: python -m pytest my/strategies"""

from decimal import Decimal

import numpy as np

from engine.core.types import TF_BAR, Instrument
from engine.research.lookahead import check
from engine.strategies import catalog
from engine.strategies.base import Bars
from engine.strategies.decisions import check_signals, decisions_of

GRID = Instrument("BTC/USD", "BTC", "USD", Decimal("0.01"), Decimal("1e-8"), Decimal("1e-6"))


def walk(n: int = 3000, seed: int = 1) -> Bars:
    """One-minute bars of a seeded random walk."""
    dice = np.random.default_rng(seed)
    rows = np.zeros(n, TF_BAR)
    rows["ts"] = 1_767_225_600_000 + np.arange(n) * 60_000
    rows["close"] = np.rint(5_000_000 * np.exp(np.cumsum(dice.normal(0, 0.001, n))))
    rows["open"] = np.concatenate((rows["close"][:1], rows["close"][:-1]))
    rows["high"] = np.maximum(rows["open"], rows["close"]) + dice.integers(0, 2000, n)
    rows["low"] = np.minimum(rows["open"], rows["close"]) - dice.integers(0, 2000, n)
    rows["volume"] = dice.gamma(2.0, 1.0, n)
    return Bars.from_ticks(GRID, 60_000, rows)


def test_it_gives_sound_signals_and_some_decisions() -> None:
    strategy, bars = catalog.make("{name}"), walk()
    signals = strategy.signals(bars)
    check_signals(bars, signals)
    assert decisions_of(0, bars, signals, GRID).size > 0, "it never decides anything on 3,000 bars"


def test_it_does_not_look_ahead_and_its_warmup_is_enough() -> None:
    assert check(catalog.make("{name}"), walk(), GRID) == []
'''
