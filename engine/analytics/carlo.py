"""Monte Carlo: the same trades in another order, drawn in blocks, with some missed, or filled worse. Fans, falls and ruin.

Every run compounds the trades' returns on the account (engine.analytics.chance.trade_returns) from starting capital 1. Same
seed, same runs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from engine.analytics.bootstrap import block_length, resample
from engine.analytics.trades import some
from engine.analytics.values import Floats, Ints, Undefined, finite

Method = Literal["order", "blocks", "skipped", "worse fills"]
QUANTILES = (0.05, 0.25, 0.50, 0.75, 0.95)
STEPS = 200
"""At most as many points are kept of a fan."""
_CELLS = 1_000_000


@dataclass(frozen=True, eq=False)
class Fan:
    """`steps` int64[k]: after how many trades; `levels` float64[5, k] by `quantiles`; `final` and `fall` float64[runs], the last
    level and the deepest fall of each run (zero or negative); `ruin` the share of runs that ever lost `ruin_at` of the start."""

    method: str
    steps: Ints
    quantiles: tuple[float, ...]
    levels: Floats
    final: Floats
    fall: Floats
    ruin: float
    ruin_at: float
    lost: float
    """The share of runs that ended below where they began."""

    def fall_at(self, quantile: float) -> float:
        """The fall that this share of runs stayed above: 0.95 is the bad case to plan for."""
        return float(np.quantile(self.fall, 1 - quantile))


def monte_carlo(
    returns: Floats,
    method: Method = "order",
    runs: int = 1_000,
    seed: int = 0,
    *,
    skip: float = 0.1,
    extra_cost: float = 0.001,
    turnover: Floats | None = None,
    ruin_at: float = 0.5,
) -> Fan:
    """Runs of the trades' returns float64[n]. `skip` is the chance that a trade is missed; `extra_cost` the mean extra cost of
    a trade as a fraction of what it turned over, drawn evenly from 0 to twice that; `turnover` float64[n] is entry and exit
    notional over the account (1 without it). ValueError for a chance or a ruin outside 0..1.
    """
    n = some(finite(returns, "returns of trades")).size
    if not 0 <= skip < 1 or not 0 < ruin_at <= 1 or extra_cost < 0:
        raise ValueError("skip is a chance below 1, ruin_at a loss above 0 and up to 1, extra_cost a fraction from 0")
    if n < 2:
        raise Undefined("fewer than two trades")
    rng = np.random.default_rng(seed)
    volume = np.ones(n) if turnover is None else finite(turnover, "turnover")
    length = block_length(returns) if method == "blocks" else 1.0
    steps = np.unique(np.linspace(0, n, min(n, STEPS) + 1).round().astype(np.int64))
    kept, final, fall, low, each = [], [], [], [], max(1, _CELLS // n)
    for done in range(0, runs, each):
        size = min(each, runs - done)
        levels = _levels(_drawn(returns, method, size, rng, length, skip, extra_cost, volume))
        kept.append(levels[:, steps])
        final.append(levels[:, -1])
        fall.append((levels / np.maximum.accumulate(levels, axis=1) - 1).min(axis=1))
        low.append(levels.min(axis=1))
    ends = np.concatenate(final)
    fan = np.quantile(np.concatenate(kept), QUANTILES, axis=0)
    ruin = float((np.concatenate(low) <= 1 - ruin_at).mean())
    return Fan(method, steps, QUANTILES, fan, ends, np.concatenate(fall), ruin, ruin_at, float((ends < 1).mean()))


def _drawn(
    returns: Floats, method: Method, size: int, rng: np.random.Generator, length: float, skip: float, cost: float,
    volume: Floats,
) -> Floats:  # fmt: skip
    """float64[size, n]: the trades' returns of each run."""
    n = returns.size
    if method == "order":
        return rng.permuted(np.broadcast_to(returns, (size, n)), axis=1)
    if method == "blocks":
        return returns[resample(n, size, length, rng)]
    if method == "skipped":
        missed: Floats = np.where(rng.random((size, n)) < skip, 0.0, returns)
        return missed
    if method == "worse fills":
        worse: Floats = returns - rng.random((size, n)) * (2 * cost) * volume
        return worse
    raise ValueError(f"no method {method!r}: one of order, blocks, skipped, worse fills")


def _levels(drawn: Floats) -> Floats:
    """float64[size, n + 1] from 1; an account that is used up stays at zero."""
    levels = np.ones((drawn.shape[0], drawn.shape[1] + 1))
    np.cumprod(np.maximum(1 + drawn, 0.0), axis=1, out=levels[:, 1:])
    return levels
