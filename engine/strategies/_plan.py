"""A condition said as a plan: named means and a comparison. A strategy's `signals` is derived from it, and a sweep evaluates
it for many parameter sets without an array for each.

Here is one kind, the comparison of two moving means of closes. It is made in whole ticks, so a tie is a tie. No strategy is
in this file.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.core.indicators import sma
from engine.core.jit import maker
from engine.core.series import Ints, scale_of, ticks
from engine.strategies.base import Bars, Signals

Bools = npt.NDArray[np.bool_]


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
        if not scale_of(bars.close):
            return np.asarray(sma(bars.close, self.upper) > sma(bars.close, self.lower))
        whole, last_nan = ticks(bars.close, max(self.upper, self.lower))
        return _above(whole, last_nan, self.upper, self.lower)

    def signals(self, bars: Bars, names: tuple[str, str], check: str) -> Signals:
        """In where it turns true, out where it turns false; the two means drawn under `names`, the condition called `check`."""
        above = self.condition(bars)
        means = {name: sma(bars.close, n) for name, n in zip(names, (self.upper, self.lower), strict=True)}
        return Signals.long_while(above, plot=means, checks={check: above})


@maker
def _above(whole: Ints, last_nan: Ints, upper: int, lower: int) -> Bools:
    """Whole parts are compared first, then remainders: no product of sums that could be too large."""
    out = np.zeros(whole.size, np.bool_)
    a, b, longest = 0, 0, max(upper, lower)
    for i in range(whole.size):
        a += whole[i]
        b += whole[i]
        if i >= upper:
            a -= whole[i - upper]
        if i >= lower:
            b -= whole[i - lower]
        if i - last_nan[i] >= longest:
            p, q = a // upper, b // lower
            out[i] = p > q or (p == q and (a - p * upper) * lower > (b - q * lower) * upper)
    return out
