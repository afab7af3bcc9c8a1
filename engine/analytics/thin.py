"""Fewer points for a chart: a line of any length in at most `points`, keeping each stretch's extremes. Pure numpy."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

POINTS = 2_000


def thin(y: npt.NDArray[Any], points: int = POINTS) -> npt.NDArray[np.int64]:
    """Indexes to keep, in order: all of them, or the lowest and highest of each stretch, and both ends."""
    n = len(y)
    if n <= points:
        return np.arange(n)
    stretches = points // 2
    edges = np.linspace(0, n, stretches + 1).astype(np.int64)
    width = int(np.diff(edges).max())
    index = np.minimum(edges[:-1, None] + np.arange(width), edges[1:, None] - 1)
    block = y[index]
    rows = np.arange(stretches)
    kept = np.concatenate([index[rows, block.argmin(axis=1)], index[rows, block.argmax(axis=1)], [0, n - 1]])
    return np.unique(kept)
