"""A question that would never end is ended, in each of twenty tabs, and the one who writes does not notice."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from sqlalchemy import text

from db.errors import StorageError
from db.models import metadata
from db.session import migrate, open_engine, write_session
from tests.db.samples import insert_samples

ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
FIRST = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 1000) SELECT i FROM n"


@pytest.fixture
def url(tmp_path: Path) -> str:
    address = f"sqlite:///{tmp_path / 'evenkeel.db'}"
    engine = open_engine(address)
    migrate(engine)
    with write_session(engine) as session:
        insert_samples(session.connection(), {"run"})
    engine.dispose()
    return address


def test_what_never_ends_is_ended_and_the_next_question_is_answered(url: str) -> None:
    reader = open_engine(url, read_only=True, longest_s=0.02)
    for _ in range(2):
        with reader.connect() as connection:
            with pytest.raises(StorageError, match=r"within 0\.02 s: choose a shorter period"):
                connection.execute(text(ENDLESS)).scalar()
            assert connection.execute(text(FIRST)).scalars().all()[-1] == 1000
    reader.dispose()


def test_twenty_who_ask_without_end_hold_up_nobody_who_writes(url: str) -> None:
    reader, writer = open_engine(url, read_only=True, longest_s=0.02), open_engine(url)
    ended: list[str] = []

    def tab() -> None:
        try:
            with reader.connect() as connection:
                connection.execute(text(ENDLESS)).scalar()
        except StorageError as error:
            ended.append(str(error))

    tabs = [threading.Thread(target=tab) for _ in range(20)]
    for one in tabs:
        one.start()
    with write_session(writer) as session:
        session.execute(metadata.tables["run"].update().values(name="renamed"))
    for one in tabs:
        one.join(60)
    assert len(ended) == 20
    with reader.connect() as connection:
        assert connection.execute(text("SELECT name FROM run")).scalar() == "renamed"
    reader.dispose()
    writer.dispose()


def test_without_a_bound_there_is_none(url: str) -> None:
    reader = open_engine(url, read_only=True)
    with reader.connect() as connection:
        many = ENDLESS.replace("FROM n)", "FROM n LIMIT 300000)")
        assert connection.execute(text(many)).scalar() == 300_000
    reader.dispose()
