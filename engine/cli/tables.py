"""Columns into a file of the kind its name says: CSV, JSON or Parquet. Written whole or not at all."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from engine.cli.failures import USAGE, Fail
from engine.cli.output import plain

KINDS = (".csv", ".json", ".parquet")


def check_kind(path: Path | None) -> None:
    """Fail (2) when a file's name says no known kind, before any long work is done."""
    if path is not None and path.suffix.lower() not in KINDS:
        raise Fail(f"{path}: the name must end with {', '.join(KINDS)}", USAGE)


def write_table(path: Path, columns: Mapping[str, Any]) -> None:
    """All rows to `path`; empty cells for None and NaN."""
    check_kind(path)
    makers = {".csv": _csv, ".json": _json, ".parquet": _parquet}
    content = makers[path.suffix.lower()](columns)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.write_bytes(content)
    os.replace(part, path)


def _rows(columns: Mapping[str, Sequence[Any]]) -> list[tuple[Any, ...]]:
    return list(zip(*(plain(list(column)) for column in columns.values()), strict=True))


def _csv(columns: Mapping[str, Sequence[Any]]) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(_rows(columns))
    return out.getvalue().encode()


def _json(columns: Mapping[str, Sequence[Any]]) -> bytes:
    rows = [dict(zip(columns, row, strict=True)) for row in _rows(columns)]
    return json.dumps(rows, allow_nan=False).encode() + b"\n"


def _parquet(columns: Mapping[str, Sequence[Any]]) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    out = io.BytesIO()
    pq.write_table(pa.table({name: pa.array(plain(list(column))) for name, column in columns.items()}), out)
    return out.getvalue()
