"""Backups of a PostgreSQL server: the same folder as of a file, row for row, there and back and from one kind to the other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, select, text
from typer.testing import CliRunner

from db.models import metadata
from db.session import FILE_NAME, migrate, open_engine
from engine.cli.app import app
from engine.ledger.backup import backup_server, restore, restore_server, verify
from engine.runtime.lock import EngineLock
from tests.db.samples import ROWS, insert_samples

NOW = 1_767_600_000_000

pytestmark = pytest.mark.postgres


def database(base: str, name: str) -> str:
    """The address of a new, empty database of the server."""
    admin = open_engine(base)
    with admin.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT").execute(text(f"CREATE DATABASE {name}"))
    admin.dispose()
    return base.replace("/postgres?", f"/{name}?")


def contents(engine: Engine) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table, in the order of its key."""
    with engine.connect() as connection:
        return {
            one.name: [tuple(row) for row in connection.execute(select(one).order_by(*one.primary_key))]
            for one in metadata.sorted_tables
        }


@pytest.fixture(scope="module")
def server(postgres: str) -> Iterator[Engine]:
    engine = open_engine(database(postgres, "evenkeel_backup"))
    migrate(engine)
    with engine.begin() as connection:
        insert_samples(connection, set(ROWS) - {"journal_word"})
    yield engine
    engine.dispose()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    (folder / "runs" / "1" / "tape").mkdir(parents=True)
    (folder / "runs" / "1" / "tape" / "2026-01-05.jsonl").write_text('["clock",1,0]\n')
    return folder


def test_every_row_comes_back_on_either_kind(server: Engine, home: Path, postgres: str, tmp_path: Path) -> None:
    lived = contents(server)
    assert all(lived[name] for name in set(ROWS) - {"journal_word"})
    made = backup_server(server, home, tmp_path / "backups", NOW)
    found = verify(made, books=False)
    assert found.ok, found.problems
    there = tmp_path / "elsewhere"
    assert restore(made, there / FILE_NAME, NOW) == []
    file = open_engine(f"sqlite:///{there / FILE_NAME}")
    assert contents(file) == lived
    assert (there / "runs" / "1" / "tape" / "2026-01-05.jsonl").read_text() == '["clock",1,0]\n'
    other = open_engine(database(postgres, "evenkeel_again"))
    assert restore_server(made, other, tmp_path / "third", NOW) == []
    assert contents(other) == lived
    with other.begin() as connection:  # the server goes on numbering behind what came
        newest = connection.execute(text("SELECT max(id) FROM command")).scalar_one()
        given = connection.execute(text("SELECT nextval(pg_get_serial_sequence('command', 'id'))")).scalar_one()
    assert given == newest + 1
    file.dispose()
    other.dispose()


def test_the_commands_do_it_and_keep_what_they_replace(
    server: Engine, home: Path, postgres: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    url = database(postgres, "evenkeel_replaced")
    other = open_engine(url)
    migrate(other)
    with other.begin() as connection:
        insert_samples(connection, {"run", "config_version", "slot"})
    lived = contents(other)
    monkeypatch.setenv("EVENKEEL_DATA", str(home))
    monkeypatch.setenv("DATABASE_URL", url)
    run = CliRunner().invoke
    done = run(app, ["backup", "--ledger-only"])
    assert done.exit_code == 0, done.output
    (made,) = (home / "backups").iterdir()
    with other.begin() as connection:
        connection.execute(text("UPDATE run SET name = 'later'"))
    lock = EngineLock(other, url)
    lock.acquire()
    assert run(app, ["restore", str(made)]).exit_code != 0
    lock.release()
    assert contents(other) != lived
    done = run(app, ["restore", str(made)])
    assert done.exit_code == 0, done.output
    assert contents(other) == lived
    (kept,) = (home / "backups").glob("before-*/*")
    replaced = open_engine(f"sqlite:///{kept / FILE_NAME}", read_only=True)
    assert contents(replaced)["run"][0] != lived["run"][0]
    assert verify(kept).ok
    replaced.dispose()
    other.dispose()
