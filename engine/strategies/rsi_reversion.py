"""Relative strength index, bought oversold (J. W. Wilder, New Concepts in Technical Trading Systems, 1978).

RSI = 100 - 100 / (1 + U / D), where U and D are Wilder's averages of the rises and of the falls of the close over `length`
bars. A fall has spent itself when the RSI comes back up through `oversold`: in. Out when it rises through `recovered`. The
stop stands `stop_atr` average true ranges below, since what is oversold may become more so.

No plan: entry and exit are two crossings, and the stop is a distance of the bar's own; a plan is one comparison of means and
leaves stop and target to the slot. Sweeps evaluate `signals`.
"""

from typing import Self

import numpy as np
from pydantic import Field, model_validator

from engine.core.indicators import atr, crossed_above, rsi
from engine.strategies.base import Bars, Signals, Strategy, StrategyParams


class RsiReversion(Strategy):
    """Long when the RSI comes back up out of oversold, until it has recovered."""

    class Params(StrategyParams):
        length: int = Field(14, ge=2, le=200, description="bars in the RSI and in the average true range")
        oversold: float = Field(30.0, gt=0, lt=100, description="RSI level whose crossing upwards enters")
        recovered: float = Field(60.0, gt=0, lt=100, description="RSI level whose crossing upwards exits")
        stop_atr: float = Field(3.0, ge=0, le=20, description="stop distance in average true ranges, 0 for none")

        @model_validator(mode="after")
        def _ordered(self) -> Self:
            if self.oversold >= self.recovered:
                raise ValueError(f"oversold ({self.oversold:g}) must be below recovered ({self.recovered:g})")
            return self

    def warmup(self) -> int:
        return int(self.params.length) + 1

    def signals(self, bars: Bars) -> Signals:
        strength = rsi(bars.close, self.params.length)
        spread = atr(bars.high, bars.low, bars.close, self.params.length)
        enter = crossed_above(strength, self.params.oversold) & np.isfinite(spread)
        return Signals(
            enter.astype(np.int8),
            crossed_above(strength, self.params.recovered) & ~enter,
            stop=self.params.stop_atr * spread if self.params.stop_atr else None,
            plot={"RSI": strength},
            checks={
                "RSI above oversold": strength > self.params.oversold,
                "RSI below recovered": strength < self.params.recovered,
            },
        )
