"""The disk of a simulation: every call that may fail passes here, and what is left when the process or the power dies.

A process that dies leaves what it gave to the system: the files are copied at that instant, whatever Python still does while
the exception travels. A power loss also takes what was not synced. SQLite is the standard library's; its calls are counted and
failed at the driver's door.
"""

from __future__ import annotations

import errno
import os
import random
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import FileIO
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine

from db import session as database
from engine.market import barbook, tape

WAL_HEADER, FRAME_HEADER = 32, 24
COMPILED: dict[Any, Any] = {}
DIALECT: list[Any] = []
"""SQLAlchemy's statements are compiled once for all lives of all seeds: half of a short life's time."""


@dataclass
class Disk:
    """One data folder. `call` is asked before each storage call, by name; what it raises is that call's failure."""

    folder: Path
    call: Callable[[str], None] = lambda name: None
    locker: sqlite3.Connection | None = None
    synced: dict[str, int] = field(default_factory=dict)
    """By file (append-only ones): bytes that are known to be on the disk."""

    @property
    def grave(self) -> Path:
        return self.folder.with_name(self.folder.name + ".left")

    # ---- another process -------------------------------------------------------------------------------------------
    def lock(self) -> None:
        """Another process holds the database's write lock."""
        if self.locker is None and (self.folder / "evenkeel.db").exists():
            self.locker = sqlite3.connect(self.folder / "evenkeel.db", isolation_level=None, timeout=0)
            try:
                self.locker.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                self.unlock()

    def unlock(self) -> None:
        if self.locker is not None:
            self.locker.close()
            self.locker = None

    # ---- death -----------------------------------------------------------------------------------------------------
    def photograph(self, power: random.Random | None = None) -> None:
        """Keep the files as they are at this instant; with `power` as a power loss leaves them."""
        shutil.rmtree(self.grave, ignore_errors=True)
        shutil.copytree(self.folder, self.grave, ignore=shutil.ignore_patterns("*-shm", "*.lock"))
        if power is not None:
            self._lose_unsynced(power)

    def bury(self) -> None:
        """The engine's objects are gone: its folder is what was photographed."""
        self.unlock()
        shutil.rmtree(self.folder)
        self.grave.rename(self.folder)

    def _lose_unsynced(self, dice: random.Random) -> None:
        for path in sorted(self.grave.rglob("*")):
            if path.suffix in (".tape", ".bars"):
                kept = min(self.synced.get(str(path.relative_to(self.grave)), 0), path.stat().st_size)
                os.truncate(path, dice.randint(kept, path.stat().st_size))
                if path.stat().st_size > kept and dice.random() < 0.5:
                    _scribble(path, kept, dice)
            elif path.name.endswith("-wal") and path.stat().st_size > WAL_HEADER:
                _lose_frames(path, dice)

    # ---- the doors -------------------------------------------------------------------------------------------------
    def settled(self) -> None:
        """What lies here now has been here for long."""
        self.synced = {str(p.relative_to(self.folder)): p.stat().st_size for p in self.folder.rglob("*") if p.is_file()}

    @contextmanager
    def doors(self) -> Iterator[None]:
        """Within, every file and every statement of the engine passes here."""
        former = database.CONNECTION, tape.FileIO, os.fsync, barbook.sync_all, database.create_engine
        database.create_engine = _compiled_once
        database.CONNECTION = _connections(self)
        tape.FileIO = _files(self)  # type: ignore[misc,assignment]
        os.fsync = self._fsync(former[2])
        barbook.sync_all = _one_by_one
        try:
            yield
        finally:
            database.CONNECTION, tape.FileIO, os.fsync, barbook.sync_all, database.create_engine = former  # type: ignore[misc]

    def _fsync(self, real: Callable[[int], None]) -> Callable[[int], None]:
        thread = threading.get_ident()

        def fsync(number: int) -> None:
            path = Path(os.readlink(f"/proc/self/fd/{number}"))
            if self.folder not in path.parents:
                return real(number)
            assert threading.get_ident() == thread, (
                "the order of two threads' calls is nobody's: let the simulation have one"
            )
            self.call("fsync")
            self.synced[str(path.relative_to(self.folder))] = os.fstat(number).st_size

        return fsync


def _one_by_one(files: Sequence[int]) -> None:
    """What the engine asks of several threads at once, in an order that a seed can repeat."""
    for file in files:
        os.fsync(file)


def _scribble(path: Path, start: int, dice: random.Random) -> None:
    """Sectors that were never written hold zeros, or what lay there before."""
    with path.open("rb+") as file:
        file.seek(dice.randint(start, path.stat().st_size - 1))
        size = path.stat().st_size - file.tell()
        file.write(bytes(size) if dice.random() < 0.5 else dice.randbytes(size))


def _lose_frames(wal: Path, dice: random.Random) -> None:
    """Frames behind the last commit were not synced yet: any part of them may be missing or torn."""
    content = wal.read_bytes()
    page = int.from_bytes(content[8:12], "big")
    size, salt = FRAME_HEADER + page, content[16:24]
    committed = WAL_HEADER
    for start in range(WAL_HEADER, len(content) - size + 1, size):
        if content[start + 8 : start + 16] != salt:
            break
        if content[start + 4 : start + 8] != bytes(4):
            committed = start + size
    if len(content) > committed:
        os.truncate(wal, dice.randint(committed, len(content)))
        if wal.stat().st_size > committed and dice.random() < 0.5:
            _scribble(wal, committed, dice)


def _compiled_once(*words: Any, **options: Any) -> Any:
    made = create_engine(*words, execution_options={"compiled_cache": COMPILED}, **options)
    del DIALECT[1:]
    DIALECT.append(made.dialect)
    made.dialect = DIALECT[0]
    return made


def full(name: str) -> OSError:
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), name)


def broken(name: str) -> OSError:
    return OSError(errno.EIO, os.strerror(errno.EIO), name)


def _files(disk: Disk) -> type[FileIO]:
    class File(FileIO):
        def write(self, data: Any) -> int:
            disk.call("write")
            return super().write(data)

        def truncate(self, size: int | None = None) -> int:
            name = str(Path(str(self.name)).relative_to(disk.folder))
            disk.synced[name] = min(disk.synced.get(name, 0), size or 0)
            return super().truncate(size)

    return File


def _connections(disk: Disk) -> type[sqlite3.Connection]:
    class Cursor(sqlite3.Cursor):
        def execute(self, statement: str, *values: Any) -> sqlite3.Cursor:
            if statement.startswith("PRAGMA busy_timeout"):  # nobody else goes on while this process waits
                statement = "PRAGMA busy_timeout=0"
            disk.call(_named(statement))
            return super().execute(statement, *values)

        def executemany(self, statement: str, *values: Any) -> sqlite3.Cursor:
            disk.call(_named(statement))
            return super().executemany(statement, *values)

    class Connection(sqlite3.Connection):
        def cursor(self, factory: type[sqlite3.Cursor] = Cursor) -> sqlite3.Cursor:
            return super().cursor(factory)

        def commit(self) -> None:
            if self.in_transaction:
                disk.call("sql COMMIT")
            super().commit()

    return Connection


def _named(statement: str) -> str:
    return "sql " + statement.lstrip().split(None, 1)[0].upper()
