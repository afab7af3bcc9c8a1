"""Channel breakout (R. Donchian; the first system of the Turtle traders), with a trailing stop by volatility.

The channel of n bars is their highest high and lowest low. In when a bar closes above the highest high of the `entry` bars
before it; out when one closes below the lowest low of the `exit` bars before it, or at the stop, which follows the best price
at `trail_atr` times Wilder's average true range of `atr_length` bars, as it was at the entry.

No plan: the stop trails, and entry and exit are two conditions; a plan is one comparison of means under a fixed stop and
target. Sweeps run its `signals` through the kernel.
"""

from typing import Self

import numpy as np
from pydantic import Field, model_validator

from engine.core.indicators import atr, donchian
from engine.strategies.base import Bars, Signals, Strategy, StrategyParams, previous


class DonchianBreakout(Strategy):
    """Long on a close above the highest high of the bars before; out by a trailing stop or a close below the lowest low."""

    class Params(StrategyParams):
        entry: int = Field(20, ge=2, le=400, description="bars whose highest high is broken to enter")
        exit: int = Field(10, ge=2, le=400, description="bars whose lowest low is broken to exit")
        atr_length: int = Field(20, ge=2, le=200, description="bars in the average true range")
        trail_atr: float = Field(3.0, gt=0, le=20, description="distance of the trailing stop in average true ranges")

        @model_validator(mode="after")
        def _ordered(self) -> Self:
            if self.exit > self.entry:
                raise ValueError(f"exit ({self.exit}) must not be above entry ({self.entry})")
            return self

    def warmup(self) -> int:
        return int(max(self.params.entry, self.params.atr_length)) + 1

    def signals(self, bars: Bars) -> Signals:
        upper = previous(donchian(bars.high, bars.low, self.params.entry)[1])
        lower = previous(donchian(bars.high, bars.low, self.params.exit)[0])
        spread = atr(bars.high, bars.low, bars.close, self.params.atr_length)
        above, below = bars.close > upper, bars.close < lower
        return Signals(
            (above & np.isfinite(spread)).astype(np.int8),
            np.asarray(below),
            trail=self.params.trail_atr * spread,
            plot={"highest before": upper, "lowest before": lower},
            checks={"close above the channel": above, "close below the channel": below},
        )
