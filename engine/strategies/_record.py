"""What a strategy may know of its own past: how its signals did, as it was known at each bar. No database and no rule is here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Row = Sequence[float | None]


@dataclass(frozen=True, eq=False)
class Record:
    """The record of the strategy's signals beside its bars, one value a bar, each known before the bar's end.

    `resolved` float64[n]: windows that do not overlap, 0 before any is known; `won` the share of signals that made money net of
    costs; `mean` their mean return as a fraction; both NaN before any is known. `weight`: what the source has earned by it, 1
    until something is known. Where a regime of the market is known, all of the day's regime.
    """

    resolved: Floats
    won: Floats
    mean: Floats
    weight: Floats


class Told(list[Row]):
    """Rows as `beside` takes them, and whether a strategy has `asked` for them: who does not ask needs none to be made."""

    asked = False


def beside(known: Sequence[Row], ends: npt.NDArray[np.int64]) -> Record:
    """`known` rows [ts, resolved, won, mean, weight] in order of ts (ms UTC), None for unknown, beside bars that end at `ends`
    int64[n]: a bar is told the last row from before its end."""
    if isinstance(known, Told):
        known.asked = True
    table = np.array([(0, 0, None, None, 1), *known], np.float64)  # None becomes NaN
    at = np.searchsorted(np.array([row[0] for row in known], np.int64), ends, side="left")
    return Record(*(np.ascontiguousarray(table[at, column]) for column in range(1, 5)))
