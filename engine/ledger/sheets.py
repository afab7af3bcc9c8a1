"""Columns as files and back: CSV, JSON, Parquet, so that what is read again is what was written, byte for byte.

Text that a spreadsheet would calculate gets an apostrophe before it, and loses it when our own file is read. Numbers keep all
their digits; a number that is not there is an empty cell, a text that is not there an empty text. No database here.
"""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from engine.access.cells import quoted, shielded

FORMATS = ("csv", "json", "parquet")
Columns = Mapping[str, Sequence[Any]]


def write(columns: Columns, kinds: Mapping[str, str], format: str) -> bytes:
    """All rows in the given format. `kinds` says of each column: int, float, bool or text; None and NaN are missing."""
    plain = {name: [_plain(value) for value in _listed(columns[name])] for name in kinds}
    return {"csv": _csv, "json": _json, "parquet": _parquet}[format](plain, kinds)


def _listed(values: Sequence[Any]) -> Sequence[Any]:
    return values.tolist() if hasattr(values, "tolist") else values


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _csv(columns: Mapping[str, list[Any]], kinds: Mapping[str, str]) -> bytes:
    made = zip(*(_cells(values, kinds[name]) for name, values in columns.items()), strict=True)
    return "".join(f"{line}\r\n" for line in (",".join(columns), *map(",".join, made))).encode()


def _cells(values: list[Any], kind: str) -> list[str]:
    if kind == "text":
        return [quoted(shielded(value)) if value else "" for value in values]
    if kind == "float":
        return ["" if value is None else repr(float(value)) for value in values]
    if kind == "bool":
        return ["true" if value else "false" for value in values]
    return ["" if value is None else str(int(value)) for value in values]


def _typed(value: Any, kind: str) -> Any:
    if kind == "text":
        return value or ""
    if kind == "bool":
        return bool(value)
    return None if value is None else float(value) if kind == "float" else int(value)


def _json(columns: Mapping[str, list[Any]], kinds: Mapping[str, str]) -> bytes:
    names = list(columns)
    rows = zip(*([_typed(value, kinds[name]) for value in values] for name, values in columns.items()), strict=True)
    lines = [orjson.dumps(dict(zip(names, row, strict=True))) for row in rows]
    return b"[\n" + b",\n".join(lines) + b"\n]\n" if lines else b"[]\n"


def _parquet(columns: Mapping[str, list[Any]], kinds: Mapping[str, str]) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    types = {"text": pa.string(), "float": pa.float64(), "int": pa.int64(), "bool": pa.bool_()}
    made = {
        name: pa.array([_typed(value, kinds[name]) for value in values], types[kinds[name]])
        for name, values in columns.items()
    }
    out = io.BytesIO()
    pq.write_table(pa.table(made), out, compression="zstd")
    return out.getvalue()
