"""Tables as files: CSV, JSON, Parquet. No text cell can become a formula in a spreadsheet. Pure."""

from __future__ import annotations

import csv
from collections.abc import Callable
from io import BytesIO

import pandas as pd

from engine.access.cells import calculated


def safe_cell(value: object) -> object:
    """Text that a spreadsheet would calculate gets an apostrophe before it; numbers stay numbers."""
    return "'" + value if isinstance(value, str) and calculated(value) else value


def to_csv(frame: pd.DataFrame) -> bytes:
    """CSV, UTF-8, header first; text made harmless, header too; numbers with all their digits. All text is in quotes: in some
    countries a semicolon parts cells, too."""
    safe = frame.copy()
    for name in safe.columns:
        if not pd.api.types.is_numeric_dtype(safe[name]):
            safe[name] = safe[name].map(safe_cell)
    safe.columns = [str(safe_cell(str(name))) for name in safe.columns]
    return safe.to_csv(index=False, quoting=csv.QUOTE_NONNUMERIC).encode()


def to_json(frame: pd.DataFrame) -> bytes:
    """An array of objects, one a row, all digits of a double."""
    text = frame.to_json(orient="records", double_precision=15, date_format="iso", force_ascii=False)
    return (text or "[]").encode()


def to_parquet(frame: pd.DataFrame) -> bytes:
    """Parquet with zstd."""
    buffer = BytesIO()
    frame.to_parquet(buffer, index=False, compression="zstd")
    return buffer.getvalue()


FORMATS: dict[str, tuple[Callable[[pd.DataFrame], bytes], str, str]] = {
    "CSV": (to_csv, "csv", "text/csv"),
    "JSON": (to_json, "json", "application/json"),
    "Parquet": (to_parquet, "parquet", "application/vnd.apache.parquet"),
}
