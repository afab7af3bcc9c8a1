"""Candle files of anybody into checked candles: refused with the reason, or repaired exactly as the person chose.

What refuses a file: duplicate times, rows out of order, values that are no number, prices not above zero or negative
volume, impossible rows, rows off the grid. Missing bars alone do not (a market without a trade in a minute has no bar
for it): they are counted, graded and said in a note. `drop` sorts, keeps the last of rows with one time, and takes
bad rows out; `fill` does the same, sets a missing volume to 0, and puts a flat bar without volume at the last close
into every hole.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from engine.market.candles import COLUMNS, Candles, DataError, Floats, iso
from engine.market.columns import to_numpy
from engine.market.quality import Quality, assess, defect_masks, infer_timeframe
from engine.market.symbols import canonical, timeframe_name
from engine.market.tables import Table, read_table
from engine.market.timestamps import to_ms

Repair = Literal["drop", "fill"]

_WORDS = {
    "duplicates": "repeat an earlier time",
    "unsorted": "are older than the row before",
    "nan": "hold a value that is no number",
    "negative": "have a price not above zero or a negative volume",
    "impossible": "are impossible (high below or low above another price)",
    "off_grid": "are off the grid of the timeframe",
}
MAX_FILL = 50_000_000


def read_candles(path: str | os.PathLike[str], rows: int | None = None, repair: Repair | None = None) -> Candles:
    """The first `rows` candles of a Parquet, Feather or CSV file, sorted, unique and possible; times in ms UTC.

    `.notes` says what was detected, assumed and repaired. DataError when the file has defects and `repair` is None,
    when it cannot be read, or when repairing leaves nothing.
    """
    if repair not in (None, "drop", "fill"):
        raise DataError(f"--repair {repair!r} is not known; use drop or fill")
    if rows is not None and rows < 1:
        raise DataError(f"--rows must be at least 1, got {rows}")
    table = read_table(Path(path), rows)
    candles = _parse(table)
    if not len(candles):
        raise DataError(f"{table.place} has a header but no rows; fetch or export it again")
    return check(candles, table.place, repair)


def check(candles: Candles, place: str, repair: Repair | None = None) -> Candles:
    """Refuses or repairs candles of any origin; `place` names them in messages."""
    candles = replace(candles, timeframe_ms=candles.timeframe_ms or infer_timeframe(candles.ts))
    if repair == "fill":
        candles = _volumes_filled(candles)
    masks = defect_masks(candles.ts, candles.ohlcv, candles.timeframe_ms)
    counts = {name: int(mask.sum()) for name, mask in masks.items() if mask.any()}
    if counts and repair is None:
        raise DataError(_refusal(candles, place, masks, counts), counts, _offenders(masks))
    if counts:
        candles = _dropped(candles, masks, counts, place)
    quality = assess(candles.ts, candles.ohlcv, candles.timeframe_ms)
    if quality.gaps and repair == "fill":
        return _filled(candles, quality)
    if quality.gaps:
        candles = replace(candles, notes=(*candles.notes, gap_sentence(quality)))
    return candles


def gap_sentence(quality: Quality) -> str:
    """Missing bars in words, for notes and warnings."""
    share = quality.gaps / quality.expected
    return (
        f"{quality.gaps:,} of {quality.expected:,} bars are missing ({share:.1%}, in {quality.gap_runs:,} holes, "
        f"longest {quality.longest_gap:,} bars from {iso(quality.longest_gap_at or 0)}); grade {quality.grade}. "
        "They stay missing unless --repair fill is given"
    )


def _parse(table: Table) -> Candles:
    ts, notes = to_ms(table.columns["ts"], table.names["ts"], table.place)
    numbers = {name: _floats(table.columns[name], table.names[name], table.place) for name in COLUMNS}
    open_, high, low, close, volume = (numbers[name] for name in COLUMNS)
    return Candles(ts, open_, high, low, close, volume, symbol=_symbol(table), notes=(*table.notes, *notes))


def _floats(column: pa.ChunkedArray, name: str, place: str) -> Floats:
    """Numbers as float64; what is empty or null becomes NaN; other text is an error with its row."""
    where = f"{place}: column {name!r}"
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        text = pc.utf8_trim_whitespace(column)
        try:
            column = pc.cast(text, pa.float64())
        except pa.ArrowInvalid:
            bad = [i for i, value in enumerate(text.to_pylist()) if value is not None and not _is_float(value)] or [0]
            said = f"holds {text[bad[0]].as_py()!r} in row {bad[0] + 1}, which is no number ({len(bad):,} such rows)"
            remedy = "write numbers with a point and without thousands separators"
            raise DataError(f"{where} {said}; {remedy}", {"text": len(bad)}, [b + 1 for b in bad[:5]]) from None
    try:
        values = to_numpy(pc.cast(column, pa.float64(), safe=False))
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid):
        raise DataError(f"{where} holds {column.type}, not numbers; rename or convert it") from None
    return np.ascontiguousarray(values, np.float64)


def _is_float(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _symbol(table: Table) -> str | None:
    if "symbol" not in table.columns:
        return None
    names = [str(name) for name in pc.unique(table.columns["symbol"]).to_pylist()]
    if len(names) > 1:
        raise DataError(f"{table.place} mixes {len(names)} symbols ({', '.join(names[:4])}); give one file for each")
    try:
        return canonical(names[0]) if names else None
    except ValueError:
        return None


def _offenders(masks: dict[str, npt.NDArray[np.bool_]], n: int = 5) -> list[int]:
    any_defect = np.logical_or.reduce(list(masks.values()))
    return [int(row) + 1 for row in np.flatnonzero(any_defect)[:n]]


def _refusal(candles: Candles, place: str, masks: dict[str, npt.NDArray[np.bool_]], counts: dict[str, int]) -> str:
    parts = []
    for name, count in counts.items():
        if name == "unsorted" and count == len(candles) - 1 - counts.get("duplicates", 0):
            parts.append("its rows run newest first")
            continue
        row = int(np.flatnonzero(masks[name])[0])
        parts.append(f"{count:,} rows {_WORDS[name]} (first: row {row + 1}: {_row_text(candles, row)})")
    return (
        f"{place} is refused: {'; '.join(parts)}. Repair the file, or choose --repair drop (sort, keep the last row "
        "of each time, take bad rows out) or --repair fill (the same, and flat bars without volume in every hole)"
    )


def _row_text(candles: Candles, row: int) -> str:
    values = " ".join(f"{name} {getattr(candles, name)[row]:.12g}" for name in COLUMNS)
    return f"{iso(candles.ts[row])} {values}"


def _dropped(candles: Candles, masks: dict[str, npt.NDArray[np.bool_]], counts: dict[str, int], place: str) -> Candles:
    """Sorted by time, the last row of each time kept, bad rows out; notes say how many of each."""
    bad = masks["nan"] | masks["negative"] | masks["impossible"] | masks["off_grid"]
    rows = np.flatnonzero(~bad)
    rows = rows[np.argsort(candles.ts[rows], kind="stable")]
    ts = candles.ts[rows]
    last = np.concatenate((ts[1:] != ts[:-1], [True])) if rows.size else np.zeros(0, np.bool_)
    conflicts = _conflicts(candles, rows)
    kept = candles.take(rows[last])
    if not len(kept):
        count = f"{int(bad.sum()):,} bad rows of {len(candles):,}"
        raise DataError(f"{place} is refused: no row is left after taking out {count}", counts)
    told = [f"{count:,} that {_WORDS[name]}" for name, count in counts.items()]
    note = f"repaired: {len(candles) - len(kept):,} of {len(candles):,} rows taken out, the rest sorted"
    note += f"; there were {', '.join(told)}"
    if conflicts:
        note += f"; {conflicts:,} of the repeated times came with different values, the last row of each was kept"
    return replace(kept, notes=(*candles.notes, note))


def _volumes_filled(candles: Candles) -> Candles:
    """Volume 0 where only the volume is missing (mark and index prices have none)."""
    missing = np.isnan(candles.volume)
    if not missing.any():
        return candles
    note = f"repaired: {int(missing.sum()):,} missing volumes set to 0"
    return replace(candles, volume=np.where(missing, 0.0, candles.volume), notes=(*candles.notes, note))


def _conflicts(candles: Candles, rows: npt.NDArray[np.int64]) -> int:
    ts = candles.ts[rows]
    same = np.flatnonzero(ts[1:] == ts[:-1])
    values: Sequence[Floats] = [column[rows] for column in candles.ohlcv]
    return int(np.logical_or.reduce([column[same + 1] != column[same] for column in values]).sum()) if same.size else 0


def _filled(candles: Candles, quality: Quality) -> Candles:
    """Every hole filled with flat bars at the last close and no volume."""
    if quality.expected > MAX_FILL:
        made_of = f"{quality.expected:,} bars of {len(candles):,}"
        raise DataError(f"filling would make {made_of}; cut the file to a shorter span first")
    step = candles.timeframe_ms
    grid = np.arange(int(candles.ts[0]), int(candles.ts[-1]) + step, step, dtype=np.int64)
    source = np.searchsorted(candles.ts, grid, side="right") - 1
    made = candles.ts[source] != grid
    close = candles.close[source]
    open_, high, low = (np.where(made, close, column[source]) for column in (candles.open, candles.high, candles.low))
    volume = np.where(made, 0.0, candles.volume[source])
    note = (
        f"repaired: {int(made.sum()):,} missing {timeframe_name(step)} bars filled flat at the last close, without volume "
        f"(in {quality.gap_runs:,} holes, longest {quality.longest_gap:,} bars)"
    )
    notes = (*candles.notes, note)
    return replace(candles, ts=grid, open=open_, high=high, low=low, close=close, volume=volume, notes=notes)
