"""The ledger's rows from one database into another of the same schema: PostgreSQL to SQLite, and back.

The tables are ours and few, so that a copy needs no tool of the server's: what is read stands in one moment, and what was
written is counted. Which copy is a backup, and where it lies, is engine.ledger.backup's.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import JSON, Connection, Engine, Table, column, func, select, table, text

from db.errors import StorageError
from db.models import metadata
from db.schema import check_schema, migrate
from db.session import open_engine

ROWS = 2_000
"""At once: a copy needs the memory of so many rows, however long a table is."""


def to_file(server: Engine, file: Path) -> dict[str, int]:
    """Every row of `server` in a new SQLite file, as they stood at one moment; how many by table.

    The server's schema must be this code's (StorageError says what to do). `file` must not exist.
    """
    check_schema(server)
    fresh = open_engine(f"sqlite:///{file}")
    try:
        migrate(fresh)
        with server.connect() as reading:
            reading = reading.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            with fresh.execution_options(write=True).begin() as writing:
                counts = {one.name: _copy(one, reading, writing) for one in metadata.sorted_tables}
        with fresh.connect() as connection:
            raw: Any = connection.connection.driver_connection
            raw.execute("PRAGMA journal_mode=DELETE")
    finally:
        fresh.dispose()
    return counts


def into_server(file: Path, server: Engine) -> dict[str, int]:
    """Every row of the SQLite file in place of what the server's tables hold, all or nothing; how many by table.

    Both must be of this code's schema. Numbers that the server gives from then on go on behind those that came.
    """
    source = open_engine(f"sqlite:///{file}", read_only=True)
    try:
        check_schema(source)
        migrate(server)
        with source.connect() as reading, server.begin() as writing:
            names = ", ".join(f'"{one.name}"' for one in metadata.sorted_tables)
            writing.execute(text(f"TRUNCATE {names}"))
            counts = {one.name: _copy(one, reading, writing) for one in metadata.sorted_tables}
            _number_on(writing)
    finally:
        source.dispose()
    return counts


def is_empty(server: Engine) -> bool:
    """Whether no run was ever stored there."""
    with server.connect() as connection:
        there = connection.execute(text("SELECT to_regclass('run')")).scalar()
        return there is None or connection.execute(text("SELECT count(*) FROM run")).scalar() == 0


def _copy(one: Table, reading: Connection, writing: Connection) -> int:
    """A table's rows in the order of its key, so that a row's parent in the same table is there before it."""
    plain = _plain(one)
    query = select(*plain.c).order_by(*(plain.c[key.name] for key in one.primary_key))
    count = 0
    for rows in _pieces(reading, query):
        writing.execute(plain.insert(), rows)
        count += len(rows)
    written = writing.execute(select(func.count()).select_from(plain)).scalar()
    if written != count:
        raise StorageError(f"of {count} rows of {one.name} {written} were copied: nothing was changed")
    return count


def _plain(one: Table) -> Any:
    """The table without its defaults: a value that is missing is copied as missing."""
    types = {c.name: JSON(none_as_null=True) if isinstance(c.type, JSON) else c.type for c in one.columns}
    return table(one.name, *(column(name, kind) for name, kind in types.items()))


def _pieces(reading: Connection, query: Any) -> Iterator[list[dict[str, Any]]]:
    result = reading.execution_options(yield_per=ROWS).execute(query)
    for rows in result.mappings().partitions(ROWS):
        yield [dict(row) for row in rows]


def _number_on(server: Connection) -> None:
    for one in metadata.sorted_tables:
        keys = list(one.primary_key)
        if len(keys) == 1 and keys[0].name == "id":
            sequence = server.execute(text("SELECT pg_get_serial_sequence(:table, 'id')"), {"table": f'"{one.name}"'})
            if name := sequence.scalar():
                last = f'(SELECT coalesce(max(id), 0) FROM "{one.name}")'
                server.execute(text(f"SELECT setval(:name, {last} + 1, false)"), {"name": name})
