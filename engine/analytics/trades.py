"""Statistics of closed trades, in money net of fees. A win is above zero, a loss below, zero is a draw.

What is still open is not in here: it is counted in equity alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.analytics.values import Floats, Ints, Undefined, finite

_ZERO = ("entry_notional", "exit_notional", "fees", "funding", "mae", "mfe", "bars_held")


@dataclass(frozen=True, eq=False)
class Trades:
    """Closed trades in order of exit. Times int64 ms UTC, money float64; `risk` is money at risk to the first stop, NaN without
    one; `mae` and `mfe` are fractions of the entry price; `kind_pnl` is the result had an ambiguous bar been kind.
    """

    entry_ts: Ints
    exit_ts: Ints
    direction: npt.NDArray[np.int8]
    pnl: Floats
    entry_notional: Floats
    exit_notional: Floats
    fees: Floats
    funding: Floats
    mae: Floats
    mfe: Floats
    bars_held: Floats
    kind_pnl: Floats
    ambiguous: npt.NDArray[np.bool_]
    risk: Floats

    @staticmethod
    def of(columns: Mapping[str, Any]) -> Trades:
        """From columns named as in the table `trade`; `pnl` must be there, what is missing is zero. ValueError for NaN."""
        pnl = finite(columns["pnl"], "pnl")
        n = pnl.size
        exits = np.asarray(columns.get("exit_ts", np.zeros(n)), np.int64)
        order = np.argsort(exits, kind="stable")

        def take(name: str, dtype: Any, default: float = 0.0) -> Any:
            return np.asarray(columns.get(name, np.full(n, default)), dtype)[order]

        return Trades(
            entry_ts=np.asarray(columns.get("entry_ts", exits), np.int64)[order],
            exit_ts=exits[order],
            direction=take("direction", np.int8, 1),
            pnl=pnl[order],
            kind_pnl=np.asarray(columns.get("kind_pnl", pnl), np.float64)[order],
            ambiguous=take("ambiguous", np.bool_),
            risk=take("risk", np.float64, math.nan),
            **{name: take(name, np.float64) for name in _ZERO},
        )

    @staticmethod
    def none() -> Trades:
        return Trades.of({"pnl": np.zeros(0)})

    def __len__(self) -> int:
        return int(self.pnl.size)

    @cached_property
    def returns(self) -> Floats:
        """Each trade's result over what was paid to enter."""
        if not (self.entry_notional > 0).all():
            raise Undefined("a trade's size at entry is not known")
        ratio: Floats = self.pnl / self.entry_notional
        return ratio

    @cached_property
    def seconds(self) -> Floats:
        held: Floats = (self.exit_ts - self.entry_ts) / 1000.0
        return held


def some(values: Floats, what: str = "no trade was closed") -> Floats:
    if not values.size:
        raise Undefined(what)
    return values


def wins(pnl: Floats) -> Floats:
    return some(pnl[some(pnl) > 0], "no trade won")


def losses(pnl: Floats) -> Floats:
    return some(pnl[some(pnl) < 0], "no trade lost")


def win_rate(pnl: Floats) -> float:
    """Wins over all trades, draws among them."""
    return float((some(pnl) > 0).mean())


def profit_factor(pnl: Floats) -> float:
    return float(pnl[pnl > 0].sum()) / -float(losses(pnl).sum())


def payoff(pnl: Floats) -> float:
    """Mean win over mean loss."""
    return float(wins(pnl).mean()) / -float(losses(pnl).mean())


def expectancy(pnl: Floats) -> float:
    return float(some(pnl).mean())


def expectancy_ratio(pnl: Floats) -> float:
    """Expected result over the mean loss: what a unit of loss earns."""
    return expectancy(pnl) / -float(losses(pnl).mean())


def spread(pnl: Floats) -> float:
    """Sample deviation of results (ddof 1), not zero."""
    if some(pnl).size < 2:
        raise Undefined("fewer than two trades")
    deviation = float(pnl.std(ddof=1))
    if deviation <= 1e-14 * float(np.abs(pnl).max()):
        raise Undefined("no trade's result differs")
    return deviation


def sqn(pnl: Floats) -> float:
    """System quality number (Tharp): root of n, times mean over deviation. It is the t value of the mean."""
    apart = spread(pnl)
    return math.sqrt(pnl.size) * float(pnl.mean()) / apart


def kelly(pnl: Floats) -> float:
    """W - (1 - W) / payoff (Kelly, 1956): the fraction of capital that grows fastest, if the future were like the past."""
    share = win_rate(pnl)
    return share - (1 - share) / payoff(pnl)


def longest_run(hit: npt.NDArray[np.bool_]) -> int:
    """The most hits in a row."""
    edges = np.flatnonzero(np.diff(hit.astype(np.int8), prepend=0, append=0))
    return int((edges[1::2] - edges[::2]).max()) if edges.size else 0


def without_best(pnl: Floats) -> Floats:
    """The results without the single best one."""
    return np.delete(some(pnl), int(np.argmax(pnl)))
