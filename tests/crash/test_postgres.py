"""The same life on PostgreSQL: killed at the write path's points; audit and parity hold at its end."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import text

from db.session import open_engine
from engine.ledger.audit import audit
from engine.research.parity import replay
from tests.crash.session import Engine, market


@dataclass
class OnPostgres(Engine):
    """An engine whose ledger is in the database at `url`; tape and bars are files as ever."""

    url: str = ""

    def environment(self, kill_at: str = "") -> dict[str, str]:
        return {**super().environment(kill_at), "DATABASE_URL": self.url}

    def _caught_up(self) -> bool:
        read = open_engine(self.url, read_only=True)
        with read.connect() as connection:
            newest = connection.execute(text("SELECT max(exchange_ts) FROM snapshot")).scalar()
        read.dispose()
        return bool(newest and newest >= self.place.end_ms - 15_000)


@pytest.mark.postgres
@pytest.mark.timeout(600)
def test_kills_on_postgres(tmp_path: Path, postgres: str) -> None:
    with market(1500) as place:
        engine = OnPostgres(tmp_path, place, url=postgres)
        for point in ("commit.written:3", "event.taken:90"):
            assert engine.spawn(point).wait(200) == -9, engine.last_words()
        engine.finish()
    read = open_engine(postgres, read_only=True)
    books = audit(read, 1)
    assert books.ok, books.problems
    report = replay(1, read, tmp_path / "runs")
    assert report.ok, report.differences
    assert report.counts["fills"] > 0
    read.dispose()
