"""Any change to the text of a configuration that leaves every comment where it stands: a value, a slot more, less, moved, or
all the values of another configuration. Pure: text in, text out.

Each function knows what the text must mean afterwards and refuses (ConfigError) rather than write something else: TOML has
forms that no program can edit without damage, and those are for an editor. Checking the result is the caller's.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from itertools import pairwise
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import AoT

from engine.config.errors import ConfigError
from engine.config.model import Config
from engine.config.reading import tables_of
from engine.config.sections import SlotSection
from engine.config.text import toml

Path = tuple[str | int, ...]
_NAMES = ("strategy", "symbols", "timeframe", "label")


def with_value(text: str, path: Path, value: Any) -> str:
    """`text` with the value at ("limits", "max_gross") or ("slots", 0, "params", "fast"); None takes the key out."""

    def change(data: Any, item: Callable[[Any], Any], table: Callable[[], Any]) -> None:
        holder = data
        for step, after in pairwise(path):
            if isinstance(step, str) and step not in holder:
                if value is None:
                    return
                holder[step] = [] if isinstance(after, int) else table()
            holder = holder[step]
        if value is None:
            holder.pop(path[-1], None)
        else:
            holder[path[-1]] = item(value)

    nested = len(path) > 2
    return _edited(text, change, tomlkit.inline_table if nested else tomlkit.table)


def with_new_slot(text: str, values: Mapping[str, Any]) -> str:
    """`text` with one [[slots]] table more, at the end."""

    def change(data: Any, item: Callable[[Any], Any], table: Callable[[], Any]) -> None:
        if "slots" not in data:
            data["slots"] = tomlkit.aot() if isinstance(data, tomlkit.TOMLDocument) else []
        fresh = table()
        for key, value in values.items():
            fresh[key] = item(value)
        data["slots"].append(fresh)

    return _edited(text, change, tomlkit.table)


def without_slot(text: str, number: int) -> str:
    """`text` without the slot of that number (from 0)."""
    return _edited(text, lambda data, *_: data["slots"].pop(number), tomlkit.table)


def with_slot_moved(text: str, number: int, to: int) -> str:
    """`text` with that slot at another place among the slots."""

    def change(data: Any, *_: Any) -> None:
        order = list(range(len(data["slots"])))
        order.insert(to, order.pop(number))
        _arrange(data, _these(data, order))

    return _edited(text, change, tomlkit.table)


def with_config(text: str, wanted: Config, leave: Container[str] = ()) -> str:
    """`text` with the values of `wanted` wherever it means another; comments, and settings named in `leave`
    ("storage.database_url"), stay."""
    now = Config.model_validate(tables_of(text))
    for section in Config.model_fields:
        if section == "slots":
            continue
        old, new = getattr(now, section), getattr(wanted, section)
        for key in type(old).model_fields:
            if getattr(old, key) != getattr(new, key) and f"{section}.{key}" not in leave:
                text = with_value(text, (section, key), _plain(getattr(new, key)))
    return text if now.slots == wanted.slots else _with_slots(text, now, wanted)


def _with_slots(text: str, now: Config, wanted: Config) -> str:
    """The slots of `wanted`, each in the table that names it already, else in one of its own."""
    known = {_identity(slot): number for number, slot in enumerate(now.slots)}
    order = []
    for slot in wanted.slots:
        number = known.pop(_identity(slot), None)
        if number is None:
            number = len(tables_of(text)["slots"])
            text = with_new_slot(text, {name: _plain(getattr(slot, name)) for name in _NAMES if getattr(slot, name)})
            former = SlotSection.model_validate({name: getattr(slot, name) for name in _NAMES})
        else:
            former = now.slots[number]
        for key in SlotSection.model_fields:
            if getattr(former, key) != getattr(slot, key):
                text = with_value(text, ("slots", number, key), _plain(getattr(slot, key)))
        order.append(number)
    return _edited(text, lambda data, *_: _arrange(data, _these(data, order)), tomlkit.table)


def _identity(slot: SlotSection) -> tuple[Any, ...]:
    return tuple(getattr(slot, name) for name in _NAMES)


def _these(data: Any, order: list[int]) -> list[Any]:
    held = data["slots"]
    return [(held.body if isinstance(held, AoT) else held)[k] for k in order]


def _arrange(data: Any, slots: list[Any]) -> None:
    """These tables, in this order, as the slots; in the place where they stand, so that no space between them grows."""
    held = data["slots"]
    if isinstance(held, AoT):
        held.body[:] = slots
    else:
        data["slots"] = list(slots)


def _plain(value: Any) -> Any:
    if hasattr(value, "model_dump"):
        value = value.model_dump()
    return list(value) if isinstance(value, tuple) else value


def _edited(text: str, change: Callable[..., Any], table: Callable[[], Any]) -> str:
    """The text after `change`, which is made twice: to the document with its comments, and to its plain meaning."""
    meant = tables_of(text)
    try:
        document = tomlkit.parse(text)
        change(meant, lambda value: _read(value), dict)
        change(document, _item, table)
        made = tomlkit.dumps(document)
        if tables_of(made) == meant:
            return made
    except (TOMLKitError, KeyError, IndexError, TypeError, AttributeError, ValueError):
        pass
    raise ConfigError("this file is written in a way that a form cannot change without damage: change it in the text")


def _item(value: Any) -> Any:
    return tomlkit.parse(f"v = {toml(value)}\n")["v"]


def _read(value: Any) -> Any:
    return tables_of(f"v = {toml(value)}\n")["v"]
