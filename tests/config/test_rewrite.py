"""Edits of a configuration's text: it means what was asked for, and every comment stands where it stood."""

from __future__ import annotations

import re
import tomllib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.config.errors import ConfigError
from engine.config.reading import parse
from engine.config.rewrite import with_config, with_new_slot, with_slot_moved, with_value, without_slot
from engine.config.secrets import masked, unmasked
from engine.config.text import example

FILE = """\
# head
[limits] # stay small
max_positions = 3   # three
# per_symbol = 0.1

# the first
[[slots]]   # one
strategy = "sma_cross" # it crosses
symbols = [ # two of them
  "BTC/USD", "ETH/USD",
]
params = { fast = 5, slow = 20 }   # quick

# the second
[[slots]]
strategy = "rsi_reversion"
symbols = ["SOL/USD"]
[slots.sizing] # of its own
kind = "risk"
value = 0.01
# tail
"""


def comments(text: str) -> list[str]:
    return re.findall(r"#.*", text)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("limits", "max_positions"), 2),
        (("limits", "per_symbol"), 0.05),
        (("costs", "taker"), 0.001),
        (("alerts", "push"), ["trade", "kill"]),
        (("run", "name"), 'a "b" \\ c'),
        (("slots", 0, "params", "fast"), 7),
        (("slots", 0, "symbols"), ["BTC/USD"]),
        (("slots", 1, "params", "length"), 9),
        (("slots", 1, "sizing", "value"), 0.02),
        (("slots", 1, "stop"), 0.03),
    ],
)
def test_one_value(path: tuple[str | int, ...], value: object) -> None:
    made = with_value(FILE, path, value)
    at = tomllib.loads(made)
    for step in path:
        at = at[step]
    assert at == value
    kept = [one for one in comments(FILE) if not (path[-1] == "symbols" and "two of them" in one)]
    assert [one for one in comments(made) if one in kept] == kept
    assert with_value(made, path, value) == made


def test_a_value_is_taken_out() -> None:
    made = with_value(FILE, ("slots", 1, "sizing"), None)
    assert "sizing" not in tomllib.loads(made)["slots"][1]
    assert with_value(FILE, ("costs", "taker"), None) == FILE, "what is not there need not be taken out"


def test_slots_more_less_and_in_another_order() -> None:
    more = with_new_slot(FILE, {"strategy": "macd_trend", "symbols": ["BTC/USD"]})
    moved = with_slot_moved(more, 2, 0)
    assert [slot["strategy"] for slot in tomllib.loads(moved)["slots"]] == ["macd_trend", "sma_cross", "rsi_reversion"]
    less = without_slot(moved, 1)
    assert [slot["strategy"] for slot in tomllib.loads(less)["slots"]] == ["macd_trend", "rsi_reversion"]
    assert {"# stay small", "# of its own"} <= set(comments(less))


def test_what_cannot_be_edited_without_damage_is_left_alone() -> None:
    for text in ("slots = 5\n", "limits = 3\n"):
        with pytest.raises(ConfigError, match="change it in the text"):
            with_value(text, ("slots", 0, "stop") if "slots" in text else ("limits", "per_symbol"), 0.1)


tables = st.fixed_dictionaries(
    {
        "limits": st.fixed_dictionaries({}, optional={"max_positions": st.integers(1, 9), "per_symbol": st.floats(0, 1)}),
        "account": st.fixed_dictionaries({}, optional={"cash": st.integers(1, 10**9), "allow_short": st.booleans()}),
        "log": st.fixed_dictionaries({}, optional={"level": st.sampled_from(["debug", "info", "error"])}),
        "slots": st.lists(
            st.fixed_dictionaries(
                {"strategy": st.sampled_from(["sma_cross", "rsi_reversion"]), "label": st.sampled_from("abcd")},
                optional={
                    "stop": st.floats(0.001, 0.9), "enabled": st.booleans(), "time_stop": st.integers(1, 99),
                    "params": st.dictionaries(st.sampled_from(["fast", "slow"]), st.integers(1, 9)),
                    "sizing": st.just({"kind": "fixed", "value": 50.0}),
                },
            ),
            min_size=1, max_size=4, unique_by=lambda slot: (slot["strategy"], slot["label"]),
        ),
    }
)  # fmt: skip


def written(data: dict[str, object]) -> str:
    """The tables as a person might write them, each line with its comment."""
    from engine.config.text import toml

    lines = []
    for name in ("limits", "account", "log"):
        lines += [f"[{name}] # {name}", *(f"{key} = {toml(one)} # {key}" for key, one in data[name].items()), ""]  # type: ignore[attr-defined]
    for slot in data["slots"]:  # type: ignore[attr-defined]
        lines += ["[[slots]] # a slot", *(f"{key} = {toml(one)} # {key}" for key, one in slot.items()), ""]
    return "\n".join(lines)


@settings(max_examples=40, deadline=None)
@given(tables, tables)
def test_any_configuration_can_be_written_into_any_file(one: dict[str, object], other: dict[str, object]) -> None:
    text, wanted = written(one), parse(written(other))
    made = with_config(text, wanted)
    assert parse(made) == wanted
    for name in ("limits", "account", "log"):
        assert f"[{name}] # {name}" in made
    assert with_config(made, wanted) == made


@settings(max_examples=40, deadline=None)
@given(tables, st.data())
def test_slots_can_be_arranged_in_any_way(data: dict[str, object], draw: st.DataObject) -> None:
    text = written(data)
    count = len(tomllib.loads(text)["slots"])
    number, to = draw.draw(st.integers(0, count - 1)), draw.draw(st.integers(0, count - 1))
    moved = with_slot_moved(text, number, to)
    assert sorted(comments(moved)) == sorted(comments(text))
    assert with_slot_moved(moved, to, number) == text


def test_the_example_goes_through_every_edit() -> None:
    text = example()
    made = without_slot(with_slot_moved(with_new_slot(text, {"strategy": "sma_cross", "label": "b"}), 1, 0), 0)
    assert parse(made) == parse(text)
    assert comments(made) == comments(text)


def test_passwords_are_masked_and_put_back() -> None:
    real = 'a = "postgresql://me:hunter2@db/x"\nb = "https://you:s3cret@host/" # plain http://host:80/path\n'
    shown = masked(real)
    assert "hunter2" not in shown
    assert "s3cret" not in shown
    assert "http://host:80/path" in shown
    assert unmasked(shown, real) == real
    assert unmasked(shown.replace("me:***", "me:new"), real) == real.replace("hunter2", "new")
    assert unmasked("x://other:***@db", real) == "x://other:***@db", "nobody's password is given to another"
