"""One statistic, said once: its name, its label in traders' words, its unit, its convention, its source and how to reckon it.

The rows are in definitions_returns, definitions_trades and definitions_evidence; engine.analytics.table puts them together.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np

from engine.analytics.curve import Curve
from engine.analytics.falls import Spells, max_drawdown, spells
from engine.analytics.trades import Trades
from engine.analytics.values import MIN_DAYS, MIN_TRADES, Convention, Floats, Undefined

Unit = Literal["fraction", "money", "ratio", "count", "seconds", "days"]
Sample = Literal["days", "trades", ""]


@dataclass(frozen=True, eq=False)
class Account:
    """What statistics are made of. `fees` and `open_trades` are those of all fills and of the end; `market` is what holding
    the symbol would have done from the same start, where there is one."""

    curve: Curve
    trades: Trades = field(default_factory=Trades.none)
    convention: Convention = field(default_factory=Convention)
    open_trades: int = 0
    fees: float | None = None
    market: Curve | None = None

    @property
    def returns(self) -> Floats:
        return self.curve.daily_returns

    @cached_property
    def deepest(self) -> float:
        """The deepest fall on every stored point."""
        return max_drawdown(self.curve.levels)

    @cached_property
    def under_water(self) -> Spells:
        return spells(self.curve.level_ts, self.curve.levels)

    @cached_property
    def market_returns(self) -> Floats:
        """float64[d] of the market on the account's own days."""
        if self.market is None:
            raise Undefined("there is no one market to compare with")
        days, moved = self.market.days, self.market.daily_returns
        out = np.zeros(self.returns.size)
        at = days - self.curve.days[0] if self.curve.days.size else days
        inside = (at >= 0) & (at < out.size)
        out[at[inside]] = moved[inside]
        return out


@dataclass(frozen=True)
class Definition:
    """`sentence` is shown on hover; `sample` says what it is measured on: below the minimum the number says little."""

    name: str
    label: str
    unit: Unit
    sample: Sample
    value: Callable[[Account], float | int]
    sentence: str
    source: str

    @property
    def minimum(self) -> int:
        return {"days": MIN_DAYS, "trades": MIN_TRADES, "": 0}[self.sample]

    def few(self, account: Account) -> str | None:
        """Why a value says little, or None."""
        have = len(account.trades) if self.sample == "trades" else account.returns.size
        if have >= self.minimum:
            return None
        of = self.sample if have != 1 else self.sample[:-1]
        return f"{have} {of}: too few below {self.minimum}"
