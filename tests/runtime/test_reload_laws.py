"""No edit, in whatever order and at whatever moment, goes live or allows more than what runs allows."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from engine.config.diff import WAITS, changes, effective, loosens
from engine.config.errors import ConfigError
from engine.config.keys import Key, keys, tables
from engine.config.model import Config
from engine.config.sections import LimitsSection, SlotSection
from engine.config.text import bare
from engine.core.types import Instrument
from engine.runtime.reload import Reloader

SYMBOLS = ("BTC/USD", "ETH/USD")


def value_of(key: Key) -> st.SearchStrategy[Any] | None:
    """Values that a setting may have by itself; None for those whose form is words."""
    low, high = key.low or 0, 1000 if key.high is None else key.high
    made = {
        "bool": st.booleans(),
        "choice": st.sampled_from(key.options or ("",)),
        "int": st.integers(int(low), int(high)),
        "number": st.floats(low, high, allow_nan=False, exclude_min=key.over, exclude_max=key.under),
    }.get(key.kind)
    return st.one_of(st.none(), made) if made is not None and key.optional else made


VALUES = {
    name: {key.name: value for key in keys(name) if (value := value_of(key)) is not None}
    for name in tables()
    if name not in ("slots", "storage")
}
settings_of = st.sampled_from([(name, key) for name, known in VALUES.items() for key in known])
named = st.sampled_from([("limits", key) for key in VALUES["limits"]] + [("account", "allow_short"), ("ai", "mode")])
slots = st.lists(
    st.fixed_dictionaries(
        {"symbols": st.lists(st.sampled_from(SYMBOLS), min_size=1, unique=True)},
        optional={
            "allow_short": st.booleans(),
            "ai": st.sampled_from(["off", "veto", "trade"]),
            "stop": st.floats(0.01, 0.5),
            "enabled": st.booleans(),
        },
    ),
    min_size=1,
    max_size=2,
)


@st.composite
def configs(draw: st.DrawFn) -> Config:
    """Any configuration: some settings of any table, limits above all, and slots that may or may not go short."""
    data: dict[str, Any] = {"slots": [{**slot, "label": "ab"[n]} for n, slot in enumerate(draw(slots))]}
    for name, key in draw(st.lists(st.one_of(named, settings_of), max_size=5, unique=True)):
        more = {**data.get(name, {}), key: draw(VALUES[name][key])}
        with suppress(ValidationError):  # settings that do not fit together: without the last
            tables()[name].model_validate(more)
            data[name] = more
    return Config.model_validate(data)


def slots_of(config: Config) -> dict[tuple[str, str], SlotSection]:
    return {(slot.label, symbol): slot for slot in config.slots for symbol in slot.symbols}


def may_short(config: Config, slot: tuple[str, str]) -> bool:
    """Whether a slot may go short; one that is not there yet may if the account may."""
    own = slots_of(config).get(slot)
    return config.account.allow_short if own is None or own.allow_short is None else own.allow_short


def may_trade_alone(config: Config, slot: tuple[str, str]) -> bool:
    """Whether a model may open the slot's positions; one that is not there yet as [ai] says."""
    own = slots_of(config).get(slot)
    return ((own.ai if own else None) or config.ai.mode) == "trade"


def allows_no_more(before: Config, after: Config) -> None:
    assert after.run == before.run
    assert after.storage == before.storage
    for key in LimitsSection.model_fields:
        assert not loosens(key, getattr(before.limits, key), getattr(after.limits, key)), key
    for slot in slots_of(after):
        assert may_short(before, slot) or not may_short(after, slot)
        assert may_trade_alone(before, slot) or not may_trade_alone(after, slot)


@settings(max_examples=120, deadline=None)
@given(configs(), configs())
def test_an_edit_alone_never_allows_more(running: Config, wanted: Config) -> None:
    try:
        acting = effective(running, wanted)
    except ConfigError:
        return
    allows_no_more(running, acting)
    left = [str(one) for one in changes(running, wanted) if one.when in WAITS]
    assert sorted(map(str, changes(acting, wanted))) == sorted(left)


class Interrupted(Reloader):
    """The loop takes over another edit at the moment when this one has been read."""

    during: Callable[[], object] | None = None

    def _read(self, text: str) -> Any:
        made = super()._read(text)
        if self.during:
            self.during()
        return made


def spot(symbol: str) -> Instrument:
    cent = Decimal("0.01")
    return Instrument(symbol, symbol[:3], "USD", tick=cent, lot=cent, quantum=cent)


def reloader(path: Path, running: Config) -> Interrupted:
    path.write_text(bare(running))
    facts = [spot(symbol) for symbol in SYMBOLS]
    return Interrupted(path, running, facts, lambda asked: pytest.fail(f"asked for {asked}"), {})


@settings(max_examples=40, deadline=None)
@given(st.data(), configs())
def test_nor_do_edits_in_any_order_at_any_moment(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, running: Config
) -> None:
    reload = reloader(tmp_path_factory.getbasetemp() / "law.toml", running)

    def take() -> None:
        nonlocal running
        candidate = reload.take()
        if candidate is None:
            return
        allows_no_more(running, candidate.config)
        if data.draw(st.integers(0, 3)) == 0:
            reload.put_back(candidate, running)
        else:
            running = candidate.config

    for _ in range(data.draw(st.integers(1, 4))):
        reload.during = take if data.draw(st.booleans()) else None
        reload.offer(data.draw(st.one_of(configs().map(bare), st.just("[limits]\nmax_position = 1\n"))))
        if data.draw(st.booleans()):
            take()
    take()


def test_what_was_tightened_meanwhile_is_not_loosened_by_an_edit_read_before(tmp_path: Path) -> None:
    running = Config.model_validate({"limits": {"max_positions": 4}, "slots": [{}]})
    reload = reloader(tmp_path / "config.toml", running)
    reload.offer("limits.max_positions = 1\n[[slots]]\n")
    reload.during = lambda: taken.append(reload.take())
    taken: list[Any] = []
    reload.offer("limits.max_positions = 3\n[[slots]]\n")
    assert taken[0].config.limits.max_positions == 1
    last = reload.take()
    assert last is None or last.config.limits.max_positions == 1
    assert "limits.max_positions 1 -> 3 (restart)" in reload.words()


def test_a_lost_file_is_said_until_there_is_one_again(tmp_path: Path) -> None:
    running = Config.model_validate({"slots": [{}]})
    reload = reloader(tmp_path / "config.toml", running)
    reload.lose("config.toml does not exist")
    reload.lose("config.toml does not exist")
    assert "the old one stays: config.toml does not exist" in reload.words()
    assert reload.refusal() == "config.toml does not exist"
    assert reload.refusal() is None, "told once"
    reload.offer(bare(running))
    assert reload.words() == ""
    assert reload.take() is None
