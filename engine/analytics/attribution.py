"""Where a result came from: gross, fees, slippage, funding and AI cost to net; sums by any two columns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.analytics.values import Floats, Ints


@dataclass(frozen=True)
class Waterfall:
    """Money. `gross` is what the prices before slippage would have brought; each cost is below zero where it was paid, and `net`
    is the sum of all of them."""

    gross: float
    fees: float
    slippage: float
    funding: float
    ai: float

    @property
    def net(self) -> float:
        return self.gross + self.fees + self.slippage + self.funding + self.ai


def waterfall(pnl: Floats, fees: Floats, slippage: Floats, funding: Floats, ai: float = 0.0) -> Waterfall:
    """Of closed trades: `pnl` float64[n] net of fees and funding at the prices really filled, `fees`, `slippage` and `funding` as
    they were paid (above zero is a cost; funding below zero was received), `ai` what questions to models cost, above zero."""
    paid, slipped, funded = float(fees.sum()), float(slippage.sum()), float(funding.sum())
    return Waterfall(float(pnl.sum()) + paid + slipped + funded, -paid, -slipped, -funded, -ai)


def steps(made: Waterfall) -> dict[str, float]:
    """From gross to net by name; a cost that was nothing is left out."""
    costs = {"fees": made.fees, "slippage": made.slippage, "funding": made.funding, "AI": made.ai}
    return {"gross": made.gross, **{name: value for name, value in costs.items() if value}, "net": made.net}


@dataclass(frozen=True, eq=False)
class Pivot:
    """`rows` and `columns` are names; `total`, `count` and `wins` float64/int64[rows, columns] of the trades of each cell."""

    rows: list[str]
    columns: list[str]
    total: Floats
    count: Ints
    wins: Ints


def pivot(down: npt.NDArray[np.object_], across: npt.NDArray[np.object_], values: Floats) -> Pivot:
    """Values added up by two columns of names, each in order of its names. No trade is looped over."""
    rows, at = np.unique(down.astype(str), return_inverse=True)
    columns, to = np.unique(across.astype(str), return_inverse=True)
    return pivot_coded(rows.tolist(), at, columns.tolist(), to, values)


def pivot_coded(rows: list[str], at: Ints, columns: list[str], to: Ints, values: Floats) -> Pivot:
    """The same for names already numbered: `at` and `to` int64[n] index `rows` and `columns`."""
    shape = (len(rows), len(columns))
    cell, size = at * shape[1] + to, shape[0] * shape[1]
    total: Floats = np.bincount(cell, values, size).astype(np.float64).reshape(shape)
    count = np.bincount(cell, minlength=size).astype(np.int64).reshape(shape)
    wins = np.bincount(cell[values > 0], minlength=size).astype(np.int64).reshape(shape)
    return Pivot(rows, columns, total, count, wins)
