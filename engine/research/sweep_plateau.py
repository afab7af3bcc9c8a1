"""Whether a peak stands on a plateau: for each set the median of its neighbours in the grid. A lone peak is luck."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.research.sweep_table import Table

Floats = npt.NDArray[np.float64]
MOST_CELLS, DIAGONAL = 20_000_000, 3


def plateau(table: Table, metric: str) -> Floats:
    """float64[rows]: the median of the statistic over the sets next to each one, itself left out; NaN without neighbours.

    Neighbours differ by one step in any of the parameters, of more than three parameters in one of them at a time. Choices
    (words, switches) have no steps: only sets with the same choice are neighbours. ValueError for a grid too wide to lay out.
    """
    values = table.column(metric).astype(np.float64)
    steps = [_steps(table.column(name)) for name in table.names]
    shape = tuple(int(own.max(initial=-1)) + 1 for own in steps)
    cells = int(np.prod([float(n + 2) for n in shape]))
    if cells > MOST_CELLS:
        raise ValueError(f"these sets lie in a space of {cells:,} cells: neighbours are looked for in grids only")
    room = np.full([n + 2 for n in shape], np.nan)
    at = tuple(own + 1 for own in steps)
    room[at] = values
    ordered = [table.column(name).dtype.kind in "if" for name in table.names]
    around = [room[tuple(own + d for own, d in zip(at, offset, strict=True))] for offset in _offsets(ordered)]
    return _median(np.array(around)) if around else np.full(values.size, np.nan)


def _steps(column: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """Each value's place among the distinct ones."""
    keys = column if column.dtype.kind in "if" else np.array([str(value) for value in column])
    return np.unique(keys, return_inverse=True)[1].reshape(-1).astype(np.int64)


def _offsets(ordered: list[bool]) -> list[tuple[int, ...]]:
    moves = [(-1, 0, 1) if own else (0,) for own in ordered]
    found = [offset for offset in itertools.product(*moves) if any(offset)]
    return found if sum(ordered) <= DIAGONAL else [offset for offset in found if sum(map(abs, offset)) == 1]


def _median(around: Floats) -> Floats:
    """Down the first axis, NaN left out; NaN where there is nothing else."""
    known = np.isfinite(around).sum(axis=0)
    ordered = np.sort(around, axis=0)  # NaN go last
    rows = np.arange(around.shape[1])
    low, high = ordered[np.maximum(known - 1, 0) // 2, rows], ordered[known // 2 * (known > 1), rows]
    return np.where(known > 0, (low + high) / 2.0, np.nan)
