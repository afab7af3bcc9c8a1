"""Services hand rows to the loop's transaction: they land once, whatever happens to the transaction, and harm nobody."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, insert, select
from sqlmodel import col

from db.models import Alert
from db.session import migrate, open_engine
from engine.runtime.beside import LEAVE_S, MOST_WRITES, Beside, Doors, write_all


@pytest.fixture
def database(tmp_path: Path) -> Engine:
    engine = open_engine(f"sqlite:///{tmp_path / 'one.db'}")
    migrate(engine)
    return engine


def _alert(name: str, **other: Any) -> Any:
    row = {
        "ts": 1, "created_ts": 1, "severity": "info", "kind": "test", "title": name, "body": "", "dedupe_key": name,
        "state": "new", **other,
    }  # fmt: skip

    def write(connection: Connection) -> None:
        connection.execute(insert(Alert).values(**row))

    return write


def _titles(database: Engine) -> list[str]:
    with database.connect() as connection:
        return list(connection.execute(select(col(Alert.title)).order_by(col(Alert.id))).scalars())


def test_rows_of_a_transaction_that_did_not_land_land_with_the_next(database: Engine) -> None:
    doors = Doors()
    doors.write(_alert("one"))
    with database.execution_options(write=True).connect() as connection, connection.begin() as transaction:
        write_all(connection, doors.waiting())
        transaction.rollback()
    assert _titles(database) == []
    doors.write(_alert("two"))
    writes = doors.waiting()
    with database.execution_options(write=True).begin() as connection:
        write_all(connection, writes)
    doors.written(len(writes))
    assert _titles(database) == ["one", "two"]
    assert doors.waiting() == []


def test_a_storm_lands_in_order_over_several_transactions_one_turn_after_the_other(database: Engine) -> None:
    doors = Doors()
    names = [str(i) for i in range(2 * MOST_WRITES + 5)]
    for name in names:
        doors.write(_alert(name))
    sizes = []
    while doors.waiting():
        assert doors.soon == bool(sizes), "the first waits for the next transaction, the rest for none"
        writes = doors.waiting()
        with database.execution_options(write=True).begin() as connection:
            write_all(connection, writes)
        doors.written(len(writes))
        sizes.append(len(writes))
    assert sizes == [MOST_WRITES, MOST_WRITES, 5]
    assert not doors.soon
    assert _titles(database) == names


def test_rows_that_the_schema_refuses_leave_the_others_and_the_transaction_alone(database: Engine) -> None:
    with database.execution_options(write=True).begin() as connection:
        write_all(connection, [_alert("one"), _alert("bad", severity="loud"), _alert("two")])
        _alert("ledger")(connection)
    assert _titles(database) == ["one", "two", "ledger"]


def test_what_arrives_during_a_transaction_waits_for_the_next() -> None:
    doors = Doors()
    first, second = _alert("one"), _alert("two")
    doors.write(first)
    taken = doors.waiting()
    doors.write(second)
    doors.written(len(taken))
    assert doors.waiting() == [second]


def test_events_are_taken_once_and_in_order() -> None:
    doors = Doors()
    doors.event("answer", 7, {"direction": 1})
    doors.event("answer", 8, {})
    assert list(doors.take()) == [["answer", 7, {"direction": 1}], ["answer", 8, {}]]
    assert list(doors.take()) == []


class _Service:
    def __init__(self, name: str, broken: bool = False) -> None:
        self.name, self.broken, self.heard = name, broken, 0

    def start(self) -> None:
        self.committed()

    def committed(self) -> None:
        if self.broken:
            raise OSError("no such device")
        self.heard += 1

    def reconfigured(self, config: Any) -> None:
        self.committed()

    def vitals(self) -> Mapping[str, Any]:
        self.committed()
        return {self.name: self.heard}

    def stop(self, seconds: float) -> None:
        self.committed()


def test_a_failing_service_disturbs_no_other(caplog: pytest.LogCaptureFixture) -> None:
    bad, good = _Service("bad", broken=True), _Service("good")
    beside = Beside([bad, good])
    beside.start()
    beside.committed()
    assert beside.vitals() == {"good": 3}
    beside.stop(1.0)
    assert good.heard == 4
    assert [record.getMessage() for record in caplog.records] == [
        "bad could not start", "bad could not hear of a commit", "bad could not say how it is", "bad could not stop",
    ]  # fmt: skip


def test_an_end_waits_for_what_is_half_done_and_not_for_ever() -> None:
    doors, turns, now = Doors(), list[float](), [0.0]
    left = [3]

    def turn() -> None:
        now[0] += 0.5
        turns.append(now[0])
        left[0] -= 1

    doors.before_end.append(lambda: left[0] <= 0)
    doors.wait_to_end(turn, lambda: now[0])
    assert turns == [0.5, 1.0, 1.5]
    doors.before_end.append(lambda: False)
    doors.wait_to_end(turn, lambda: now[0])
    assert turns[-1] == 1.5 + LEAVE_S
