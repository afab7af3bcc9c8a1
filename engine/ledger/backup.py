"""Copies of everything that was lived: taken while the engine writes, proved by opening them and doing their books again.

A backup is a folder: the database as a SQLite file (by SQLite's own online copy, or row by row from a PostgreSQL server), then
the runs' folders (tape and bars, which only grow: what is copied after the database holds at least what it counts on), and a
list of every file with its hash. Restoring keeps what it replaces; it may be to the other kind of database.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
import stat
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, text

from db import stranger
from db.errors import OlderSchema, StorageError
from db.session import FILE_NAME, check_schema, head, migrate, open_engine
from engine.access import files
from engine.ledger import portable
from engine.ledger.audit import audit

LIST = "backup.json"
MOST_LISTED = 256_000_000
"""Bytes of a list: a million files."""
PAGES = 2_000
"""Of the database at once: the engine's writes come between."""


@dataclass
class Verified:
    """What opening a backup showed. `problems` are sentences; `audited` runs whose books were done again."""

    folder: Path
    schema: str = ""
    rows: dict[str, int] = field(default_factory=dict)
    audited: int = 0
    problems: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return not self.problems


def stamp(now_ms: int) -> str:
    """A moment as a folder's name, UTC."""
    return datetime.fromtimestamp(now_ms / 1000, UTC).strftime("%Y%m%d-%H%M%S")


def backup(database: Path, folder: Path, now_ms: int, *, runs: bool = True) -> Path:
    """A copy of the database and (with `runs`) of the runs' folders beside it, in a new folder in `folder`; its path.

    It is made under another name and renamed when whole, so that what is there is a backup. StorageError where it cannot be.
    """
    if not database.exists():
        raise StorageError(f"there is no database at {database}: nothing to back up")
    return _made(folder, now_ms, database.parent if runs else None, lambda file: copy_file(database, file))


def backup_server(server: Engine, home: Path, folder: Path, now_ms: int, *, runs: bool = True) -> Path:
    """The same of a PostgreSQL server, whose runs' folders lie in the data folder `home`."""
    return _made(folder, now_ms, home if runs else None, lambda file: portable.to_file(server, file))


def _made(folder: Path, now_ms: int, home: Path | None, copy: Callable[[Path], object]) -> Path:
    target = folder / f"evenkeel-{stamp(now_ms)}"
    part = target.with_name(target.name + ".part")
    if target.exists():
        raise StorageError(f"{target} is there already")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        copy(part / FILE_NAME)
        if home is not None and (home / "runs").is_dir():
            _copy_runs(home / "runs", part / "runs")
        hashes = {str(path.relative_to(part)): hash_of(path) for path in _files(part)}
        made = {"made": now_ms, "schema": head(), "runs": home is not None, "files": hashes}
        (part / LIST).write_text(json.dumps(made, indent=1), encoding="utf-8")
        os.replace(part, target)
    except (OSError, sqlite3.Error) as error:
        shutil.rmtree(part, ignore_errors=True)
        raise StorageError(
            f"the backup could not be written: {error}. Check the space and rights of {folder}"
        ) from error
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    return target


def copy_file(source: Path, target: Path) -> None:
    """SQLite's online backup of one moment's state, whatever is written meanwhile."""
    with (
        closing(sqlite3.connect(f"{source.resolve().as_uri()}?mode=ro", uri=True, timeout=30)) as old,
        closing(sqlite3.connect(target)) as new,
    ):
        old.execute("BEGIN")
        old.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone()
        old.backup(new, pages=PAGES, sleep=0.001)
        new.execute("PRAGMA journal_mode=DELETE")
    with target.open("rb") as file:
        os.fsync(file.fileno())


def _copy_runs(source: Path, target: Path) -> None:
    """The runs' folders; anew where an engine packed a finished day of its tape in the middle."""
    for attempt in range(3):
        try:
            shutil.copytree(source, target, copy_function=_copy_plain)
            return
        except (FileNotFoundError, shutil.Error):
            if attempt == 2:
                raise
            shutil.rmtree(target, ignore_errors=True)


