"""One engine for one ledger. The kernel frees the lock when the process dies, however it dies."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import IO

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from db.session import sqlite_file
from engine.access.held import Taken, hold


class AlreadyRunning(Exception):
    """Another engine works on the same database."""

    exit_code = 74


class EngineLock:
    """Held from `acquire` until `release` or the end of the process."""

    def __init__(self, engine: Engine, url: str) -> None:
        self._engine = engine
        self._url = url
        self._file: IO[str] | None = None
        self._connection: Connection | None = None

    def acquire(self) -> None:
        """AlreadyRunning when another engine holds it."""
        path = sqlite_file(self._url)
        if path is not None:
            self._lock_file(path)
        elif self._engine.dialect.name == "postgresql":
            self._lock_server()

    def _lock_file(self, database: Path) -> None:
        try:
            self._file = hold(database.with_name(database.name + ".lock"))
        except Taken as taken:
            raise AlreadyRunning(
                f"another engine (process {taken.owner}) works on {database}: stop it first, or give this one another "
                "data folder with EVENKEEL_DATA"
            ) from None

    def _lock_server(self) -> None:
        number = int.from_bytes(hashlib.sha256(b"evenkeel engine").digest()[:7], "big")
        connection = self._engine.connect()
        if not connection.execute(text("SELECT pg_try_advisory_lock(:n)"), {"n": number}).scalar():
            connection.close()
            raise AlreadyRunning("another engine works on this PostgreSQL database: stop it first")
        connection.commit()
        self._connection = connection

    def assure(self) -> None:
        """Before each transaction: the lock is still ours, or is taken anew where a server has dropped its connection.
        AlreadyRunning where another engine has taken it meanwhile, DBAPIError while the server is away. A file's holds."""
        if self._file is not None or self._engine.dialect.name != "postgresql":
            return
        if self._connection is not None:
            try:
                self._connection.execute(text("SELECT 1"))
                self._connection.commit()
                return
            except DBAPIError:
                self._drop()
        self._lock_server()

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.invalidate()  # the server holds the lock as long as its session: a pool would keep that
            connection.close()

    def release(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
        self._drop()
