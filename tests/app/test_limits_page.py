"""The page of limits: what is in use, what tripped and what would, and a release with a reason and a typed word."""

from pathlib import Path

import orjson
import pytest
from sqlalchemy import Engine, text

from db import kill_file
from db.models import Snapshot
from db.queries import rows
from db.session import write_session
from engine.core.setup import Setup
from engine.core.types import BreakerSpec
from tests.app.conftest import Open, said, tables
from tests.app.seed import NOW
from tests.core.picture import ACCOUNT, SLOT, X, check

BREAKERS = (
    BreakerSpec("drawdown_reduce", "drawdown", "account", 0.10, "reduce_only"),
    BreakerSpec("consecutive_losses", "consecutive_losses", "slot", 5, "paused", end="cooldown", minutes=60),
)
PICTURE = """
    0:00  1000 1000 1000 1000 | buy |
    0:01  1000 1000 1000 1000 |     | buy 1000
    0:02   {0}  {0}  {0}  {0} |     |
"""


def standing(database: Engine, price: int) -> None:
    """The run's newest commit: half of equity held, the price gone to `price`."""
    machine = check(PICTURE.format(price), breakers=list(BREAKERS)).machine
    setup = Setup(ACCOUNT, (X,), (SLOT,), ({},), BREAKERS, 0, 0)
    row = Snapshot(
        run_id=1, created_ts=NOW, exchange_ts=int(machine.account["now"][0]), tape_day="", tape_offset=0, tape_seq=0,
        layout=machine.layout(), kernel_hash="x", state=machine.snapshot(), extra={"setup": setup.to_json()},
    )  # fmt: skip
    with write_session(database) as session:
        session.add(row)


def test_use_is_told_with_its_unit_and_a_near_limit_is_marked(open_page: Open, database: Engine) -> None:
    standing(database, 820)
    words = said(open_page("limits"))
    assert "1 of 4" in words
    assert "9.00 % of 10.00 %" in words
    assert "near its limit" in words
    assert "Nothing trips" not in words  # five percent more would trip it
    trial = tables(open_page("limits"))[0]
    assert list(trial["breaker"]) == ["drawdown reduce"]


def test_a_smaller_fall_trips_nothing(open_page: Open, database: Engine) -> None:
    standing(database, 1000)
    test = open_page("limits")
    test.number_input(key="trial_fall").set_value(4.0).run()
    assert "Nothing trips: the account stays running." in said(test)
    test.number_input(key="trial_losses").set_value(5).run()
    assert list(tables(test)[0]["breaker"]) == ["consecutive losses"]


def test_a_release_wants_a_reason_and_a_typed_word(open_page: Open, database: Engine) -> None:
    standing(database, 780)
    test = open_page("limits")
    assert "tripped: reduce only" in said(test)
    test.button(key="release_drawdown_reduce").click().run()
    assert test.button(key="confirm_do").disabled
    test.text_input(key="release_reason").input("looked at it").run()
    assert test.button(key="confirm_do").disabled
    test.text_input(key="release_word").input("release").run()
    test.button(key="confirm_do").click().run()
    asked = rows(database, "SELECT kind, args FROM command ORDER BY id")[-1]
    assert asked["kind"] == "release"
    assert orjson.loads(asked["args"]) == {"breaker": "drawdown_reduce", "reason": "looked at it"}


@pytest.mark.parametrize(("action", "how"), [("end", "itself"), ("release", "a person: 60 minutes are over")])
def test_trips_stand_with_their_numbers_and_end(open_page: Open, database: Engine, action: str, how: str) -> None:
    standing(database, 1000)
    with database.execution_options(write=True).begin() as connection:
        connection.execute(text("UPDATE breaker_event SET action = :a WHERE action = 'end'"), {"a": action})
    trips = tables(open_page("limits"))[-1]
    assert list(trips["at"]) == ["5"]
    assert list(trips["limit"]) == ["5"]
    assert list(trips["how"]) == [how]


def test_a_run_without_an_engine_says_so(open_page: Open, database: Engine) -> None:
    assert "No limits in use" in said(open_page("limits"))


@pytest.mark.parametrize("flatten", [False, True])
def test_a_kill_leaves_its_file(open_page: Open, database: Engine, data_folder: Path, flatten: bool) -> None:
    test = open_page("limits")
    test.button(key="kill").click().run()
    if flatten:
        test.checkbox(key="kill_flatten").check().run()
        test.text_input(key="kill_word").input("flatten").run()
    test.button(key="confirm_danger").click().run()
    order = kill_file.read(data_folder)
    assert order is not None
    assert (order.source, order.flatten) == ("app", flatten)


def test_a_name_from_the_data_is_never_markup(open_page: Open, database: Engine) -> None:
    standing(database, 780)
    with database.begin() as connection:
        connection.execute(text("UPDATE breaker_event SET breaker = '<b>x</b>', scope = 'account'"))
    assert "<b>x</b>" not in said(open_page("limits"))
