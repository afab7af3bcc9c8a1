"""Trend following by two means of closes."""

from typing import Self

from pydantic import Field, model_validator

from engine.core.indicators import sma
from engine.strategies.base import Bars, Signals, Strategy, StrategyParams


class SmaCross(Strategy):
    """Long while the fast mean of closes is above the slow one.

    Textbook: the moving-average crossover. Enter when the simple moving average of `fast` bars crosses above that of
    `slow` bars, leave when it crosses below.
    """

    class Params(StrategyParams):
        fast: int = Field(10, ge=2, le=200, description="bars in the fast mean")
        slow: int = Field(50, ge=3, le=400, description="bars in the slow mean")

        @model_validator(mode="after")
        def _ordered(self) -> Self:
            if self.fast >= self.slow:
                raise ValueError(f"fast ({self.fast}) must be below slow ({self.slow})")
            return self

    def signals(self, bars: Bars) -> Signals:
        fast, slow = sma(bars.close, self.params.fast), sma(bars.close, self.params.slow)
        return Signals.long_while(
            fast > slow, plot={"fast": fast, "slow": slow}, checks={"fast above slow": fast > slow}
        )
