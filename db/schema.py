"""The schema's life: made and moved forward by migrations, checked before anything is read.

`migrate` is for the process that owns the database (the engine, a backtest that saves); `check_schema` for all others.
A schema newer than this code and a database of another program are refused, and nothing in them is touched.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, inspect, text
from sqlalchemy.exc import DatabaseError, OperationalError

from db.errors import ForeignDatabase, MissingDatabase, NewerSchema, OlderSchema, ServerAway, StorageError
from db.structure import statements

if TYPE_CHECKING:
    from alembic.config import Config

APPLICATION_ID = 0x45564B4C
"""Stands in the header of every SQLite file of ours ("EVKL")."""

FOLDER = Path(__file__).parent / "migrations"


def _config() -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    return config


@cache
def _links() -> dict[str | None, str]:
    """Each revision by the one it follows, read from the migrations' own lines: a command that only reads the database need
    not load Alembic for it."""
    found = {}
    for path in (FOLDER / "versions").glob("[0-9]*.py"):
        words = dict(
            re.findall(r'^(revision|down_revision) = "?(\w+)"?$', path.read_text(encoding="utf-8"), re.MULTILINE)
        )
        follows = words["down_revision"]
        found[None if follows == "None" else follows] = words["revision"]
    return found


def head() -> str:
    """The newest revision this code knows."""
    return revisions()[-1]


def revisions() -> list[str]:
    """All revisions, oldest first."""
    links, chain = _links(), [_links()[None]]
    while chain[-1] in links:
        chain.append(links[chain[-1]])
    return chain


def migrate(engine: Engine, to: str = "head") -> None:
    """Bring an empty or older database to revision `to`, all or nothing. Refuses like `check_schema`, before any change.
    One that is there already is not touched: a start over a long ledger neither loads Alembic nor walks over every row."""
    try:
        if to == "head" and _at_head(engine):
            return
        with engine.execution_options(write=True).connect() as connection:
            if connection.dialect.name == "sqlite":
                _migrate_sqlite(connection, to)
            else:
                with connection.begin():
                    _upgrade(connection, to)
    except OperationalError as error:
        remedy = (
            "Check the rights of it and its folder"
            if "readonly" in str(error.orig)
            else "Stop what uses it and start again"
        )
        raise StorageError(f"the database cannot be migrated: {error.orig}. {remedy}") from error
    except DatabaseError as error:
        raise _unreadable(engine, error) from error


def _at_head(engine: Engine) -> bool:
    with engine.connect() as connection:
        _refuse_strangers(connection)
        if connection.dialect.name == "sqlite":
            number = connection.exec_driver_sql("PRAGMA application_id").scalar()
            if number != APPLICATION_ID:
                return False
        return _revision(connection) == head()


def _upgrade(connection: Connection, to: str) -> None:
    """By Alembic, which takes a second to load: a new SQLite file takes the newest schema as it is written down."""
    _refuse_strangers(connection)
    fresh = to == "head" and connection.dialect.name == "sqlite" and _revision(connection) is None
    if fresh and (made := statements(head())):
        for one in made:
            connection.exec_driver_sql(one)
        return
    from alembic import command

    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, to)


def _migrate_sqlite(connection: Connection, to: str) -> None:
    """Tables are rebuilt on SQLite, and rows must not die with the old ones: foreign keys are checked at the end."""
    _foreign_keys(connection, on=False)
    try:
        with connection.begin():
            _upgrade(connection, to)
            _finish_sqlite(connection)
    finally:
        _foreign_keys(connection, on=True)


def _foreign_keys(connection: Connection, on: bool) -> None:
    raw = connection.connection.driver_connection
    assert raw is not None
    raw.execute(f"PRAGMA foreign_keys={'ON' if on else 'OFF'}")


def _finish_sqlite(connection: Connection) -> None:
    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
    if broken:
        raise StorageError(f"after migrating, {len(broken)} rows of {broken[0][0]} point nowhere; nothing was changed")
    connection.exec_driver_sql(f"PRAGMA application_id={APPLICATION_ID}")


def check_schema(engine: Engine) -> None:
    """Return if the database is ours and of this code's schema; raise a StorageError that says what to do otherwise."""
    try:
        with engine.connect() as connection:
            _refuse_strangers(connection)
            current = _revision(connection)
    except OperationalError as error:
        raise _unreachable(engine, error) from error
    except DatabaseError as error:
        raise _unreadable(engine, error) from error
    if current is None:
        raise MissingDatabase("the database is empty: the engine's first start fills it")
    if current != head():
        raise OlderSchema(
            f"the database is of an older version (schema {current}, this code knows {head()}): starting the engine moves it on"
        )


def _refuse_strangers(connection: Connection) -> None:
    tables = set(inspect(connection).get_table_names())
    if not tables:
        return
    if "alembic_version" not in tables or not {"run", "slot"} <= tables:
        raise ForeignDatabase(
            f"{_name(connection)} belongs to another program (it holds {', '.join(sorted(tables)[:3])}): "
            "choose another file or database"
        )
    current = _revision(connection)
    if current is not None and current not in revisions():
        raise NewerSchema(
            f"{_name(connection)} was written by a newer Evenkeel (schema {current}, this code knows {head()}): upgrade this one"
        )


def _name(connection: Connection) -> str:
    url = connection.engine.url
    if url.get_backend_name() == "sqlite":
        return str(url.database or "the database").removeprefix("file:")
    return f"the database {url.database}"


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _unreachable(engine: Engine, error: OperationalError) -> StorageError:
    if engine.url.get_backend_name() == "sqlite":
        return StorageError(
            f"{engine.url.database} cannot be opened: {error.orig}. Check the path, its rights and the disk"
        )
    return ServerAway("the PostgreSQL server does not answer: check DATABASE_URL, and that the server runs")


def _unreadable(engine: Engine, error: DatabaseError) -> StorageError:
    if "not a database" in str(error.orig):
        return ForeignDatabase(
            f"{engine.url.database} is no SQLite database: choose another file, or restore it from a backup"
        )
    return StorageError(f"the database {engine.url.database} cannot be used: {error.orig}. Restore it from a backup")
