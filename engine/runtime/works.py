"""The work that schedule does: a backup that is opened and audited, old backups and old rows dropped.

Runs on the schedule's thread. The ledger's rows (orders, fills, trades, signals, equity) are kept for ever: only what people have
read and answered is dropped.
"""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import Connection, text

from db.errors import StorageError
from db.session import open_engine, sqlite_file
from engine.config.model import Config
from engine.core.types import MS_DAY
from engine.ledger.backup import backup, backup_server, verify
from engine.runtime.beside import Doors
from engine.runtime.clock import wall_ms
from engine.runtime.scheduled import Work

AT_ONCE = 200
"""Rows that one transaction of the loop drops at most."""
PIECES = 500
_OLD = {
    "job": "state IN ('done', 'failed', 'cancelled') AND done_ts < :before "
    "AND id NOT IN (SELECT job_id FROM trial WHERE job_id IS NOT NULL)",
    "command": "state <> 'new' AND acked_ts < :before",
    "alert": "state = 'sent' AND created_ts < :before",
}
_NAME = re.compile(r"evenkeel-\d{8}-\d{6}")


def works(doors: Doors) -> tuple[Work, ...]:
    """Everything there is to do by the clock."""
    return (
        Work("backup", lambda config: config.schedule.backup_at, back_up, tell=True),
        Work("tidy", lambda config: config.schedule.tidy_at, lambda config: tidy(config, doors, wall_ms())),
    )


def back_up(config: Config, now: Callable[[], int] = wall_ms) -> str:
    """A verified backup in the configured folder, and no more than so many of them. StorageError in a sentence."""
    folder = folder_of(config)
    _refuse_low(config, folder)
    made = _copied(config, folder, now())
    found = verify(made, books=False)
    if not found.ok:
        raise StorageError(f"the copy in {made} is not right: {'; '.join(found.problems[:3])}")
    gone = rotate(folder, config.schedule.backup_keep)
    size = sum(path.stat().st_size for path in made.rglob("*") if path.is_file()) / 1e6
    return f"{made.name}, {size:,.1f} MB, opened and sound" + (f"; {len(gone)} older dropped" if gone else "")


def _copied(config: Config, folder: Path, now: int) -> Path:
    url, runs = config.database_url(), config.schedule.backup_runs
    if (database := sqlite_file(url)) is not None:
        return backup(database, folder, now, runs=runs)
    server = open_engine(url, read_only=True)
    try:
        return backup_server(server, Path(config.storage.data_dir), folder, now, runs=runs)
    finally:
        server.dispose()


def _refuse_low(config: Config, folder: Path) -> None:
    """StorageError where a backup would leave less than entries need."""
    home, database = Path(config.storage.data_dir), sqlite_file(config.database_url())
    parts = [home / "runs"] if config.schedule.backup_runs else []
    size = sum(path.stat().st_size for part in parts for path in part.rglob("*") if path.is_file())
    size += database.stat().st_size if database is not None and database.exists() else 0
    folder.mkdir(parents=True, exist_ok=True)
    left, wanted = shutil.disk_usage(folder).free - size, 2 * config.storage.hold_mb * 1_000_000
    if left < wanted:
        raise StorageError(
            f"a backup of {size / 1e6:,.0f} MB would leave {max(left, 0) / 1e6:,.0f} MB of the disk of {folder}, "
            f"{wanted / 1e6:,.0f} are wanted: make room, or give [schedule] backup_dir another disk"
        )


def folder_of(config: Config) -> Path:
    """Where backups go."""
    return Path(config.schedule.backup_dir or Path(config.storage.data_dir) / "backups")


def rotate(folder: Path, keep: int) -> list[str]:
    """Drop all but the newest `keep` backups (folders that are named as ours are, nothing else); the names that went."""
    mine = sorted(
        path for path in folder.iterdir() if path.is_dir() and not path.is_symlink() and _NAME.fullmatch(path.name)
    )
    old = mine[:-keep]
    for path in old:
        shutil.rmtree(path)
    return [path.name for path in old]


def tidy(config: Config, doors: Doors, now: int, rest: Callable[[float], None] = time.sleep) -> str:
    """Hand the loop's transactions the old rows to drop, a few at a time; what was asked for, in words."""
    before = now - config.schedule.keep_days * MS_DAY
    dropped = dict.fromkeys(_OLD, 0)
    for table, condition in _OLD.items():
        for _ in range(PIECES):
            piece = _Piece(table, condition, before)
            doors.write(piece)
            while piece.dropped is None and piece.waits > 0:
                piece.waits -= 1
                rest(0.1)
            dropped[table] += piece.dropped or 0
            if not piece.dropped:
                break
    told = ", ".join(f"{count:,} of {table}" for table, count in dropped.items() if count)
    return f"dropped what is older than {config.schedule.keep_days} days: {told or 'nothing'}"


class _Piece:
    """Some rows of a table, dropped in the loop's next transaction; `dropped` is how many, None until then."""

    def __init__(self, table: str, condition: str, before: int) -> None:
        self.sql = text(
            f"DELETE FROM {table} WHERE id IN (SELECT id FROM {table} WHERE {condition} ORDER BY id LIMIT :most)"
        )
        self.before, self.waits = before, 300
        self.dropped: int | None = None

    def __call__(self, connection: Connection) -> None:
        self.dropped = connection.execute(self.sql, {"before": self.before, "most": AT_ONCE}).rowcount
