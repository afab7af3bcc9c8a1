"""Moving average convergence divergence (G. Appel, 1979), taken only along the trend of a longer timeframe.

MACD = EMA(`fast`) - EMA(`slow`) of closes; its signal line is the EMA(`signal`) of it. Long while the MACD is above its signal
line and the last closed bar of the longer timeframe (`trend_factor` bars long) closed above the EMA of `trend` such closes.

No plan: two comparisons at once, of exponential means, which remember every bar before; a plan is one comparison of means of
windows, which any block of bars can be asked for. Sweeps evaluate `signals`.
"""

from typing import Self

import numpy as np
from pydantic import Field, model_validator

from engine.core.indicators import ema, macd
from engine.strategies.base import Bars, Signals, Strategy, StrategyParams


class MacdTrend(Strategy):
    """Long while the MACD is above its signal line and the longer timeframe closes above its mean."""

    class Params(StrategyParams):
        fast: int = Field(12, ge=2, le=200, description="bars in the fast mean")
        slow: int = Field(26, ge=3, le=400, description="bars in the slow mean")
        signal: int = Field(9, ge=2, le=200, description="bars in the signal line")
        trend: int = Field(20, ge=2, le=200, description="longer bars in the trend's mean")
        trend_factor: int = Field(12, ge=2, le=1440, description="bars in one longer bar: 12 makes an hour of 5m bars")

        @model_validator(mode="after")
        def _ordered(self) -> Self:
            if self.fast >= self.slow:
                raise ValueError(f"fast ({self.fast}) must be below slow ({self.slow})")
            return self

    def warmup(self) -> int:
        return int(max(self.params.slow + self.params.signal, self.params.trend_factor * (self.params.trend + 1)))

    def signals(self, bars: Bars) -> Signals:
        line, signal, histogram = macd(bars.close, self.params.fast, self.params.slow, self.params.signal)
        longer = bars.resample(bars.timeframe_ms * self.params.trend_factor)
        mean = longer.align(ema(longer.closed.close, self.params.trend))
        rising, trending = np.asarray(line > signal), np.asarray(longer.close > mean)
        return Signals.long_while(
            rising & trending,
            ready=np.isfinite(histogram) & np.isfinite(mean),
            plot={"MACD": line, "signal line": signal, "trend mean": mean},
            checks={"MACD above its signal line": rising, "longer timeframe above its mean": trending},
        )
