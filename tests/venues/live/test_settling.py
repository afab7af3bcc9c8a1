"""A person's word on an order nobody can tell about: believed where the venue has none, refused where it has, never more."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import insert

from db.models import Command
from db.session import write_session
from tests.venues.live.exchange import MemoryPort
from tests.venues.live.life import LiveLife


def ask(life: LiveLife, order: str) -> None:
    row = {
        "uuid": order,
        "run_id": life.run_id,
        "kind": "settle",
        "args": {"order": order, "reason": "looked"},
        "source": "cli",
    }
    with write_session(life.engine) as session:
        session.execute(insert(Command), {**row, "created_ts": life.now})


def answer(life: LiveLife) -> tuple[str, str]:
    (row,) = life.rows("SELECT state, result FROM command")
    return row.state, row.result or ""


def unsure(folder: Path, fate: str) -> LiveLife:
    """An entry that met `fate` at a venue whose requests never expire, and so is not proven lost by any time."""
    life = LiveLife(folder, MemoryPort(expiry_ms=0))
    life.pump(12)
    life.port.script = [fate]
    life.enter()
    life.pump(2)
    assert life.states("entry") == ["unknown"]
    return life


def test_what_was_never_placed_gives_its_money_back(tmp_path: Path) -> None:
    life = unsure(tmp_path, "lost")
    (intent,) = life.intents("entry")
    assert intent.reserved > 0
    ask(life, intent.client_order_id)
    life.pump(40, 100)
    assert answer(life) == ("done", "taken as never placed; what was reserved for it is free")
    (intent,) = life.intents("entry")
    assert (intent.state, intent.reserved) == ("not_placed", 0.0)
    assert "settled by a person: never placed (looked)" in intent.reason
    assert int(life.slot["q_entry"]) == 0, "the slot decides again"
    assert len(life.port.came) == 1, "nothing was sent again"
    life.audited()


def test_an_order_that_comes_after_a_persons_word_is_booked_all_the_same(tmp_path: Path) -> None:
    life = unsure(tmp_path, "late")
    (intent,) = life.intents("entry")
    life.port.under_way = [(life.now + 20_000, request) for _, request in life.port.under_way]
    ask(life, intent.client_order_id)
    life.pump(40, 100)
    assert answer(life)[0] == "done"
    life.pump(24, 2_500)
    (intent, *_) = life.intents("entry")
    assert (intent.state, intent.anomaly) == ("not_placed", "filled after it was not_placed")
    assert float(intent.filled) == float(intent.qty)
    assert life.held() == 0 or float(life.held()) == float(intent.qty)
    life.audited()


@pytest.mark.parametrize("down", [True, False])
def test_nothing_is_believed_without_the_venues_answer_or_of_another_order(tmp_path: Path, down: bool) -> None:
    life = unsure(tmp_path, "lost")
    (intent,) = life.intents("entry")
    life.port.down = down
    ask(life, intent.client_order_id if down else "0" * 32)
    life.pump(40, 100)
    state, words = answer(life)
    assert state == "refused"
    assert ("does not answer" if down else "nothing to settle") in words
    assert life.states("entry") == ["unknown"]
