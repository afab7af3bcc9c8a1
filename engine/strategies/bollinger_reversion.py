"""Reversion to the mean by Bollinger bands (J. Bollinger, Bollinger on Bollinger Bands, 2001).

The bands stand `width` population deviations of the last `length` closes above and below their mean. In when a close falls
below the lower band; out when one is back at the mean. The stop stands `stop_width` times the distance from the lower band to
the mean away.

No plan: entry and exit are two conditions, and the stop is a distance of the bar's own; a plan is one comparison of means and
leaves stop and target to the slot. Sweeps evaluate `signals`.
"""

import numpy as np
from pydantic import Field

from engine.core.indicators import bollinger, crossed_below
from engine.strategies.base import Bars, Signals, Strategy, StrategyParams


class BollingerReversion(Strategy):
    """Long when a close falls below the lower Bollinger band, until one is back at the mean."""

    class Params(StrategyParams):
        length: int = Field(20, ge=3, le=400, description="bars in the mean and the deviation")
        width: float = Field(2.0, gt=0, le=6, description="deviations between mean and band")
        stop_width: float = Field(1.5, ge=0, le=10, description="stop distance in half widths of the bands, 0 for none")

    def warmup(self) -> int:
        return int(self.params.length)

    def signals(self, bars: Bars) -> Signals:
        lower, middle, upper = bollinger(bars.close, self.params.length, self.params.width)
        enter = crossed_below(bars.close, lower)
        back = bars.close >= middle
        return Signals(
            enter.astype(np.int8),
            np.asarray(back),
            stop=self.params.stop_width * (middle - lower) if self.params.stop_width else None,
            plot={"lower band": lower, "mean": middle, "upper band": upper},
            checks={"close below the lower band": bars.close < lower, "close back at the mean": back},
        )
