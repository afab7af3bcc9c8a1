"""MACD with the trend of a higher timeframe."""

from typing import Self

import numpy as np
from pydantic import Field, model_validator

from engine.core.indicators import ema, macd
from engine.strategies.base import Bars, Signals, Strategy, StrategyParams


class MacdTrend(Strategy):
    """Long while the MACD line is above its signal line and the higher timeframe is above its mean.

    Textbook: G. Appel's moving average convergence divergence (`fast`, `slow`, `signal` bars), filtered by A. Elder's
    first screen: only with the trend of the higher timeframe, here its close above its own exponential mean.
    """

    class Params(StrategyParams):
        fast: int = Field(12, ge=2, le=200, description="bars in the fast mean")
        slow: int = Field(26, ge=3, le=400, description="bars in the slow mean")
        signal: int = Field(9, ge=2, le=100, description="bars in the signal line")
        trend: int = Field(20, ge=2, le=200, description="higher bars in the trend's mean")
        factor: int = Field(5, ge=2, le=60, description="bars in one higher bar")

        @model_validator(mode="after")
        def _ordered(self) -> Self:
            if self.fast >= self.slow:
                raise ValueError(f"fast ({self.fast}) must be below slow ({self.slow})")
            return self

    def warmup(self) -> int:
        """The trend's mean needs its higher bars and the first whole one before them."""
        trend = (self.params.trend + 1) * self.params.factor
        return int(max(self.params.slow + self.params.signal, trend)) + self.params.factor

    def signals(self, bars: Bars) -> Signals:
        difference, mean, _ = macd(bars.close, self.params.fast, self.params.slow, self.params.signal)
        higher = bars.resample(f"{bars.timeframe_ms * self.params.factor // 1000}s")
        above = np.asarray(higher.close) > ema(higher.close, self.params.trend)
        rising = np.asarray(difference > mean)
        with_trend = higher.align(above.astype(float)) > 0.5
        return Signals.long_while(
            rising & with_trend,
            plot={"macd": difference, "signal": mean},
            checks={"MACD above signal": rising, "higher timeframe rising": with_trend},
        )
