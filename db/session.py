"""How the database is opened: the engine, its pragmas, and the one way to write.

Reads run in ordinary transactions. Writes go through `write_session`, which takes the write lock at its beginning: a read
that turns into a write later would fail at once when another process has committed in between. Never do I/O inside it.
Only the standard library's SQLite may ever open the file. No table or query is in this file.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.orm import Session

from db import patience
from db.errors import MissingDatabase, StorageError
from db.schema import APPLICATION_ID, check_schema, head, migrate

__all__ = [
    "APPLICATION_ID",
    "check_schema",
    "data_folder",
    "database_url",
    "head",
    "migrate",
    "open_engine",
    "sqlite_file",
    "write_session",
]

BUSY_MS = 5_000
WAL_BYTES = 64 * 1024 * 1024
"""To so much the write-ahead log's file is cut when it begins anew. While long reads overlap it cannot begin, and grows."""
FILE_NAME = "evenkeel.db"
CONNECTION: type[sqlite3.Connection] = sqlite3.Connection
"""What SQLite connections are made of; a test of bad disks gives another."""


def data_folder() -> Path:
    """Where state lives: EVENKEEL_DATA, or data/ in the current folder."""
    return Path(os.environ.get("EVENKEEL_DATA") or "data")


def database_url() -> str:
    """DATABASE_URL, or the SQLite file in the data folder."""
    return os.environ.get("DATABASE_URL") or f"sqlite:///{data_folder() / FILE_NAME}"


def sqlite_file(url: str) -> Path | None:
    """The file behind a SQLite address; None for PostgreSQL and for memory."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite" or parsed.database in (None, "", ":memory:"):
        return None
    return Path(str(parsed.database))


def open_engine(
    url: str | None = None, read_only: bool = False, busy_ms: int = BUSY_MS, longest_s: float = 0.0
) -> Engine:
    """An engine on the database in force (or `url`). Nothing is created or checked: `migrate` and `check_schema` do that.

    read_only refuses every write, whoever asks. busy_ms is how long a statement waits for SQLite's lock; longest_s how long
    one may take (patience.py; 0: as long as it does). Raises
    MissingDatabase when a file to be read is not there, StorageError where the address cannot be understood.
    """
    address = url or database_url()
    try:
        backend = make_url(address).get_backend_name()
    except (ArgumentError, ValueError) as error:
        raise StorageError(
            "DATABASE_URL is no database address: write sqlite:///FILE or postgresql://USER@HOST/NAME"
        ) from error
    if backend == "sqlite":
        engine = _open_sqlite(address, read_only, busy_ms)
        if longest_s:
            patience.bound(engine, longest_s)
        return engine
    if backend == "postgresql":
        return _open_postgres(address, read_only, busy_ms, longest_s)
    raise StorageError(f"{backend} is not supported: SQLite and PostgreSQL are")


def _open_sqlite(url: str, read_only: bool, busy_ms: int) -> Engine:
    file = sqlite_file(url)
    if file is not None and read_only and not file.exists():
        raise MissingDatabase(f"there is no database at {file} yet: the engine's first start makes it")
    if file is not None and not read_only:
        file.parent.mkdir(parents=True, exist_ok=True)
    creator = {} if file is None else {"creator": lambda: _connect(file, read_only, busy_ms)}
    engine = create_engine(url, **creator, **_COMMON)
    event.listen(engine, "connect", lambda raw, _: _set_pragmas(raw, read_only, busy_ms))
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _connect(file: Path, read_only: bool, busy_ms: int) -> sqlite3.Connection:
    mode = "ro" if read_only else "rwc"
    if not read_only and not file.exists():  # SQLite would keep the group out whatever the umask says
        os.close(os.open(file, os.O_CREAT | os.O_RDWR, 0o660))
    address = f"{file.resolve().as_uri()}?mode={mode}"
    return sqlite3.connect(address, uri=True, timeout=busy_ms / 1000, check_same_thread=False, factory=CONNECTION)


def lenient(text: bytes) -> str:
    """A text of SQLite's, whatever its bytes are: one that somebody wrote wrong must not end who reads it."""
    return text.decode("utf-8", "replace")


def _dumps(value: Any) -> str:
    """JSON without NaN (it becomes null: neither database takes it)."""
    return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS).decode()


# hide_parameters: one failed bulk insert would print thousands of rows, whatever they hold.
_COMMON: dict[str, Any] = {"hide_parameters": True, "json_serializer": _dumps, "json_deserializer": orjson.loads}


def _set_pragmas(raw: Any, read_only: bool, busy_ms: int) -> None:
    raw.text_factory = lenient
    raw.isolation_level = None  # transactions begin where _begin_sqlite says, not where the driver guesses
    cursor = raw.cursor()
    pragmas = [f"busy_timeout={busy_ms}", "foreign_keys=ON", "synchronous=FULL", "temp_store=MEMORY"]
    if read_only:
        # not for writers: the journal's triggers fill the full-text index, which SQLite does not count among the harmless
        pragmas += ["query_only=ON", "mmap_size=268435456", "trusted_schema=OFF"]
    else:
        pragmas += [f"journal_size_limit={WAL_BYTES}"]
    try:
        for pragma in pragmas:
            cursor.execute(f"PRAGMA {pragma}")
        if not read_only and cursor.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
            _enter_wal(cursor)
    finally:
        cursor.close()


def _enter_wal(cursor: Any) -> None:
    """Switch to WAL, unless the file belongs to another program: its mode is not ours to change."""
    tables = cursor.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    ours = cursor.execute("PRAGMA application_id").fetchone()[0] == APPLICATION_ID
    if tables == 0 or ours:
        cursor.execute("PRAGMA journal_mode=WAL")


def _begin_sqlite(connection: Connection) -> None:
    immediate = connection.get_execution_options().get("write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")


_GONE = {"tcp_user_timeout": 10_000, "keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 2}
"""A server whose machine or network died without a word is given up after about 10 or 20 s, not after the system's two hours."""


def _open_postgres(url: str, read_only: bool, busy_ms: int, longest_s: float) -> Engine:
    address = make_url(url).set(drivername="postgresql+psycopg")
    options = f"-c lock_timeout={busy_ms} -c timezone=UTC"
    if read_only:
        options += " -c default_transaction_read_only=on"
    if longest_s:
        options += f" -c statement_timeout={int(longest_s * 1000)}"
    patience = 2 if busy_ms < 1_000 else 10  # 2 s is the least that the driver knows
    given = {"options": options, "connect_timeout": patience, **_GONE}
    return create_engine(address, connect_args=given, pool_pre_ping=True, **_COMMON)


@contextmanager
def write_session(engine: Engine) -> Iterator[Session]:
    """A session whose transaction holds the write lock from the start; committed at the end, rolled back on an error."""
    with Session(engine.execution_options(write=True), expire_on_commit=False) as session:
        with session.begin():
            session.connection()  # BEGIN IMMEDIATE now, before anything is read
            yield session
