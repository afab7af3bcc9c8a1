"""A PostgreSQL server that goes away in the middle of anything: each transaction lands once, and one engine alone writes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import Connection, Engine, text

from db.session import open_engine
from engine.runtime.clock import REAL
from engine.runtime.hold import AWAY, DOUBT, LOCKED
from engine.runtime.lock import AlreadyRunning, EngineLock
from engine.runtime.transactions import Transactions

pytestmark = pytest.mark.postgres


@pytest.fixture(scope="module")
def url(postgres: str) -> Iterator[str]:
    """A database of its own, so that nobody else's lock is met."""
    name = "evenkeel_away"
    admin = open_engine(postgres).execution_options(isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
        connection.execute(text(f"ALTER DATABASE {name} SET synchronous_commit = off"))
    yield postgres.replace("/postgres?", f"/{name}?")
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()


class Books:
    """An engine's way to its ledger: one table, and what is done when a transaction has landed."""

    def __init__(self, url: str, folder: Path) -> None:
        self.engine, self.other = open_engine(url, busy_ms=50), open_engine(url)
        self.lock = EngineLock(self.engine, url)
        self.lock.acquire()
        self.books = Transactions(self.engine, folder, REAL)
        self.books.lock = self.lock
        self.told: list[int] = []
        self.say("DROP TABLE IF EXISTS fill; DROP FUNCTION IF EXISTS refuse; CREATE TABLE fill (seq int)")

    def say(self, sql: str) -> None:
        with self.other.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
            connection.execute(text(sql))

    def write(self, seq: int, then: str = "") -> bool:
        def work(connection: Connection) -> None:
            connection.execute(text("INSERT INTO fill VALUES (:seq)"), {"seq": seq})
            if then:
                connection.execute(text(then))

        return self.books.write(work, lambda: self.told.append(seq), "commit")

    def fills(self) -> list[int]:
        with self.other.connect() as connection:
            return list(connection.execute(text("SELECT seq FROM fill ORDER BY seq")).scalars())

    def close(self) -> None:
        for one in (self.engine, self.other):
            one.dispose()
        self.lock.release()


@pytest.fixture
def books(url: str, tmp_path: Path) -> Iterator[Books]:
    found = Books(url, tmp_path)
    yield found
    found.close()


CUT = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
REFUSE = """CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '{}'; END $$;
    CREATE TRIGGER full_disk BEFORE INSERT ON fill EXECUTE FUNCTION refuse()"""


def test_a_cut_connection_is_taken_up_again(books: Books) -> None:
    books.say(CUT)  # idle ones: the next transaction finds out and goes on, under the lock taken anew
    assert books.write(1)
    assert not books.write(2, "SELECT pg_terminate_backend(pg_backend_pid())")
    assert (books.books.held, books.books.doubt) == (AWAY, None)
    assert books.write(2)
    assert (books.fills(), books.told, books.books.held) == ([1, 2], [1, 2], "")


@pytest.mark.parametrize(("state", "why"), [("53100", "full"), ("25006", "read-only"), ("40P01", "")])
def test_what_a_server_refuses_for_now_is_put_off(books: Books, state: str, why: str) -> None:
    books.say(REFUSE.format(state))
    assert not books.write(1)
    assert books.books.held == (AWAY if why else LOCKED)
    assert why in books.books.why
    books.say("DROP TRIGGER full_disk ON fill")
    assert books.write(1)
    assert books.fills() == [1]


def test_a_server_that_takes_no_writes_and_a_statement_that_is_wrong(books: Books) -> None:
    books.say(f"ALTER DATABASE {books.engine.url.database} SET default_transaction_read_only = on")
    books.engine.dispose()
    assert not books.write(1)
    assert "read-only" in books.books.why
    books.say(f"ALTER DATABASE {books.engine.url.database} RESET default_transaction_read_only")
    assert books.write(1)
    with pytest.raises(Exception, match="nothing_like_it"):
        books.write(2, "SELECT * FROM nothing_like_it")
    assert books.fills() == [1]


@pytest.mark.parametrize("landed", [True, False])
def test_a_commit_whose_answer_was_lost_is_asked_for(
    books: Books, monkeypatch: pytest.MonkeyPatch, landed: bool
) -> None:
    lost = _lose_the_answer(monkeypatch, books.engine, landed)
    assert not books.write(7)
    assert lost == ["COMMIT"]
    assert (books.books.held, books.told) == (DOUBT, [])
    monkeypatch.undo()
    assert books.books.settle() is landed
    assert (books.fills(), books.told) == (([7], [7]) if landed else ([], []))
    assert books.books.doubt is None


def _lose_the_answer(patch: pytest.MonkeyPatch, engine: Engine, landed: bool) -> list[str]:
    """The next COMMIT reaches the server, or does not, and the connection dies either way."""
    real, said = engine.dialect.do_commit, list[str]()

    def commit(raw: Any) -> None:
        session = raw.dbapi_connection
        if said or not session.execute("SELECT txid_current_if_assigned()").fetchone()[0]:
            real(raw)
            return
        said.append("COMMIT")
        if landed:
            real(raw)
        session.close()
        raise psycopg.OperationalError("server closed the connection unexpectedly")

    patch.setattr(engine.dialect, "do_commit", commit)
    return said


def test_a_lock_that_another_engine_took_meanwhile_ends_this_one(books: Books, url: str) -> None:
    books.say(CUT)
    second = open_engine(url)
    lock = EngineLock(second, url)
    lock.acquire()
    with pytest.raises(AlreadyRunning):
        books.write(1)
    assert books.fills() == []
    lock.release()
    second.dispose()
