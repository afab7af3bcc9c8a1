"""Reading: many rows as numpy columns from a raw cursor, few rows as dictionaries. No page's question is asked here.

ORM objects are twenty times slower on big results, so nothing here makes any.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection, Engine, text

Column = npt.NDArray[Any]
CHUNK = 250
"""Rows a fetch: few enough that the collector of cycles is not woken by them; eight times as many take half as long again."""


def columns(engine: Engine, sql: str, params: Mapping[str, Any] | None = None) -> dict[str, Column]:
    """The result of a SELECT with `:name` parameters, one array a column, in the query's order.

    Whole numbers become int64, numbers float64 with NaN for NULL (whole numbers with NULL too), the rest object arrays
    with None. An empty result has float64 columns of length 0.
    """
    try:
        return _columns(engine, sql, params, strictly=True)
    except sqlite3.OperationalError as error:
        if "UTF-8" not in str(error):
            raise
        return _columns(engine, sql, params, strictly=False)


def _columns(engine: Engine, sql: str, params: Mapping[str, Any] | None, *, strictly: bool) -> dict[str, Column]:
    with engine.connect() as connection, strict(connection) if strictly else nullcontext():
        result = connection.execute(text(sql), dict(params or {}))
        names = list(result.keys())
        cursor: Any = result.cursor
        chunks: list[list[Column]] = []
        while rows := cursor.fetchmany(CHUNK):
            chunks.append([_column(values) for values in zip(*rows, strict=True)])
        result.close()
    if not chunks:
        return {name: np.empty(0) for name in names}
    return {name: _joined([chunk[i] for chunk in chunks]) for i, name in enumerate(names)}


@contextmanager
def strict(connection: Connection) -> Iterator[None]:
    """Within it SQLite's texts are read by its driver's own code, in two thirds of the time; one that is no UTF-8 is an error."""
    raw = connection.connection.driver_connection
    if not isinstance(raw, sqlite3.Connection):
        yield
        return
    before, raw.text_factory = raw.text_factory, str
    try:
        yield
    finally:
        raw.text_factory = before


def _column(values: tuple[Any, ...]) -> Column:
    kinds = set(map(type, values))
    if kinds == {int}:
        return np.fromiter(values, np.int64, len(values))
    if kinds <= {float, int}:
        return np.fromiter(values, np.float64, len(values))
    if kinds == {bool}:
        return np.fromiter(values, np.bool_, len(values))
    if kinds <= {float, int, type(None)}:
        return np.array(values, np.float64)
    out = np.empty(len(values), object)
    out[:] = values
    return out


def _joined(parts: list[Column]) -> Column:
    if len(parts) == 1:
        return parts[0]
    if any(part.dtype == object for part in parts):
        return _objects(parts)
    return np.concatenate(parts)


def _objects(parts: list[Column]) -> Column:
    """Chunks of which one is text: NaN that stood for NULL is None again."""
    out = np.empty(sum(map(len, parts)), object)
    out[:] = list(chain.from_iterable(part if part.dtype == object else [None] * len(part) for part in parts))
    return out


def rows(engine: Engine, sql: str, params: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
    """A short result, one dictionary a row."""
    with engine.connect() as connection:
        return [dict(row) for row in connection.execute(text(sql), dict(params or {})).mappings()]


def scalar(engine: Engine, sql: str, params: Mapping[str, Any] | None = None) -> Any:
    """The first value of the first row; None without one."""
    with engine.connect() as connection:
        return connection.execute(text(sql), dict(params or {})).scalar()
