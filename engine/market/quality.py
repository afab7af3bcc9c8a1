"""What is wrong with a series of candles: counted, graded A to F, and hashed. Nothing is changed here.

Defects (they refuse a file): duplicate or unsorted times, values that are no number, prices not above zero or negative
volume, impossible rows (high below open or close, low above them), rows off the timeframe's grid. Observations (counted
and graded, never refused): missing bars, outliers, bars without volume. A market without a trade in a minute has no bar
for it, so a hole alone cannot be told from silence.

Grades by the share of missing bars: A up to 0.1 %, B up to 1 %, C up to 5 %, D up to 20 %, F beyond. Any outlier, or
more than a quarter of the bars without volume, is B at best; any defect is D at best, and F above 1 % of the rows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.market.candles import Floats, Ints

Mask = npt.NDArray[np.bool_]

OUTLIER_MEDIANS = 40.0
OUTLIER_FLOOR = 0.05
"""An outlier jumps, bar to next bar, by more than 5 % and more than 40 times the median move."""
_SHARES = (("A", 0.001), ("B", 0.01), ("C", 0.05), ("D", 0.20))


@dataclass(frozen=True)
class Quality:
    """The judgement; times in ms UTC, counts in rows (`gaps` in missing bars, `gap_runs` in holes)."""

    rows: int
    timeframe_ms: int
    start: int | None
    end: int | None
    expected: int
    gaps: int
    gap_runs: int
    longest_gap: int
    longest_gap_at: int | None
    duplicates: int
    unsorted: int
    nan: int
    negative: int
    impossible: int
    off_grid: int
    outliers: int
    zero_volume: int
    longest_frozen: int
    grade: str
    content_hash: str

    @property
    def defects(self) -> int:
        return self.duplicates + self.unsorted + self.nan + self.negative + self.impossible + self.off_grid

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def infer_timeframe(ts: Ints) -> int:
    """The most frequent positive distance between neighbouring times in ms; 0 when there are fewer than two times."""
    steps = np.diff(np.unique(ts))
    if not steps.size:
        return 0
    values, counts = np.unique(steps, return_counts=True)
    return int(values[np.argmax(counts)])


def defect_masks(ts: Ints, ohlcv: Sequence[Floats], timeframe_ms: int) -> dict[str, Mask]:
    """One mask of shape [n] a defect, True where a row has it."""
    columns = np.vstack(ohlcv)
    finite = np.isfinite(columns).all(axis=0)
    with np.errstate(invalid="ignore"):
        negative = (columns[:4] <= 0).any(axis=0) | (columns[4] < 0)
        impossible = (columns[1] < columns[[0, 2, 3]].max(axis=0)) | (columns[2] > columns[[0, 1, 3]].min(axis=0))
    return {
        "duplicates": _repeats(ts),
        "unsorted": np.concatenate(([False], np.diff(ts) < 0)) if ts.size else np.zeros(0, np.bool_),
        "nan": ~finite,
        "negative": finite & negative,
        "impossible": finite & ~negative & impossible,
        "off_grid": _off_grid(ts, timeframe_ms),
    }


def assess(ts: Ints, ohlcv: Sequence[Floats], timeframe_ms: int) -> Quality:
    """Judges candles of shape [n] as they are, in any order. `ohlcv` = open, high, low, close, volume."""
    counts = {name: int(mask.sum()) for name, mask in defect_masks(ts, ohlcv, timeframe_ms).items()}
    times = np.unique(ts)
    expected, holes, at = _holes(times, timeframe_ms)
    volume, rows = ohlcv[4], len(ts)
    found = {
        "expected": expected,
        "gaps": int(holes.sum()),
        "gap_runs": len(holes),
        "longest_gap": int(holes.max()) if holes.size else 0,
        "longest_gap_at": int(at[np.argmax(holes)]) if holes.size else None,
        "outliers": int(outliers(ts, ohlcv, timeframe_ms).sum()),
        "zero_volume": int((volume == 0).sum()),
        "longest_frozen": _longest_frozen(ohlcv),
    }
    return Quality(
        rows=rows,
        timeframe_ms=timeframe_ms,
        start=int(times[0]) if rows else None,
        end=int(times[-1]) if rows else None,
        **counts,
        **found,  # type: ignore[arg-type]
        grade=_grade(rows, sum(counts.values()), found),
        content_hash=content_hash(ts, ohlcv),
    )


def content_hash(ts: Ints, ohlcv: Sequence[Floats]) -> str:
    """SHA-256 of the values, whatever file they came from."""
    digest = hashlib.sha256(b"evenkeel candles 1")
    digest.update(np.ascontiguousarray(ts, "<i8").tobytes())
    for column in ohlcv:
        digest.update(np.ascontiguousarray(column, "<f8").tobytes())
    return digest.hexdigest()


def outliers(ts: Ints, ohlcv: Sequence[Floats], timeframe_ms: int) -> Mask:
    """True where a bar's open or close is a jump from the close before (see OUTLIER_*); jumps over a hole do not
    count.
    """
    n = len(ts)
    mask = np.zeros(n, np.bool_)
    if n < 3 or not timeframe_ms:
        return mask
    open_, close = ohlcv[0], ohlcv[3]
    with np.errstate(invalid="ignore", divide="ignore"):
        into_close = np.abs(np.log(close[1:] / close[:-1]))
        into_open = np.abs(np.log(open_[1:] / close[:-1]))
    neighbours = (np.diff(ts) == timeframe_ms) & np.isfinite(into_close) & np.isfinite(into_open)
    if not neighbours.any():
        return mask
    limit = max(OUTLIER_FLOOR, OUTLIER_MEDIANS * float(np.median(into_close[neighbours])))
    mask[1:] = neighbours & (np.maximum(into_close, into_open) > limit)
    return mask


def _repeats(ts: Ints) -> Mask:
    """True where the same time stood in an earlier row."""
    mask = np.ones(len(ts), np.bool_)
    mask[np.unique(ts, return_index=True)[1]] = False
    return mask


def _off_grid(ts: Ints, timeframe_ms: int) -> Mask:
    """True where a time is off the grid that most rows are on (a shifted grid is a grid)."""
    if not timeframe_ms or len(ts) < 3:
        return np.zeros(len(ts), np.bool_)
    rest = ts % timeframe_ms
    values, counts = np.unique(rest, return_counts=True)
    return np.asarray(rest != values[np.argmax(counts)])


def _holes(times: Ints, timeframe_ms: int) -> tuple[int, Ints, Ints]:
    """Bars expected from first to last, length of each hole in bars, and the time each hole begins."""
    if times.size < 2 or not timeframe_ms:
        return len(times), np.zeros(0, np.int64), np.zeros(0, np.int64)
    missing = np.diff(times) // timeframe_ms - 1
    at = np.flatnonzero(missing > 0)
    return int((times[-1] - times[0]) // timeframe_ms) + 1, missing[at], times[at] + timeframe_ms


def _longest_frozen(ohlcv: Sequence[Floats]) -> int:
    """Longest run of bars equal to the bar before in all prices."""
    if len(ohlcv[0]) < 2:
        return 0
    prices = np.vstack(ohlcv[:4])
    changed = np.flatnonzero((prices[:, 1:] != prices[:, :-1]).any(axis=0))
    edges = np.concatenate(([-1], changed, [len(ohlcv[0]) - 1]))
    return int(np.diff(edges).max()) - 1


def _grade(rows: int, defects: int, found: dict[str, int | None]) -> str:
    if not rows:
        return "F"
    share = (found["gaps"] or 0) / max(found["expected"] or 1, 1)
    grade = next((name for name, limit in _SHARES if share <= limit), "F")
    if found["outliers"] or (found["zero_volume"] or 0) > rows / 4:
        grade = max(grade, "B")
    if defects:
        grade = max(grade, "D" if defects <= rows / 100 else "F")
    return grade
