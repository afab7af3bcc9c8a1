"""Rows of `command` that somebody forged who can write the database: refused with a reason, and the engine lives on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from db.asked import LONGEST, MOST, MOST_NAMES, WRONG, words_of_row
from db.control import ALERT_COMMANDS, COMMANDS, LIVE_COMMANDS
from db.session import migrate, open_engine
from engine.alerts import outbox
from engine.runtime import inbox
from tests.runtime.desk_session import Life, frames, setup_of, slot

FAST = {"fast": 3, "slow": 8}
FORGED = [
    "[1]", '"abc"', "7", "null", "true", "", "{", "\x00", "[" * 5_000, '{"a":' * 5_000, '{"price": NaN}', '{"price": 1e999}',
    '{"amount": "1e999999"}', '{"amount": "Infinity"}', '{"amount": "sNaN"}', '{"amount": "9e29"}', '{"amount": -1e300}',
    '{"version": "abc"}', '{"version": -1}', '{"version": 99999999999999999999}', '{"version": [1]}', '{"rows": [[]], "acts": 1}',
    '{"shares": {"x": 9}}', '{"state": "failed"}', '{"state": "failed", "slot": "sma_cross:BTC/USD", "why": "x"}',
    '{"slot": {"a": 1}}', '{"slot": null, "price": -5}', '{"slot": "all", "price": "nan"}', '{"breaker": ["kill"]}',
    '{"a\\nb": 1}',    '{"reason": "' + "x" * 9_000 + '"}', '{"wrong": "a lie"}',
    "{" + ",".join(f'"a{n}": 1' for n in range(50)) + "}",
]  # fmt: skip
"""What a column of JSON may hold when somebody else wrote it."""
MACHINE = [kind for kind in COMMANDS if kind not in (*ALERT_COMMANDS, *LIVE_COMMANDS)]


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Engine]:
    engine = open_engine(f"sqlite:///{tmp_path / 'evenkeel.db'}")
    migrate(engine)
    yield engine
    engine.dispose()


def forge(engine: Engine, kinds: list[str]) -> int:
    """One row of each kind with each of the forged words, as SQLite takes them."""
    sql = text("INSERT INTO command (uuid, kind, args, source, created_ts) VALUES (:uuid, :kind, :args, 'app', 1)")
    rows = [{"uuid": f"{kind}{n}", "kind": kind, "args": words} for kind in kinds for n, words in enumerate(FORGED)]
    with engine.begin() as connection:
        connection.execute(sql, rows)
    return len(rows)


def test_whatever_stands_in_a_row_the_engine_answers_it_and_lives_on(tmp_path: Path, database: Engine) -> None:
    life = Life.begin(tmp_path, setup_of(slot("sma_cross"), params=(FAST,)))
    market = frames(3, 300, 1)
    life.go(next(market) for _ in range(100))
    cash = int(life.desk.trader.machine.account["cash"][0])
    left, taken = forge(database, MACHINE), set[int]()
    while found := inbox.waiting(database, 1, taken):
        assert len(found) <= inbox.MOST + len(taken)
        for row_id, kind, args in found:
            now = life.desk.trader.now
            life.desk.event(now, ["command", now, kind, args, row_id])
            assert "\n" not in inbox.words_of(args)
            taken.add(row_id)
    assert len(taken) == left
    answers = {row_id: (good, why) for row_id, good, why in life.desk.step.acks}
    assert set(answers) == taken, "each has its answer"
    assert all(why for good, why in answers.values() if not good)
    assert int(life.desk.trader.machine.account["cash"][0]) == cash, "no money came out of it"
    assert life.desk.trader.errors == {}, "no strategy is said to have failed"
    life.go(market)
    life.same_as_replayed()


@pytest.mark.parametrize("column", ["args", "uuid", "result"])
def test_bytes_that_are_no_text_end_nobody(database: Engine, column: str) -> None:
    sql = "INSERT INTO command (uuid, kind, source, created_ts) VALUES (:uuid, :kind, 'app', 1)"
    kinds = ("pause", "alert_ack")
    with database.begin() as connection:
        connection.execute(text(sql), [{"uuid": f"{kind}{n}", "kind": kind} for kind in kinds for n in range(2)])
        spoiled = f"UPDATE command SET {column} = CAST(x'ff00' AS TEXT) || id WHERE uuid LIKE '%0'"
        connection.exec_driver_sql(spoiled)
    found = [args for _, _, args in inbox.waiting(database, 1, set())]
    assert [WRONG in args for args in found] == [column == "args", False]
    assert len(outbox.asked(database)) == 2


def test_alerts_take_no_forged_words_either(database: Engine) -> None:
    left = forge(database, list(ALERT_COMMANDS))
    found = outbox.asked(database)
    assert len(found) == left
    for row in found:
        assert all(value is None or isinstance(value, (str, int, float)) for value in row["args"].values())


def test_a_flood_of_rows_is_taken_in_portions(database: Engine) -> None:
    sql = text("INSERT INTO command (uuid, kind, source, created_ts) VALUES (:uuid, 'pause', 'app', 1)")
    with database.begin() as connection:
        connection.execute(sql, [{"uuid": str(n)} for n in range(3 * inbox.MOST)])
    found = inbox.waiting(database, 1, set())
    assert len(found) == inbox.MOST
    assert [row[0] for row in found] == sorted(row[0] for row in found)


WORD = st.text('a \n\u202e\x00"{}é', max_size=8)
PLAIN = (
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.floats(allow_nan=False, allow_infinity=False) | WORD
)


@settings(max_examples=50)
@given(st.dictionaries(st.sampled_from(["slot", "price", "reason", "flatten", "amount"]), PLAIN))
def test_words_of_ours_are_read_as_they_were_written(words: dict[str, Any]) -> None:
    from db.session import _dumps

    found = words_of_row(_dumps(words))
    assert found == {
        k: "".join(c if c.isprintable() else " " for c in v) if isinstance(v, str) else v for k, v in words.items()
    }


@settings(max_examples=100)
@given(st.text('{}[]":,0a \\\n', max_size=60) | st.binary(max_size=30).map(lambda data: data.decode("latin-1")))
def test_no_text_is_read_as_more_than_a_few_plain_words(said: str) -> None:
    found = words_of_row(said)
    assert len(found) <= MOST_NAMES
    assert all(isinstance(v, (str, int, float)) or v is None for v in found.values())


def test_bounds() -> None:
    assert words_of_row('{"a": "' + "x" * LONGEST + '"}') == {"a": "x" * LONGEST}
    for words in (None, '{"a": "' + "x" * (LONGEST + 1) + '"}', " " * MOST + "{}", '{"a": 1e999}', '{"a": []}'):
        assert list(words_of_row(words)) == [WRONG]
