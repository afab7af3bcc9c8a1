"""Mean reversion by the relative strength index."""

from typing import Self

from pydantic import Field, model_validator

from engine.core.indicators import rsi
from engine.strategies.base import Bars, Signals, Strategy, StrategyParams


class RsiReversion(Strategy):
    """Buy what is oversold, leave when it has recovered.

    Textbook: J. W. Wilder, New Concepts in Technical Trading Systems (1978). Enter when the RSI falls below `low`, leave
    when it rises above `recovered`.
    """

    class Params(StrategyParams):
        period: int = Field(14, ge=2, le=200, description="bars in the index")
        low: float = Field(30, gt=0, lt=100, description="oversold below this")
        recovered: float = Field(55, gt=0, lt=100, description="leave above this")

        @model_validator(mode="after")
        def _ordered(self) -> Self:
            if self.low >= self.recovered:
                raise ValueError(f"low ({self.low}) must be below recovered ({self.recovered})")
            return self

    def signals(self, bars: Bars) -> Signals:
        strength = rsi(bars.close, self.params.period)
        oversold, recovered = strength < self.params.low, strength > self.params.recovered
        return Signals(
            oversold.astype("int8"),
            recovered.astype(bool),
            plot={"rsi": strength},
            checks={"oversold": oversold, "recovered": recovered},
        )