def _copy_plain(source: str, target: str) -> None:
    """A file of ours; a link among them leads to what no backup is to hold, and is an OSError."""
    with open(source, "rb", opener=files.own) as old, files.fresh(Path(target)) as new:
        shutil.copyfileobj(old, new, 1 << 20)
    shutil.copystat(source, target)


def _files(folder: Path) -> Iterator[Path]:
    yield from sorted(path for path in folder.rglob("*") if path.is_file() and path.name != LIST)


def hash_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


# ---- proved ---------------------------------------------------------------------------------------------------------------
def verify(folder: Path, *, books: bool = True) -> Verified:
    """Open a backup: every file as it was listed, the database sound and of a schema known here, every account's books audited.

    Backtests are proved by running them again, and imported trades have no fills: their books are not done again.
    """
    found = Verified(folder)
    file = folder / FILE_NAME
    if not (folder / LIST).is_file() or not file.is_file():
        raise StorageError(f"{folder} is no backup: it has no {LIST if file.is_file() else FILE_NAME}")
    listed = _listed(folder)
    found.problems += _strange(folder, listed["files"])
    for name, digest in listed["files"].items():
        path = folder / name
        if not path.exists():
            found.problems.append(f"{name} is missing")
        elif not path.is_file():
            found.problems.append(f"{name} is no file")
        elif hash_of(path) != digest:
            found.problems.append(f"{name} is not what was written")
    if not found.problems:
        examine(file, found, books)
    return found


def _strange(folder: Path, listed: dict[str, str]) -> Iterator[str]:
    """What lies in a backup and is none of its files: links lead elsewhere, pipes never end, and all would be put in place."""
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        kind = path.lstat().st_mode
        if stat.S_ISLNK(kind) or not (stat.S_ISREG(kind) or stat.S_ISDIR(kind)):
            yield f"{name} is a {'link' if stat.S_ISLNK(kind) else 'special file'}, which no backup holds"
        elif stat.S_ISREG(kind) and name != LIST and name not in listed:
            yield f"{name} is not of this backup"


def _listed(folder: Path) -> dict[str, Any]:
    try:
        with (folder / LIST).open("rb") as file:
            listed = json.loads(file.read(MOST_LISTED))
        named = listed["files"]
        assert isinstance(named, dict)
        assert all(not Path(name).is_absolute() and ".." not in Path(name).parts for name in named)
    except (OSError, ValueError, KeyError, TypeError, AssertionError, RecursionError) as error:
        raise StorageError(f"{folder / LIST} cannot be read: the backup is damaged") from error
    return dict(listed)


def examine(file: Path, found: Verified, books: bool = True) -> None:
    """Open a copied database and say in `found` what it holds and what is wrong with it. It may be a stranger's: nothing in it
    runs before its structure is known to be ours."""
    if wrong := stranger.problems(file):
        found.problems += wrong
        return
    with tempfile.TemporaryDirectory(prefix="evenkeel-verify-") as place:
        engine = _readable(file, Path(place))
        try:
            found.schema = head()
            _books(engine, found, books)
        finally:
            engine.dispose()


def _readable(file: Path, place: Path) -> Engine:
    return open_engine(f"sqlite:///{current(file, place)}", read_only=True)


def current(file: Path, place: Path) -> Path:
    """The copy as this code reads it: one of an older version is moved on in `place`, as the engine will once it is restored."""
    engine = open_engine(f"sqlite:///{file}", read_only=True)
    try:
        check_schema(engine)
        return file
    except OlderSchema:
        newer = place / FILE_NAME
    finally:
        engine.dispose()
    shutil.copyfile(file, newer)
    engine = open_engine(f"sqlite:///{newer}")
    migrate(engine)
    engine.dispose()
    return newer


