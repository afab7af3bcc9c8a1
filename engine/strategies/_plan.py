"""A condition said as a plan: named means and a comparison. A strategy's `signals` is derived from it, and a sweep evaluates
it for many parameter sets without an array for each.

Here is one kind, the comparison of two moving means of closes. No strategy is in this file.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.core.indicators import sma
from engine.strategies.base import Bars, Signals

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class MeanAbove:
    """Long while the mean of the last `upper` closes is above the mean of the last `lower`; 1 is the close itself.

    On all bars after `warmup` both must be known: it is at least the longer of the two.
    """

    upper: int
    lower: int
    warmup: int

    def condition(self, bars: Bars) -> Bools:
        """bool[n]; False until both means are known."""
        upper, lower = self._means(bars)
        return np.asarray(upper > lower)

    def signals(self, bars: Bars, names: tuple[str, str], check: str) -> Signals:
        """In where it turns true, out where it turns false; the two means drawn under `names`, the condition called `check`."""
        means = self._means(bars)
        above = np.asarray(means[0] > means[1])
        return Signals.long_while(above, plot=dict(zip(names, means, strict=True)), checks={check: above})

    def _means(self, bars: Bars) -> tuple[Floats, Floats]:
        return sma(bars.close, self.upper), sma(bars.close, self.lower)
