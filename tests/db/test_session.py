"""Opening, pragmas, the write lock, and reading many rows."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from db import queries
from db.errors import MissingDatabase, StorageError
from db.models import metadata
from db.session import check_schema, database_url, migrate, open_engine, write_session
from tests.db.samples import ROWS, T, insert_samples


@pytest.fixture
def filled(engine: Engine) -> Engine:
    migrate(engine)
    with write_session(engine) as session:
        insert_samples(session.connection(), set(ROWS))
    return engine


@pytest.fixture
def file(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path / 'evenkeel.db'}"
    migrate(open_engine(url))
    return url


def _pragma(engine: Engine, name: str) -> object:
    with engine.connect() as connection:
        return connection.exec_driver_sql(f"PRAGMA {name}").scalar()


def test_pragmas(file: str) -> None:
    engine = open_engine(file, busy_ms=50)
    wanted = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 50, "query_only": 0}
    assert {name: _pragma(engine, name) for name in wanted} == wanted
    assert _pragma(open_engine(file, read_only=True), "query_only") == 1


def test_a_log_that_long_reads_have_let_grow_is_cut_again(
    file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("db.session.WAL_BYTES", 100_000)
    engine, log = open_engine(file), tmp_path / "evenkeel.db-wal"

    def write(times: int) -> None:
        for k in range(times):
            with engine.execution_options(write=True).begin() as connection:
                connection.exec_driver_sql(f"PRAGMA user_version={k}")
                connection.exec_driver_sql("CREATE TABLE x AS SELECT zeroblob(400000)")
                connection.exec_driver_sql("DROP TABLE x")

    with open_engine(file, read_only=True).connect() as reader:
        reader.exec_driver_sql("SELECT count(*) FROM run").scalar()
        write(12)
        grown = log.stat().st_size
    write(3)
    assert log.stat().st_size < grown / 4


def test_a_reader_cannot_write(filled: Engine, url: str) -> None:
    reader = open_engine(url, read_only=True)
    check_schema(reader)
    for statement in ("UPDATE run SET name = 'x'", "CREATE TABLE x (id INTEGER)", "DELETE FROM fill"):
        with pytest.raises(DBAPIError), reader.begin() as connection:
            connection.execute(text(statement))
    reader.dispose()


def test_a_missing_file_is_said_and_not_made(tmp_path: Path) -> None:
    with pytest.raises(MissingDatabase, match="first start makes it"):
        open_engine(f"sqlite:///{tmp_path / 'none.db'}", read_only=True)
    assert list(tmp_path.iterdir()) == []


def test_an_odd_path_opens(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'my data #1%' / 'evenkeel.db'}"
    migrate(open_engine(url))
    check_schema(open_engine(url, read_only=True))


@pytest.mark.parametrize("url", ["mysql://x/y", "not an address", "postgresql://nobody@127.0.0.1:1/none"])
def test_an_address_that_cannot_work_is_said(url: str) -> None:
    with pytest.raises(StorageError, match=r"postgresql://|not supported|does not answer"):
        check_schema(open_engine(url))


def test_the_address_follows_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.delenv("EVENKEEL_DATA", raising=False)
    assert database_url() == "sqlite:///data/evenkeel.db"
    monkeypatch.setenv("EVENKEEL_DATA", "data/demo")
    assert database_url() == "sqlite:///data/demo/evenkeel.db"
    monkeypatch.setenv("DATABASE_URL", "postgresql://me@host/books")
    assert database_url() == "postgresql://me@host/books"


def test_an_error_rolls_back(filled: Engine) -> None:
    def fail_halfway() -> None:
        with write_session(filled) as session:
            session.execute(text("UPDATE run SET name = 'changed'"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_halfway()
    assert queries.scalar(filled, "SELECT name FROM run") == "main"


def test_read_then_write_never_fails_for_a_commit_in_between(file: str) -> None:
    """Three writers, each reading before it writes: with deferred transactions most of these fail at once."""
    engine = open_engine(file)
    with write_session(engine) as session:
        insert_samples(session.connection(), {"run"})
    failures: list[Exception] = []

    def count_up() -> None:
        own = open_engine(file)
        try:
            for _ in range(30):
                with write_session(own) as session:
                    value = session.execute(text("SELECT cash_start FROM run")).scalar_one()
                    session.execute(text("UPDATE run SET cash_start = :v"), {"v": value + 1})
        except Exception as error:
            failures.append(error)
        own.dispose()

    threads = [threading.Thread(target=count_up) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert queries.scalar(engine, "SELECT cash_start FROM run") == 1090.0


def test_a_reader_sees_one_instant(file: str) -> None:
    writer, reader = open_engine(file), open_engine(file, read_only=True)
    with write_session(writer) as session:
        insert_samples(session.connection(), {"run"})
    with reader.connect() as connection:
        assert connection.execute(text("SELECT name FROM run")).scalar() == "main"
        with write_session(writer) as session:
            session.execute(text("UPDATE run SET name = 'later'"))
        assert connection.execute(text("SELECT name FROM run")).scalar() == "main"
    assert queries.scalar(reader, "SELECT name FROM run") == "later"


def test_columns_are_typed(filled: Engine) -> None:
    got = queries.columns(
        filled, "SELECT ts, equity, 'a' AS word, NULL AS void FROM equity WHERE run_id = :run", {"run": 1}
    )
    assert list(got) == ["ts", "equity", "word", "void"]
    assert got["ts"].dtype == np.int64
    assert got["ts"].tolist() == [T]
    assert got["equity"].dtype == np.float64
    assert got["word"].tolist() == ["a"]
    assert np.isnan(got["void"]).all()
    empty = queries.columns(filled, "SELECT ts, equity FROM equity WHERE run_id = 7")
    assert {name: len(values) for name, values in empty.items()} == {"ts": 0, "equity": 0}


def test_columns_keep_order_and_nulls_over_chunks(file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries, "CHUNK", 7)
    engine = open_engine(file)
    with write_session(engine) as session:
        insert_samples(session.connection(), {"run", "slot"})
        row = ROWS["signal"]
        many = [
            {**row, "seq": i, "tag": f"t{i}", "strength": None if i % 3 else i / 7, "order_seq": i or None}
            for i in range(50)
        ]
        session.execute(metadata.tables["signal"].insert(), many)
    got = queries.columns(engine, "SELECT seq, tag, strength, order_seq FROM signal ORDER BY seq")
    assert got["seq"].tolist() == list(range(50))
    assert got["tag"].tolist() == [f"t{i}" for i in range(50)]
    assert np.isnan(got["strength"]).sum() == 33
    assert got["strength"][3] == 3 / 7
    assert got["order_seq"].dtype == np.float64
    assert np.isnan(got["order_seq"][0])
