# mypy: allow-untyped-defs, allow-incomplete-defs, no-warn-return-any
"""Lowest and highest of any stretch of a block of bars, each by two looks: what a sweep asks between two decisions.

`levels` i8[4, LEVELS, block]: LOW, HIGH, LEAST, MOST (of closes); row j holds the extreme of the 2**j bars from each bar on.
"""

import numpy as np

from engine.core.jit import helper

LOW, HIGH, LEAST, MOST = np.arange(4)


def levels_of(block: int) -> tuple[np.ndarray, np.ndarray]:
    """Room for a block: (levels, logs i8[block + 1]: the largest j with 2**j <= n)."""
    logs = np.zeros(block + 1, np.int64)
    logs[1:] = np.floor(np.log2(np.arange(1, block + 1)))
    return np.zeros((4, int(logs[-1]) + 1, block), np.int64), logs


@helper
def _lower(out, one, other):
    for i in range(out.size):
        out[i] = min(one[i], other[i])


@helper
def _higher(out, one, other):
    for i in range(out.size):
        out[i] = max(one[i], other[i])


@helper
def fill_levels(levels, lows, highs, closes):
    """Of a block of bars, as long as these columns."""
    n = lows.size
    for i in range(n):
        levels[LOW, 0, i], levels[HIGH, 0, i] = lows[i], highs[i]
        levels[LEAST, 0, i], levels[MOST, 0, i] = closes[i], closes[i]
    j, span = 1, 1
    while j < levels.shape[1] and 2 * span <= n:
        m = n - 2 * span + 1
        for q in range(4):
            row, before = levels[q, j], levels[q, j - 1]
            if q == LOW or q == LEAST:
                _lower(row[:m], before[:m], before[span : span + m])
            else:
                _higher(row[:m], before[:m], before[span : span + m])
        j, span = j + 1, 2 * span
