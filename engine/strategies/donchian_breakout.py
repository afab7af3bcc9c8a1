"""Breakout from a price channel, with a trailing stop in average true ranges."""

import numpy as np
from pydantic import Field

from engine.core.indicators import atr, donchian
from engine.strategies.base import Bars, Signals, Strategy, StrategyParams


class DonchianBreakout(Strategy):
    """Buy a close above the highest high of the past bars; leave below the lowest low, or at a trailing stop.

    Textbook: R. Donchian's channel as the Turtles traded it: enter above the `entry` bar high, leave below the `exit` bar
    low, both without the present bar; the stop trails by `atr_stop` average true ranges of `atr_period` bars.
    """

    class Params(StrategyParams):
        entry: int = Field(20, ge=2, le=400, description="bars in the entry channel")
        exit: int = Field(10, ge=2, le=400, description="bars in the exit channel")
        atr_period: int = Field(14, ge=2, le=200, description="bars in the average true range")
        atr_stop: float = Field(3.0, gt=0, le=20, description="average true ranges between price and trailing stop")

    def signals(self, bars: Bars) -> Signals:
        _, top = donchian(bars.high, bars.low, self.params.entry)
        bottom, _ = donchian(bars.high, bars.low, self.params.exit)
        top, bottom = _before(top), _before(bottom)
        spread = atr(bars.high, bars.low, bars.close, self.params.atr_period)
        out = (bars.close > top) & (spread > 0)
        under = bars.close < bottom
        return Signals(
            out.astype("int8"),
            under.astype(bool),
            trail=np.asarray(spread) * self.params.atr_stop,
            plot={"channel top": top, "channel bottom": bottom},
            checks={"above the channel": out, "below the channel": under},
        )


def _before(values: np.ndarray) -> np.ndarray:
    """The same series one bar earlier."""
    return np.concatenate([[np.nan], np.asarray(values)[:-1]]) if values.size else values
