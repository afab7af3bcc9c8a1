"""Any column of times into int64 ms UTC, with a sentence on how it was read. Times that could mean two things are
refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from math import isfinite
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from engine.market.candles import DataError, Ints
from engine.market.columns import to_numpy

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)
# Each unit's numbers for the years 1973 to 2603; the ranges do not touch.
_UNITS = (
    ("seconds", 1e8, 2e10),
    ("milliseconds", 1e11, 2e13),
    ("microseconds", 1e14, 2e16),
    ("nanoseconds", 1e17, 9.3e18),
)
_TO_MS = {"seconds": (1000, 1), "milliseconds": (1, 1), "microseconds": (1, 1000), "nanoseconds": (1, 1_000_000)}
_FORMATS = {
    "month/day/year": ("%m/%d/%Y %H:%M", "%m/%d/%Y %H:%M:%S", "%m/%d/%Y %I:%M %p", "%m/%d/%Y"),
    "day/month/year": ("%d/%m/%Y %H:%M", "%d/%m/%Y %H:%M:%S", "%d/%m/%Y %I:%M %p", "%d/%m/%Y"),
    "day.month.year": ("%d.%m.%Y %H:%M", "%d.%m.%Y %H:%M:%S", "%d.%m.%Y"),
    "year-month-day with a 12-hour clock": ("%Y-%m-%d %I-%p", "%Y-%m-%d %I:%M %p", "%Y-%m-%d %I:%M:%S %p"),
}


def to_ms(column: pa.ChunkedArray, name: str, place: str) -> tuple[Ints, list[str]]:
    """(int64 ms UTC of shape [n], notes) of an Arrow column of times, numbers or text.

    DataError names column `name` of file `place`.
    """
    kind = column.type
    where = f"{place}: column {name!r}"
    if column.null_count:
        rows = _first(np.array(column.is_null().to_pylist()))
        text = f"has {column.null_count:,} rows without a time (first: row {rows[0]}); delete them or repair the export"
        raise DataError(f"{where} {text}", {"no_time": column.null_count}, rows)
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        zone = getattr(kind, "tz", None)
        moments = pc.cast(column, pa.timestamp("ms", zone), safe=False)
        return to_numpy(pc.cast(moments, pa.int64())), [] if zone else [_assumed(name)]
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return _numbers(to_numpy(column), where)
    with suppress(pa.ArrowInvalid):
        return _numbers(to_numpy(pc.cast(column, pa.int64())), where)
    return _texts([str(text).strip() for text in column.to_pylist()], name, where)


def _assumed(name: str) -> str:
    return f"column {name!r} names no time zone; UTC was assumed"


def _first(mask: npt.NDArray[Any], n: int = 5) -> list[int]:
    return [int(row) + 1 for row in np.flatnonzero(mask)[:n]]


def _numbers(values: npt.NDArray[Any], where: str) -> tuple[Ints, list[str]]:
    if not values.size:
        return np.zeros(0, np.int64), []
    sizes = np.abs(values.astype(np.float64))
    found = next((row for row in _UNITS if row[1] <= sizes[0] < row[2]), None)
    if found is None:
        text = f"begins with {values[0]}, which is no time in s, ms, us or ns since 1970; name the right column `ts`"
        raise DataError(f"{where} {text}", {"no_time": len(values)}, [1])
    unit, low, high = found
    other = ~((sizes >= low) & (sizes < high))
    if other.any():
        rows, count = _first(other), int(other.sum())
        text = f"begins in {unit}, but {count:,} rows are not (first: row {rows[0]}: {values[rows[0] - 1]})"
        raise DataError(f"{where} {text}; bring all rows to one unit", {"mixed_units": count}, rows)
    times, over = _TO_MS[unit]
    if values.dtype.kind == "f":
        exact = np.rint(values * times / over).astype(np.int64)
    else:
        exact = values.astype(np.int64) * times // over
    return exact, [] if unit == "milliseconds" else [f"times are {unit} since 1970"]


def _texts(texts: Sequence[str], name: str, where: str) -> tuple[Ints, list[str]]:
    if not texts:
        return np.zeros(0, np.int64), []
    if _is_number(texts[0]):
        return _number_texts(texts, where)
    try:
        return _iso(texts, name)
    except ValueError:
        pass
    remedy = "write the times as 2024-01-31 23:59 or as ms since 1970"
    readings = [reading for label, formats in _FORMATS.items() if (reading := _by_formats(texts, label, formats))]
    if len(readings) > 1:
        text = f"({texts[0]!r}) reads as {readings[0][1]} and as {readings[1][1]}"
        raise DataError(f"{where} {text}; {remedy}", {"ambiguous_time": len(texts)})
    if readings:
        return readings[0][0], [f"column {name!r} was read as {readings[0][1]}", _assumed(name)]
    bad = [i for i, text in enumerate(texts) if not _parses(text)] or [0]
    text = f"holds text that is no time (row {bad[0] + 1}: {texts[bad[0]]!r})"
    raise DataError(f"{where} {text}; {remedy}", {"no_time": len(bad)}, [b + 1 for b in bad[:5]])


def _number_texts(texts: Sequence[str], where: str) -> tuple[Ints, list[str]]:
    bad = [i for i, text in enumerate(texts) if not _is_number(text)]
    if bad:
        text = f"holds numbers, but {len(bad):,} rows are not (first: row {bad[0] + 1}: {texts[bad[0]]!r})"
        raise DataError(f"{where} {text}; delete or repair them", {"no_time": len(bad)}, [b + 1 for b in bad[:5]])
    mangled = [text for text in texts if "e" in text.lower()]
    repeated = len(texts) - len(set(texts))
    if mangled and repeated > len(texts) // 100:
        raise DataError(
            f"{where} was mangled by a spreadsheet: {mangled[0]!r} has lost its last digits, so {repeated:,} of "
            f"{len(texts):,} times equal an earlier one; export the file again with that column as plain numbers, or "
            "delete the column if another one holds the times",
            {"mangled_time": len(mangled)},
        )
    whole = all(text.isdecimal() for text in texts)
    return _numbers(np.array([int(text) for text in texts]) if whole else np.array(texts, np.float64), where)


def _is_number(text: str) -> bool:
    try:
        return isfinite(float(text)) and "_" not in text
    except ValueError:
        return False


def _parses(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _iso(texts: Sequence[str], name: str) -> tuple[Ints, list[str]]:
    moments = [datetime.fromisoformat(text.removesuffix(" UTC")) for text in texts]
    naive = moments[0].tzinfo is None
    if any((moment.tzinfo is None) != naive for moment in moments):
        raise ValueError("some times have a zone and some have none")
    if naive:
        moments = [moment.replace(tzinfo=UTC) for moment in moments]
    zoned = not naive or texts[0].endswith(" UTC")
    return np.array([(moment - _EPOCH) // _MS for moment in moments], np.int64), [] if zoned else [_assumed(name)]


def _by_formats(texts: Sequence[str], label: str, formats: Sequence[str]) -> tuple[Ints, str] | None:
    """The times by the first of `formats` that fits every row, or None."""
    for form in formats:
        try:
            moments = [datetime.strptime(text, form).replace(tzinfo=UTC) for text in texts]
        except ValueError:
            continue
        return np.array([(moment - _EPOCH) // _MS for moment in moments], np.int64), label
    return None
