"""The schema refuses what must not be, whoever writes it: words outside their list, negative and endless numbers, orphans."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from db.models import metadata
from db.session import migrate, write_session
from tests.db.samples import ROWS, insert_samples

INF, NAN = float("inf"), float("nan")
BAD = [
    ("run", "kind", "dream"),
    ("run", "status", "done"),
    ("run", "cash_start", 0.0),
    ("slot", "state", "on"),
    ("slot", "timeframe_ms", 0),
    ("equity", "equity", INF),
    ("equity", "equity", NAN),
    ("signal", "kind", "buy"),
    ("signal", "direction", 2),
    ("signal", "known_ts", 1),
    ("signal", "stop_distance", -1.0),
    ("orders", "side", "long"),
    ("orders", "purpose", "whim"),
    ("orders", "type", "iceberg"),
    ("orders", "state", "open"),
    ("orders", "qty", -0.01),
    ("orders", "qty", INF),
    ("fill", "qty", 0.0),
    ("fill", "price", -1.0),
    ("fill", "price", NAN),
    ("fill", "liquidity", "deep"),
    ("fill", "order_seq", 77),
    ("fill", "slot_id", 77),
    ("trade", "direction", 0),
    ("trade", "exit_ts", 1),
    ("trade", "pnl", NAN),
    ("trade", "exit_reason", "bored"),
    ("position", "status", "flat"),
    ("position", "stop", -5.0),
    ("breaker", "state", "off"),
    ("breaker_event", "action", "reset"),
    ("breaker_event", "level", "fine"),
    ("outage", "source", "guess"),
    ("alert", "severity", "loud"),
    ("ai_call", "state", "thinking"),
    ("ai_call", "outcome", "clever"),
    ("ai_call", "cost", -0.01),
    ("ai_call", "reserved", NAN),
    ("signal", "source", "oracle"),
    ("command", "kind", "dance"),
    ("command", "state", "seen"),
    ("command", "source", "rumour"),
    ("scheduled", "state", "late"),
    ("engine_status", "state", "fine"),
    ("engine_status", "mode", "backtest"),
    ("run_marker", "kind", "note"),
    ("run_marker", "run_id", 99),
    ("journal_entry", "day_ts", 86_400_000),
    ("journal_entry", "trade_seq", None),
    ("journal_entry", "rating", 6),
    ("journal_word", "kind", "mood"),
]


@pytest.fixture
def filled(engine: Engine) -> Engine:
    migrate(engine)
    with write_session(engine) as session:
        insert_samples(session.connection(), set(ROWS))
    return engine


def _refused(engine: Engine, table: str, column: str, value: Any) -> bool:
    """True when the schema refuses the value (by then the transaction is rolled back)."""
    try:
        with write_session(engine) as session:
            session.execute(metadata.tables[table].update().values({column: value}))
    except DBAPIError:
        return True
    return False


def test_bad_values_are_refused_everywhere(filled: Engine) -> None:
    accepted = [case for case in BAD if not _refused(filled, *case)]
    assert accepted == []


def test_the_words_of_each_list_are_accepted(filled: Engine) -> None:
    for table, column, words in (
        ("orders", "purpose", ("entry", "wiped_out", "outage", "manual")),
        ("engine_status", "state", ("recovering", "killed", "stopped")),
        ("command", "kind", ("tighten_stop", "slot_off", "release")),
        ("command", "source", ("api", "chat", "engine")),
    ):
        for word in words:
            assert not _refused(filled, table, column, word)


def test_a_second_row_with_the_same_name_is_refused(filled: Engine) -> None:
    for table in ("slot", "signal", "orders", "fill", "trade", "position", "breaker", "command", "engine_status"):
        row = {**ROWS[table], "id": 2} if "id" in metadata.tables[table].columns else ROWS[table]
        with pytest.raises(DBAPIError):
            _insert(filled, table, row)


def _insert(engine: Engine, table: str, row: dict[str, Any]) -> None:
    with write_session(engine) as session:
        session.execute(metadata.tables[table].insert(), row)


def test_orders_may_follow_their_fills_within_one_transaction(filled: Engine) -> None:
    with write_session(filled) as session:
        session.execute(metadata.tables["fill"].insert(), {**ROWS["fill"], "seq": 2, "order_seq": 2})
        session.execute(metadata.tables["orders"].insert(), {**ROWS["orders"], "seq": 2})


def test_a_run_takes_its_rows_with_it(filled: Engine) -> None:
    with write_session(filled) as session:
        session.execute(text("DELETE FROM run"))
    with filled.connect() as connection:
        left = {t: connection.execute(text(f"SELECT count(*) FROM {t}")).scalar() for t in metadata.tables}
    assert {table for table, count in left.items() if count} == {
        *{"instrument", "alert", "alert_delivery", "alert_channel", "job", "trial", "seal_opening", "scheduled"},
        "saved_filter",
    }


def test_defaults_stand_in_the_schema(filled: Engine) -> None:
    with filled.connect() as connection:
        row = connection.execute(text("SELECT state, acked_ts, result FROM command")).one()
        assert tuple(row) == ("new", None, None)
        assert connection.execute(text("SELECT reserved, filled_qty, reason FROM orders")).one() == (0.0, 0.0, "")


def test_json_and_bytes_come_back(filled: Engine) -> None:
    run, snapshot = metadata.tables["run"], metadata.tables["snapshot"]
    with write_session(filled) as session:
        session.execute(run.update().values(params={"fast": 10, "nan": NAN, "deep": {"a": [1, 2]}}))
    with filled.connect() as connection:
        assert connection.execute(run.select()).one().params == {"fast": 10, "nan": None, "deep": {"a": [1, 2]}}
        assert connection.execute(snapshot.select()).one().state == b"\x00\x01"
