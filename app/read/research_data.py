"""The candles in stock as the data page shows them: rows of a table, and coverage by series on one time axis. No widgets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from engine.research.stock import Coverage, Stocked

COLUMNS = 400
"""A coverage strip has at most so many cells."""
DAY = 86_400_000


def rows(found: Sequence[Stocked]) -> list[dict[str, Any]]:
    """One row a series, newest facts of its quality record; times in ms UTC, size in MB."""
    return [
        {
            "exchange": one.series.exchange,
            "symbol": one.series.symbol,
            "timeframe": one.series.timeframe,
            "grade": one.series.quality.grade,
            "bars": one.series.quality.rows,
            "from_ts": one.series.quality.start,
            "to_ts": (one.series.quality.end or 0) + one.series.quality.timeframe_ms,
            "missing": one.series.quality.gaps / max(one.series.quality.expected, 1),
            "holes": one.series.quality.gap_runs,
            "duplicates": one.series.quality.duplicates,
            "outliers": one.series.quality.outliers,
            "revised": one.series.revised,
            "mb": one.size / 1e6,
            "hash": one.series.quality.content_hash,
        }
        for one in found
    ]


def strips(covered: Mapping[str, Coverage]) -> dict[str, Any]:
    """All series on one axis: `ts` int64[c] ms UTC begins of the cells, `share` float64[s, c] with NaN where a series has no
    time at all, `label` the series' names, first on top."""
    some = {name: cover for name, cover in covered.items() if cover.days.size}
    if not some:
        return {"ts": np.zeros(0, np.int64), "share": np.zeros((0, 0)), "label": []}
    first = min(int(cover.days[0]) for cover in some.values())
    last = max(int(cover.days[-1]) for cover in some.values())
    width = DAY * max(1, -(-((last - first) // DAY + 1) // COLUMNS))
    count = (last - first) // width + 1
    share = np.full((len(some), count), np.nan)
    for i, cover in enumerate(some.values()):
        at = (cover.days - first) // width
        sums, days = np.bincount(at, cover.share, count), np.bincount(at, minlength=count)
        share[i, days > 0] = sums[days > 0] / days[days > 0]
    return {"ts": first + width * np.arange(count), "share": share, "label": list(some)}
