"""backup and restore: copies of everything that was lived, proved before they are relied on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from engine.cli import store
from engine.cli.failures import STORAGE, Fail
from engine.cli.output import emit_json, emit_pairs, say


def register(app: typer.Typer) -> None:
    app.command(epilog="Example: run_engine.py backup --to /mnt/disk/evenkeel")(backup)
    app.command(epilog="Example: run_engine.py restore data/backups/evenkeel-20260131-120000")(restore)


def backup(
    to: Annotated[
        Path | None, typer.Option("--to", metavar="FOLDER", help="where to [default: backups in the data folder]")
    ] = None,
    ledger_only: Annotated[
        bool, typer.Option("--ledger-only", help="the database alone, without the runs' tapes and bars")
    ] = False,
    json_out: Annotated[bool, typer.Option("--json", help="print one JSON object")] = False,
) -> None:
    """Copy database, tapes and bars while the engine goes on, then open the copy and audit every account in it."""
    from engine.ledger.backup import verify

    folder = _taken(to or store.data_dir() / "backups", runs=not ledger_only)
    found = verify(folder)
    _tell(found, json_out)
    if not found.ok:
        raise Fail(
            f"the copy in {folder} is not right; what it was made from may not be either: `run_engine.py audit`",
            STORAGE,
        )


def restore(
    folder: Annotated[Path, typer.Argument(help="a folder that `backup` made")],
    check: Annotated[bool, typer.Option("--check", help="open and audit the backup, and put nothing in place")] = False,
    json_out: Annotated[bool, typer.Option("--json", help="print one JSON object")] = False,
) -> None:
    """Put a backup in place of the database; refuses while an engine or worker runs, and keeps what it replaces."""
    from engine.ledger.backup import verify

    found = verify(folder)
    _tell(found, json_out and check)
    if not found.ok:
        raise Fail(f"{folder} is damaged; nothing was changed", STORAGE)
    if check:
        return
    from db.session import database_url

    release = alone()
    try:
        kept = _put_back(folder)
    finally:
        release()
    to = sqlite_path() or _shown(database_url())
    if json_out:
        emit_json({"restored": folder, "to": to, "kept": kept})
    else:
        say(f"restored {folder} to {to}" + (f"; kept {', '.join(map(str, kept))}" if kept else ""))


def _shown(url: str) -> str:
    from sqlalchemy.engine import make_url

    return make_url(url).render_as_string(hide_password=True)


def sqlite_path() -> Path | None:
    """The database's file; None where it is a PostgreSQL server's."""
    from db.session import database_url, sqlite_file

    store.point_to_data()
    return sqlite_file(database_url())


def _taken(to: Path, runs: bool) -> Path:
    from engine.ledger import backup as kept

    if (file := sqlite_path()) is not None:
        return kept.backup(file, to, store.now_ms(), runs=runs)
    return kept.backup_server(store.open_database(), store.data_dir(), to, store.now_ms(), runs=runs)


def _put_back(folder: Path) -> list[Path]:
    from db.session import open_engine
    from engine.ledger import backup as kept

    if (file := sqlite_path()) is not None:
        return kept.restore(folder, file, store.now_ms())
    return kept.restore_server(folder, open_engine(), store.data_dir(), store.now_ms())


def alone() -> Callable[[], None]:
    """Hold what engine and worker hold, so that neither runs nor starts; a call that lets go. AlreadyRunning, or Fail."""
    from db.session import database_url, open_engine
    from engine.research.worker import WorkerLock, WorkerRuns
    from engine.runtime.lock import EngineLock

    file = sqlite_path()
    engine = open_engine("sqlite://") if file is not None else open_engine()
    lock, worker = EngineLock(engine, database_url()), WorkerLock(store.data_dir())
    lock.acquire()
    try:
        worker.acquire()
    except WorkerRuns as error:
        lock.release()
        raise Fail(f"{error}: stop it first", STORAGE) from error

    def release() -> None:
        worker.release()
        lock.release()
        engine.dispose()

    return release


def _tell(found: Any, json_out: bool) -> None:
    values = {"ok": found.ok, "rows": found.rows, "audited": found.audited}
    if json_out:
        emit_json({"folder": found.folder, **values, "problems": found.problems})
        return
    for problem in found.problems:
        say(problem)
    emit_pairs({"backup": found.folder, "sound": found.ok, "audited runs": found.audited, **found.rows})
