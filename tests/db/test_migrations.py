"""Migrations lead to exactly the tables of the models, from every earlier revision, with the rows that were there."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import CheckConstraint, Engine, create_engine, event, inspect, text

from db.errors import ForeignDatabase, MissingDatabase, NewerSchema, OlderSchema, StorageError
from db.models import metadata
from db.schema import FOLDER, revisions
from db.session import APPLICATION_ID, check_schema, head, migrate, open_engine, write_session
from db.structure import FILE, statements, written
from tests.db.samples import ROWS, insert_samples


def _tables(engine: Engine) -> set[str]:
    """Without the tables that SQLite's full-text index keeps for itself."""
    return {name for name in inspect(engine).get_table_names() if _is_ours(name)}


def _is_ours(name: str | None, *_: object) -> bool:
    return name != "alembic_version" and not str(name).startswith("journal_fts")


def _checks(engine: Engine) -> dict[str, set[tuple[str, str]]]:
    look = inspect(engine)
    return {
        table: {(str(c["name"]), re.sub(r"\s+", " ", str(c["sqltext"]))) for c in look.get_check_constraints(table)}
        for table in _tables(engine)
    }


def test_the_chain_of_revisions_is_alembics() -> None:
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    scripts = ScriptDirectory.from_config(config)
    assert revisions() == [script.revision for script in reversed(list(scripts.walk_revisions()))]
    assert head() == scripts.get_current_head()


def test_a_new_file_is_what_the_migrations_make(tmp_path: Path) -> None:
    """The written structure is taken at once; the long way round comes to the same, statement by statement."""
    quick, slow = (open_engine(f"sqlite:///{tmp_path / name}.db") for name in ("quick", "slow"))
    migrate(quick)
    for revision in revisions():
        migrate(slow, revision)
    made = []
    for engine in (quick, slow):
        with engine.connect() as connection:
            raw = connection.connection.driver_connection
            assert isinstance(raw, sqlite3.Connection)
            made.append((_clauses(written(raw)), raw.execute("PRAGMA application_id").fetchone()))
        engine.dispose()
    assert made[0] == made[1], "python -m tools.structure writes the structure anew"
    assert _clauses(FILE.read_text(encoding="utf-8")) == made[0][0]


def _clauses(script: str) -> list[str]:
    """Its lines in an order of their own: where Alembic rebuilds a table, the order of its constraints is by chance."""
    return sorted(line.strip().removesuffix(",") for line in script.splitlines())


def test_a_structure_of_another_revision_is_not_taken() -> None:
    assert statements(head())
    assert statements(revisions()[-2]) == []


def test_every_table_has_a_sample() -> None:
    assert set(ROWS) == set(metadata.tables)


def test_head_equals_the_models(engine: Engine) -> None:
    migrate(engine)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "include_name": _is_ours})
        assert compare_metadata(context, metadata) == []


def test_head_has_the_models_checks(engine: Engine, tmp_path: Path) -> None:
    """Alembic's comparison does not see CHECK constraints: this does."""
    migrate(engine)
    wanted = {
        str(table.name): {str(c.name) for c in table.constraints if isinstance(c, CheckConstraint)}
        for table in metadata.sorted_tables
    }
    assert {table: {name for name, _ in checks} for table, checks in _checks(engine).items()} == wanted
    if engine.dialect.name == "sqlite":
        direct = create_engine(f"sqlite:///{tmp_path / 'direct.db'}")
        metadata.create_all(direct)
        assert _checks(engine) == _checks(direct)


@pytest.mark.parametrize("start", revisions())
def test_upgrade_from_each_revision_keeps_the_rows(engine: Engine, start: str) -> None:
    migrate(engine, start)
    there = _tables(engine)
    with write_session(engine) as session:
        insert_samples(session.connection(), there)
    migrate(engine)
    check_schema(engine)
    with engine.connect() as connection:
        for table in there:
            assert connection.execute(text(f"SELECT count(*) FROM {table}")).scalar() == 1, table


def test_migrating_twice_changes_nothing(engine: Engine) -> None:
    migrate(engine)
    with write_session(engine) as session:
        insert_samples(session.connection(), set(ROWS))
    migrate(engine)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT name FROM run")).scalar_one() == "main"


def test_a_database_of_this_schema_is_neither_written_nor_walked(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'evenkeel.db'}"
    migrate(open_engine(url))
    other = sqlite3.connect(tmp_path / "evenkeel.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    asked: list[str] = []
    again = open_engine(url, busy_ms=20)
    event.listen(again, "before_cursor_execute", lambda *told: asked.append(told[2]))
    migrate(again)
    assert asked
    assert not [one for one in asked if "foreign_key_check" in one]


def test_a_newer_schema_is_refused_and_left_alone(engine: Engine) -> None:
    migrate(engine)
    with write_session(engine) as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    for refused in (check_schema, migrate):
        with pytest.raises(NewerSchema, match=f"schema 9999, this code knows {head()}.*upgrade"):
            refused(engine)


def test_an_older_schema_says_to_start_the_engine(engine: Engine) -> None:
    migrate(engine, revisions()[0])
    with pytest.raises(OlderSchema, match="starting the engine"):
        check_schema(engine)


def test_an_empty_database_is_not_an_error_to_migrate(engine: Engine) -> None:
    with pytest.raises(MissingDatabase):
        check_schema(engine)
    migrate(engine)
    check_schema(engine)


def test_another_programs_database_is_refused_and_left_alone(engine: Engine) -> None:
    with write_session(engine) as session:
        session.execute(text("CREATE TABLE trades (id INTEGER, profit REAL)"))
    for refused in (check_schema, migrate):
        with pytest.raises(ForeignDatabase, match=r"another program \(it holds trades\)"):
            refused(engine)
    assert inspect(engine).get_table_names() == ["trades"]


def test_another_programs_file_keeps_its_journal_mode(tmp_path: Path) -> None:
    file = tmp_path / "other.db"
    with sqlite3.connect(file) as raw:
        raw.execute("CREATE TABLE notes (text TEXT)")
    before = file.read_bytes()
    with pytest.raises(ForeignDatabase, match=r"other\.db belongs to another program"):
        migrate(open_engine(f"sqlite:///{file}"))
    assert file.read_bytes() == before


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "evenkeel.db"
    file.write_bytes(b"this is a shopping list, not a database, and long enough to be looked at" * 20)
    for refused in (check_schema, migrate):
        with pytest.raises(ForeignDatabase, match="no SQLite database"):
            refused(open_engine(f"sqlite:///{file}"))


def test_a_migration_waits_for_nobody_forever(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'evenkeel.db'}"
    migrate(open_engine(url), revisions()[0])
    other = sqlite3.connect(tmp_path / "evenkeel.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StorageError, match="locked"):
        migrate(open_engine(url, busy_ms=20))
    other.execute("COMMIT")
    migrate(open_engine(url))


def test_a_file_of_ours_is_marked(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'evenkeel.db'}")
    migrate(engine)
    with engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA application_id").scalar() == APPLICATION_ID
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