def _books(engine: Engine, found: Verified, books: bool) -> None:
    with engine.connect() as connection:
        for table in ("run", "trade", "fill", "orders", "journal_entry"):
            found.rows[table] = int(connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one())
        accounts = connection.execute(text("SELECT id, name FROM run WHERE kind IN ('paper', 'live')")).all()
    for number, name in accounts if books else ():
        report = audit(engine, number)
        found.audited += 1
        found.problems += [f"run {name!r}: {problem}" for problem in report.problems[:5]]


# ---- back again -----------------------------------------------------------------------------------------------------------
def restore(folder: Path, database: Path, now_ms: int) -> list[Path]:
    """Put a backup where `database` is. What stood there is kept beside it, under a name with the moment; those paths.

    The caller holds the engine's lock and has verified the backup. Files are copied first and renamed last.
    """
    home, mark = database.parent, stamp(now_ms)
    home.mkdir(parents=True, exist_ok=True)
    fresh, kept = database.with_name(f"{database.name}.restoring"), list[Path]()
    try:
        fresh.unlink(missing_ok=True)
        shutil.copyfile(folder / FILE_NAME, fresh, follow_symlinks=False)
        with fresh.open("rb+") as file:
            os.fsync(file.fileno())
        runs = _runs_beside(folder, home)
        if database.exists():
            _fold(database)
            kept.append(_aside(database, mark))
        for ending in stranger.BESIDE:  # an old journal would be played into the new file
            database.with_name(database.name + ending).unlink(missing_ok=True)
        kept += _runs_in_place(runs, home, mark)
        os.replace(fresh, database)
    except OSError as error:
        raise _not_in_place(error, kept) from error
    return kept


def restore_server(folder: Path, server: Engine, home: Path, now_ms: int) -> list[Path]:
    """The same into a PostgreSQL server; what it held is kept as a backup in `backups` of the data folder `home`."""
    mark, kept = stamp(now_ms), list[Path]()
    with tempfile.TemporaryDirectory(prefix="evenkeel-restore-") as place:
        try:
            runs = _runs_beside(folder, home)
            if not portable.is_empty(server):
                kept.append(backup_server(server, home, home / "backups" / f"before-{mark}", now_ms, runs=False))
            portable.into_server(current(folder / FILE_NAME, Path(place)), server)
            kept += _runs_in_place(runs, home, mark)
        except OSError as error:
            raise _not_in_place(error, kept) from error
    return kept


def _runs_beside(folder: Path, home: Path) -> Path:
    fresh = home / "runs.restoring"
    shutil.rmtree(fresh, ignore_errors=True)
    if (folder / "runs").is_dir():
        shutil.copytree(folder / "runs", fresh, symlinks=True)
    return fresh


def _runs_in_place(fresh: Path, home: Path, mark: str) -> list[Path]:
    kept, runs = list[Path](), home / "runs"
    if fresh.exists():
        if runs.exists():
            kept.append(_aside(runs, mark))
        os.replace(fresh, runs)
    return kept


def _not_in_place(error: OSError, kept: list[Path]) -> StorageError:
    so_far = ", ".join(map(str, kept)) or "nothing"
    return StorageError(f"the backup could not be put in place: {error}. What was replaced so far: {so_far}")


def _fold(database: Path) -> None:
    """Everything into the one file, so that the file that is kept is whole. A damaged one is kept as it is."""
    try:
        with closing(sqlite3.connect(database, timeout=10)) as raw:
            raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.Error:
        for ending in stranger.BESIDE:
            beside = database.with_name(database.name + ending)
            if beside.exists():
                shutil.copyfile(beside, database.with_name(f"{database.name}.damaged-{time.time_ns()}{ending}"))


def _aside(path: Path, mark: str) -> Path:
    kept = path.with_name(f"{path.name}.before-{mark}")
    number = 1
    while kept.exists():
        number += 1
        kept = path.with_name(f"{path.name}.before-{mark}-{number}")
    os.replace(path, kept)
    return kept
