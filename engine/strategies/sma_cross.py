"""Moving-average crossover, the oldest trend rule.

The simple moving average of n closes is their sum over n. Long while the average of the last `fast` closes is above that of
the last `slow` closes: in on the bar where it rises above, out on the bar where it no longer is.
"""

from typing import Self

from pydantic import Field, model_validator

from engine.strategies._plan import MeanAbove
from engine.strategies.base import Bars, Signals, Strategy, StrategyParams


class SmaCross(Strategy):
    """Long while the fast mean of closes is above the slow one."""

    class Params(StrategyParams):
        fast: int = Field(10, ge=2, le=200, description="bars in the fast mean")
        slow: int = Field(50, ge=3, le=400, description="bars in the slow mean")

        @model_validator(mode="after")
        def _ordered(self) -> Self:
            if self.fast >= self.slow:
                raise ValueError(f"fast ({self.fast}) must be below slow ({self.slow})")
            return self

    def warmup(self) -> int:
        return int(self.params.slow)

    def plan(self) -> MeanAbove:
        return MeanAbove(self.params.fast, self.params.slow, self.warmup())

    def signals(self, bars: Bars) -> Signals:
        return self.plan().signals(bars, ("fast mean", "slow mean"), "fast mean above slow mean")
