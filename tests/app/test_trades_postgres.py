"""The trades page's and the journal's questions on PostgreSQL: the same answers, with LIKE where SQLite has FTS5."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from app import jobs, journal
from app.read import journal as read
from app.read import trade_detail, trades
from app.read.journal import Entry, Subject
from app.read.trades import Filter
from db.session import migrate, open_engine
from engine.ledger import export
from engine.ledger.import_read import from_bytes
from engine.ledger.imports import apply, preview
from tests.db.samples import ROWS, insert_samples


@pytest.mark.postgres
def test_everything_is_asked_and_written_there_too(postgres: str, monkeypatch: pytest.MonkeyPatch) -> None:
    admin = open_engine(postgres)
    with admin.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT").execute(text("CREATE DATABASE evenkeel_trades"))
    admin.dispose()
    engine = open_engine(postgres.replace("/postgres?", "/evenkeel_trades?"))
    migrate(engine)
    with engine.begin() as connection:
        insert_samples(connection, set(ROWS) - {"journal_conflict", "journal_word", "journal_entry"})
        for table in ("run", "slot"):  # the samples took numbers that the server has not given
            connection.execute(text(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), 100)"))
    monkeypatch.setattr(jobs, "writer", lambda: engine)
    subject = Subject(1, trade_seq=1)
    saved = journal.save(subject, Entry(), {"note": "Chased 100% of it", "mistakes": ["chased"], "rating": 2})
    assert journal.save(subject, Entry(), {"note": "another"}).conflicts == ("note",)
    journal.resolve(subject, read.conflicts(engine, saved.entry.id)[0]["id"], "both")
    assert read.entry(engine, subject).note == "Chased 100% of it\n\nanother"
    for chosen, count in ((Filter(find="chas"), 1), (Filter(find="100%"), 1), (Filter(find="x"), 0), (Filter(tag="!chased"), 1),
                          (Filter(tag="nothing"), 0), (Filter(result="lost", pnl=(-1, 0), r=(None, None)), 1)):  # fmt: skip
        assert trades.totals(engine, 1, chosen)["trades"] == count, chosen
        assert len(trades.running(engine, 1, chosen)["seq"]) == count
    for by in trades.GROUPS:
        assert len(trades.groups(engine, 1, Filter(), by)) == 1
    for order in trades.ORDERS:
        assert len(trades.page(engine, 1, Filter(), order, 1, 10)["seq"]) == 1
    trades.choices(engine, 1)
    assert trade_detail.detail(engine, 1, 1) is not None
    assert len(read.recent(engine, 1)["seq"]) == 1
    assert [day["notes"] for day in read.days(engine, 1, 0, 2**61).values()] == [1]
    assert [row["word"] for row in read.costs_of_mistakes(engine, 1)] == ["chased"]
    assert len(read.found(engine, 1, "chased", "!chased")) == 1
    content = export.trades(engine, [1]).file("csv")
    (run,) = apply(engine, preview(engine, from_bytes(content, "x.csv")))
    assert export.trades(engine, [run]).file("csv") == content
    for name in export.TABLES:
        assert export.table(engine, name, [1]).rows == 1
    engine.dispose()
