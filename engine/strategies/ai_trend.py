"""A trend rule with a model at its side: the moving-average crossover, and a question wherever it would enter.

Without answers, and in mode shadow, this is the crossover alone. In mode veto an entry waits for the answer and is
left out if the model sees it otherwise; in mode scale it is made smaller; in mode trade the model may also open by
itself, with the stop given here."""

from typing import Self

import numpy as np
from pydantic import Field, model_validator

from engine.core.indicators import atr, sma
from engine.strategies.base import Ask, Bars, Signals, Strategy, StrategyParams


class AiTrend(Strategy):
    """Long while the fast mean of closes is above the slow one, with a stop by volatility; a model is asked at each entry."""

    asks = Ask("trend", when="entry", life=3, bars=40, indicators=("fast mean", "slow mean"))

    class Params(StrategyParams):
        fast: int = Field(10, ge=2, le=200, description="bars in the fast mean")
        slow: int = Field(40, ge=3, le=400, description="bars in the slow mean")
        stop_atr: float = Field(3.0, gt=0, le=50, description="stop distance in average true ranges")

        @model_validator(mode="after")
        def _ordered(self) -> Self:
            if self.fast >= self.slow:
                raise ValueError(f"fast ({self.fast}) must be below slow ({self.slow})")
            return self

    def warmup(self) -> int:
        return int(self.params.slow)

    def signals(self, bars: Bars) -> Signals:
        fast, slow = sma(bars.close, self.params.fast), sma(bars.close, self.params.slow)
        above = np.asarray(fast > slow)
        stop = self.params.stop_atr * np.asarray(atr(bars.high, bars.low, bars.close, 14))
        return Signals.long_while(
            above, stop=stop, plot={"fast mean": fast, "slow mean": slow}, checks={"fast mean above slow mean": above}
        )
