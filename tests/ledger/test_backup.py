"""A backup is taken while others write, proves itself, and comes back without losing what it replaces."""

from __future__ import annotations

import json
import shutil
import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from db.errors import StorageError
from db.schema import revisions
from db.session import migrate, open_engine, write_session
from engine.cli.app import app
from engine.ledger.backup import LIST, backup, restore, verify
from engine.runtime.lock import EngineLock
from tests.db.samples import insert_samples

NOW = 1_767_600_000_000


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder with a run, its tape, and a line in the write-ahead log."""
    folder = tmp_path / "data"
    monkeypatch.setenv("EVENKEEL_DATA", str(folder))
    monkeypatch.delenv("DATABASE_URL", raising=False)
    engine = open_engine(f"sqlite:///{folder / 'evenkeel.db'}")
    migrate(engine)
    with write_session(engine) as session:
        insert_samples(session.connection(), {"run", "config_version", "slot"})
    (folder / "runs" / "1" / "tape").mkdir(parents=True)
    (folder / "runs" / "1" / "tape" / "2026-01-05.jsonl").write_text('["clock",1,0]\n')
    return folder


def names(file: Path) -> list[str]:
    with sqlite3.connect(file) as raw:
        return [row[0] for row in raw.execute("SELECT name FROM run ORDER BY id")]


def rename(file: Path, name: str) -> None:
    engine = open_engine(f"sqlite:///{file}")
    with write_session(engine) as session:
        session.execute(text("UPDATE run SET name = :name"), {"name": name})
    engine.dispose()


def test_there_and_back_keeps_both(home: Path) -> None:
    folder = backup(home / "evenkeel.db", home / "backups", NOW)
    found = verify(folder)
    assert found.ok, found.problems
    assert (found.audited, found.rows["run"]) == (1, 1)
    rename(home / "evenkeel.db", "later")
    (home / "runs" / "1" / "tape" / "2026-01-05.jsonl").write_text("later")
    kept = restore(folder, home / "evenkeel.db", NOW)
    assert names(home / "evenkeel.db") == ["main"]
    assert "clock" in (home / "runs" / "1" / "tape" / "2026-01-05.jsonl").read_text()
    assert [path.name for path in kept] == ["evenkeel.db.before-20260105-080000", "runs.before-20260105-080000"]
    assert names(kept[0]) == ["later"]
    assert (kept[1] / "1" / "tape" / "2026-01-05.jsonl").read_text() == "later"
    assert restore(folder, home / "evenkeel.db", NOW)[0].name.endswith("-2")


def test_a_writer_in_the_middle_neither_waits_nor_tears(home: Path) -> None:
    writer = sqlite3.connect(home / "evenkeel.db", isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    writer.execute("UPDATE run SET name = 'half done'")
    folder = backup(home / "evenkeel.db", home / "backups", NOW)
    writer.execute("COMMIT")
    writer.close()
    assert names(folder / "evenkeel.db") == ["main"]
    assert verify(folder).ok


def test_a_damaged_backup_is_found_and_not_restored(home: Path) -> None:
    folder = backup(home / "evenkeel.db", home / "backups", NOW)
    for name, words in (("evenkeel.db", "not what was written"), ("runs/1/tape/2026-01-05.jsonl", "is missing")):
        hurt = folder.with_name(f"hurt-{len(name)}")
        shutil.copytree(folder, hurt)
        if words == "is missing":
            (hurt / name).unlink()
        else:
            content = bytearray((hurt / name).read_bytes())
            content[len(content) // 2] ^= 1
            (hurt / name).write_bytes(content)
        assert words in verify(hurt).problems[0]
        result = CliRunner().invoke(app, ["restore", str(hurt)])
        assert result.exit_code != 0
    assert names(home / "evenkeel.db") == ["main"]
    (folder / LIST).write_text(json.dumps({"files": {"../evenkeel.db": "x"}}))
    with pytest.raises(StorageError, match="damaged"):
        verify(folder)


def test_books_that_do_not_agree_are_found(home: Path) -> None:
    with sqlite3.connect(home / "evenkeel.db") as raw:
        raw.execute("INSERT INTO equity VALUES (1, 0, 5, 999, 999, 0)")
    found = verify(backup(home / "evenkeel.db", home / "backups", NOW))
    assert "the fills make it 1000" in found.problems[0]


def test_no_engine_may_run_while_a_backup_is_put_back(home: Path) -> None:
    folder = backup(home / "evenkeel.db", home / "backups", NOW)
    rename(home / "evenkeel.db", "running")
    url = f"sqlite:///{home / 'evenkeel.db'}"
    lock = EngineLock(open_engine(url), url)
    lock.acquire()
    refused = CliRunner().invoke(app, ["restore", str(folder)])
    assert type(refused.exception).__name__ == "AlreadyRunning"
    assert names(home / "evenkeel.db") == ["running"]
    lock.release()
    done = CliRunner().invoke(app, ["restore", str(folder), "--json"])
    assert done.exit_code == 0, done.output
    assert names(home / "evenkeel.db") == ["main"]


def test_a_backup_of_an_older_version_is_proved_as_it_will_be_read(tmp_path: Path) -> None:
    file = tmp_path / "evenkeel.db"
    engine = open_engine(f"sqlite:///{file}")
    migrate(engine, revisions()[3])
    with write_session(engine) as session:
        insert_samples(session.connection(), {"run", "config_version", "slot"})
    engine.dispose()
    found = verify(backup(file, tmp_path / "backups", NOW, runs=False))
    assert found.ok, found.problems
    assert found.rows["run"] == 1


def test_nothing_to_copy_and_a_taken_place_are_said(home: Path, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="nothing to back up"):
        backup(tmp_path / "none.db", tmp_path, NOW)
    backup(home / "evenkeel.db", tmp_path, NOW)
    with pytest.raises(StorageError, match="there already"):
        backup(home / "evenkeel.db", tmp_path, NOW)
    with pytest.raises(StorageError, match="is no backup"):
        verify(tmp_path)
