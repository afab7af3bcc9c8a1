"""Changes settings in the text of a person's configuration and leaves every comment where it stands. Pure: text in, text out.

Nothing here knows what a setting means; whoever edits has the text parsed and checked before it is written (door.py).
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError

from engine.config.errors import ConfigError
from engine.market.symbols import canonical


@dataclass(frozen=True)
class Slot:
    """Slots by what names them, and what their table shall say: None takes a key out."""

    strategy: str
    symbols: tuple[str, ...]
    timeframe: str
    label: str
    values: Mapping[str, Any]


def with_setting(text: str, section: str, key: str, value: Any) -> str:
    """`text` with [section] key = value. ConfigError when it is not TOML."""
    document = _parsed(text)
    table = document.setdefault(section, tomlkit.table())
    table[key] = value
    return tomlkit.dumps(document)


def with_slot(text: str, slot: Slot) -> str:
    """`text` with tables that say `slot.values` for each of its symbols: found by what names them, split off where a table holds
    other symbols too, added at the end for symbols that none holds. ConfigError when it is not TOML."""
    document = _parsed(text)
    tables = document.setdefault("slots", tomlkit.aot())
    left = list(slot.symbols)
    for table in list(tables):
        held = [canonical(str(one)) for one in table.get("symbols", ["BTC/USD"])]
        mine = [symbol for symbol in held if symbol in left and _names(table, slot)]
        left = [symbol for symbol in left if symbol not in mine]
        if not mine or not _differs(table, slot.values):
            continue
        if len(mine) < len(held):
            alone = copy.deepcopy(table)
            table["symbols"] = [symbol for symbol in held if symbol not in mine]
            alone["symbols"] = mine
            tables.append(alone)
            table = alone
        _set(table, slot.values)
    if left:
        tables.append(_fresh(slot, left))
    return tomlkit.dumps(document)


def _fresh(slot: Slot, symbols: list[str]) -> Any:
    table = tomlkit.table()
    table["strategy"], table["symbols"], table["timeframe"] = slot.strategy, symbols, slot.timeframe
    if slot.label:
        table["label"] = slot.label
    _set(table, slot.values)
    return table


def _parsed(text: str) -> tomlkit.TOMLDocument:
    try:
        return tomlkit.parse(text)
    except TOMLKitError as error:
        raise ConfigError(f"the configuration is not valid TOML: {error}") from None


def _names(table: Any, slot: Slot) -> bool:
    own = (table.get("strategy", "sma_cross"), table.get("timeframe", "1m"), table.get("label", ""))
    return own == (slot.strategy, slot.timeframe, slot.label)


def _differs(table: Any, values: Mapping[str, Any]) -> bool:
    return any(_plain(table.get(key)) != (value or None) for key, value in values.items())


def _plain(value: Any) -> Any:
    return (value.unwrap() if hasattr(value, "unwrap") else value) or None


def _set(table: Any, values: Mapping[str, Any]) -> None:
    for key, value in values.items():
        if _plain(table.get(key)) == (value or None):
            continue
        if value is None or value == {}:
            del table[key]
        elif isinstance(value, Mapping):
            _set_mapping(table, key, value)
        else:
            table[key] = value


def _set_mapping(table: Any, key: str, value: Mapping[str, Any]) -> None:
    """In place where it stands there, so that its comments stay."""
    if not isinstance(table.get(key), Mapping):
        table[key] = tomlkit.inline_table()
    own = table[key]
    for name in [name for name in own if name not in value]:
        del own[name]
    for name, one in value.items():
        if _plain(own.get(name)) != one or name not in own:
            own[name] = one
