"""A sweep's table as charts take it: a map of two parameters, the neighbourhood of its peak, lines through all. Pure numpy."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from engine.research.optimise import ranked
from engine.research.sweep_table import Table

LINES = 1_500
"""Parallel coordinates and scatters show at most so many sets, the best among them always."""
METRICS = {
    "sharpe": "Sharpe",
    "total_return": "Return",
    "max_drawdown": "Drawdown",
    "calmar": "Calmar",
    "sortino": "Sortino",
    "profit_factor": "Profit factor",
    "expectancy": "Expectancy",
    "win_rate": "Win rate",
    "sqn": "SQN",
    "trades": "Trades",
    "exposure": "In the market",
    "fees": "Fees",
}
LEAST = ("fees",)
"""Of which less is better."""


def varied(table: Table) -> list[str]:
    """Parameters with more than one value, in the sweep's order."""
    return [name for name in table.names if len(set(table.column(name).tolist())) > 1]


BINS = 12


def plane(table: Table, x: str, y: str, metric: str) -> dict[str, Any]:
    """`x`, `y` the values of two parameters in order, `z` float64[y, x] the median of the metric over all other parameters,
    NaN where no set was run; `row` int64[y, x] the number of the cell's highest set, -1 for none.

    Sets that lie thinly, as those of a search do, are gathered: then `x` and `y` are texts of the spans that a cell covers.
    """
    (xs, at_x), (ys, at_y) = (np.unique(table.column(name), return_inverse=True) for name in (x, y))
    if len(np.unique(at_y * len(xs) + at_x)) < len(xs) * len(ys) / 2:
        xs, at_x = _gathered(table.column(x), xs, at_x)
        ys, at_y = _gathered(table.column(y), ys, at_y)
    values = table.column(metric).astype(np.float64)
    cell = at_y * len(xs) + at_x
    z = np.full(len(xs) * len(ys), np.nan)
    row = np.full(z.size, -1, np.int64)
    good = np.flatnonzero(np.isfinite(values))
    order = good[np.lexsort((values[good], cell[good]))]
    for part in np.split(order, np.flatnonzero(np.diff(cell[order])) + 1):
        if part.size:
            z[cell[part[0]]], row[cell[part[0]]] = np.median(values[part]), part[-1]
    shape = (len(ys), len(xs))
    return {"x": xs, "y": ys, "z": z.reshape(shape), "row": row.reshape(shape)}


def _gathered(column: Any, values: Any, at: Any) -> tuple[Any, Any]:
    """Numbers of many values in BINS spans of equal width."""
    if len(values) <= BINS or column.dtype == object:
        return values, at
    edges = np.linspace(float(values[0]), float(values[-1]), BINS + 1)
    names = np.array([f"{low:.3g}–{high:.3g}" for low, high in itertools.pairwise(edges)], dtype=object)
    return names, np.clip(np.searchsorted(edges, column, side="right") - 1, 0, BINS - 1)


def plateau(z: Any) -> tuple[tuple[int, int], float, float] | None:
    """((row, column) of the highest cell, its value, the median of its up to eight neighbours); None for an empty map."""
    if not np.isfinite(z).any():
        return None
    row, column = np.unravel_index(int(np.nanargmax(z)), z.shape)
    around = z[max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2].astype(np.float64).ravel()
    around = around[np.isfinite(around)]
    others = np.delete(around, int(np.argmax(around)))
    return (int(row), int(column)), float(z[row, column]), float(np.median(others)) if others.size else float("nan")


def sample(table: Table, metric: str) -> Any:
    """Row numbers for charts of single sets: the best, and the rest evenly taken."""
    order = ranked(table, metric)
    if order.size <= LINES:
        return order
    best = order[: LINES // 3]
    rest = order[LINES // 3 :: max(1, order.size // (LINES - best.size))]
    return np.concatenate([best, rest])
