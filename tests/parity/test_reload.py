"""A configuration edited under a running engine: taken over at a bar's close, versioned, replayed; or refused in words."""

from __future__ import annotations

from collections.abc import Callable

from tests.parity.living import Life
from tests.parity.test_lived_is_replayed import slot

Begin = Callable[..., Life]

FAST = {"fast": 2, "slow": 4}


def test_every_kind_of_edit_is_replayed(begin: Begin) -> None:
    """Parameters, protections, a slot less, a slot more, a symbol more, symbols in another order, tighter limits, costs."""
    life = begin(slot("sma_cross", '["BTC/USD"]', params=FAST) + slot("by_the_clock", '["ETH/USD"]', stop=0.05))
    one = slot("sma_cross", '["BTC/USD"]', params={"fast": 3, "slow": 7}, stop=0.002)
    two = slot("sma_cross", '["SOL/USD", "BTC/USD"]', params=FAST, target=0.003)
    head = life.text().partition("[[slots]]")[0]
    life.live(
        40,
        (8.5, life.edit(lambda _: head + one + slot("by_the_clock", '["ETH/USD"]', stop=0.04))),
        (16.5, life.edit(lambda _: head.replace("taker = 0.0005", "taker = 0.001") + two)),
        (25.5, life.edit(lambda text: text.replace("max_positions = 20", "max_positions = 1"))),
    )
    life.proven()
    turns = [row[0] for row in life.rows("SELECT ts % 60000 FROM run_marker WHERE kind = 'config'")]
    assert max(turns) < 10_000, "taken over within the turn that closed a bar"
    versions = life.rows("SELECT id, source FROM config_version ORDER BY id")
    assert versions == [(1, "start"), (2, "edit"), (3, "edit"), (4, "edit")]
    assert {row[0] for row in life.rows("SELECT DISTINCT config_version_id FROM signal")} == {1, 2, 3, 4}
    told = [row[0] for row in life.rows("SELECT text FROM run_marker WHERE kind = 'config' ORDER BY id")]
    assert "sma_cross on BTC/USD at 1m: params" in told[0]
    assert "by_the_clock on ETH/USD at 1m traded -> removed (when flat)" in told[1]
    assert "sma_cross on SOL/USD at 1m none -> added (next bar)" in told[1]
    assert told[2].endswith("limits.max_positions 20 -> 1 (next bar)")
    assert life.count("trade WHERE symbol = 'SOL/USD'"), "the new symbol never traded"
    refused = life.count("signal WHERE reason = 'max_positions' AND config_version_id = 4")
    assert refused > 0, "one position was no limit"
    fees = life.rows("SELECT DISTINCT round(fee / notional, 4) FROM fill ORDER BY 1")
    assert {(0.0005,), (0.001,)} <= set(fees)


def test_a_wrong_edit_changes_nothing_and_says_why(begin: Begin) -> None:
    life = begin(slot("sma_cross", params=FAST))
    life.live(
        12,
        (3.5, life.edit(lambda text: text.replace("fast = 2", "fast = 9"))),
        (6.5, life.edit(lambda text: text.replace("fast = 9", "fats = 3"))),
        (9.5, life.edit(lambda text: text.replace("fats = 3", "fast = 2"))),
    )
    life.proven()
    assert life.count("config_version") == 1
    told = life.rows("SELECT title, body FROM alert WHERE kind = 'config' ORDER BY id")
    assert [title for title, _ in told] == ["the edited configuration was refused, the old one stays"] * 2
    assert "fast" in told[0][1]
    assert "slow" in told[0][1]
    assert "fats" in told[1][1]
    assert life.rows("SELECT message FROM engine_status") == [("",)], "what was wrong has been mended"


def test_a_limit_is_never_loosened_by_an_edit(begin: Begin) -> None:
    life = begin(slot("sma_cross", params=FAST), limits="max_positions = 1\nper_symbol = 0.2\n")
    edit = life.edit(lambda text: text.replace("max_positions = 1", "max_positions = 3").replace("0.2", "0.1"))
    life.live(10, (3.5, edit))
    assert "limits.max_positions 1 -> 3 (restart)" in life.rows("SELECT message FROM engine_status")[0][0]
    text = life.rows("SELECT text FROM config_version ORDER BY id DESC LIMIT 1")[0][0]
    assert "max_positions = 1\n" in text
    assert "per_symbol = 0.1\n" in text
    life.limits = "max_positions = 3\nper_symbol = 0.1\n"
    life.live(5)
    life.proven()
    assert "max_positions = 3\n" in life.rows("SELECT text FROM config_version ORDER BY id DESC LIMIT 1")[0][0]


def test_what_a_person_switched_off_stays_off(begin: Begin) -> None:
    """Over an edit that moves the symbols, a death and a restart; the person's own word ends it."""
    life = begin(slot("sma_cross", '["BTC/USD", "ETH/USD"]', params=FAST))
    off = life.ask("slot_off", slot="sma_cross:BTC/USD")
    life.live(
        9,
        (2.5, off),
        (4.5, life.edit(lambda text: text.replace('"BTC/USD", "ETH/USD"', '"ETH/USD", "BTC/USD"'))),
        (8.5, life.die),
    )
    life.slots = life.slots.replace('"BTC/USD", "ETH/USD"', '"ETH/USD", "BTC/USD"')
    state = "SELECT state FROM slot WHERE symbol = 'BTC/USD'"
    life.live(4)
    assert life.rows(state) == [("exit_only",)]
    life.live(6, (2.5, life.ask("slot_on", slot="sma_cross:BTC/USD")))
    assert life.rows(state) == [("enabled",)]
    life.proven()
