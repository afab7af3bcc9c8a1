"""Buttons write command rows, after one confirmation, and the page shows the engine's answer."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from sqlalchemy import Engine, text

from db.queries import rows
from db.session import write_session
from tests.app.conftest import Open, said
from tests.app.seed import NOW


def _commands(engine: Engine) -> list[dict[str, Any]]:
    """What was asked beyond the seeded two commands."""
    found = rows(engine, "SELECT kind, args, source, state, run_id FROM command ORDER BY id")[2:]
    return [{**row, "args": orjson.loads(row["args"])} for row in found]


@pytest.mark.parametrize(
    ("button", "confirm", "kind"), [("pause", "confirm_do", "pause"), ("kill", "confirm_danger", "kill")]
)
def test_one_click_and_one_confirm(open_page: Open, database: Engine, button: str, confirm: str, kind: str) -> None:
    test = open_page("trades")
    test.button(key=button).click().run()
    assert _commands(database) == []
    test.button(key=confirm).click().run()
    (command,) = _commands(database)
    assert (command["kind"], command["source"], command["state"], command["run_id"]) == (kind, "app", "new", 1)
    assert f"{kind}</b>" in said(test)
    assert "no answer for" in said(test)


def test_cancel_asks_nothing(open_page: Open, database: Engine) -> None:
    test = open_page()
    test.button(key="kill").click().run()
    test.button(key="confirm_cancel").click().run()
    assert _commands(database) == []


def test_flatten_wants_a_typed_word(open_page: Open, database: Engine) -> None:
    test = open_page()
    test.button(key="kill").click().run()
    test.checkbox(key="kill_flatten").check().run()
    assert test.button(key="confirm_danger").disabled
    test.text_input(key="kill_word").input("flatten").run()
    test.button(key="confirm_danger").click().run()
    assert _commands(database)[0]["args"] == {"flatten": True}


def test_a_paused_engine_offers_to_resume(open_page: Open, database: Engine) -> None:
    with write_session(database) as session:
        session.execute(text("UPDATE engine_status SET state = 'paused'"))
    test = open_page()
    assert test.button(key="pause").label == "Resume"
    test.button(key="pause").click().run()
    test.button(key="confirm_do").click().run()
    assert _commands(database)[0]["kind"] == "resume"


@pytest.mark.parametrize(("state", "word"), [("done", "done"), ("refused", "refused")])
def test_the_engines_answer_is_shown(open_page: Open, database: Engine, state: str, word: str) -> None:
    with write_session(database) as session:
        values = f"'z', 1, 'close', '{{}}', 'app', {NOW - 5_000}, '{state}', {NOW - 4_600}"
        session.execute(
            text(
                f"INSERT INTO command (uuid, run_id, kind, args, source, created_ts, state, acked_ts) VALUES ({values})"
            )
        )
    words = said(open_page())
    assert f">{word}</span>" in words
    assert "after 0.4 s" in words


def test_a_position_is_closed_by_its_slots_key(open_page: Open, database: Engine) -> None:
    test = open_page("positions")
    test.button(key="close_000000000000").click().run()
    test.button(key="confirm_do").click().run()
    (command,) = _commands(database)
    assert (command["kind"], command["args"]) == ("close", {"slot": "000000000000"})


def test_a_stop_is_only_tightened(open_page: Open, database: Engine) -> None:
    test = open_page("positions")
    test.button(key="tighten_000000000000").click().run()
    price = test.number_input(key="tighten_price")
    price.set_value(60_000.0).run()
    assert test.button(key="confirm_do").disabled
    test.number_input(key="tighten_price").set_value(61_500.0).run()
    test.button(key="confirm_do").click().run()
    (command,) = _commands(database)
    assert (command["kind"], command["args"]) == ("tighten_stop", {"slot": "000000000000", "price": 61_500.0})


def test_a_slot_is_switched_off(open_page: Open, database: Engine) -> None:
    test = open_page("positions")
    test.button(key="slot_000000000002").click().run()
    test.button(key="confirm_do").click().run()
    assert _commands(database)[0]["kind"] == "slot_off"
