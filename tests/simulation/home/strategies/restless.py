"""In and out every few minutes, each symbol at its own times: so that short lives have orders, fills and trades in them."""

import numpy as np
from pydantic import Field

from engine.strategies.base import Bars, Signals, Strategy, StrategyParams


class Restless(Strategy):
    """Enters on some minutes, leaves on others, by a hash of the minute and the last price."""

    class Params(StrategyParams):
        share: int = Field(2, ge=2, le=5, description="one bar of so many enters, and one leaves")
        by_turns: bool = Field(False, description="each bar does what the last did not: in, out, in, out")

    def warmup(self) -> int:
        return 1

    def signals(self, bars: Bars) -> Signals:
        ticks = np.rint(np.asarray(bars.close) * 100).astype(np.int64)
        if self.params.by_turns:
            even = bars.ts // 60_000 % 2 == 0
            return Signals(even.astype(np.int8), ~even)
        mixed = (bars.ts // 60_000 * 2_654_435_761 + ticks * 40_503) >> 7
        turn = mixed % self.params.share
        return Signals((turn == 0).astype(np.int8), turn == 1)
