"""Every setting as its declaration describes it: kind, bounds, default, words, when a change acts. Pure.

Forms and the reference are drawn from this; what a setting means to the engine is not known here.
"""

from __future__ import annotations

import types
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from engine.config.diff import acts
from engine.config.model import Config
from engine.config.sections import SlotSection

_KINDS: dict[Any, str] = {bool: "bool", int: "int", float: "number", Decimal: "number", str: "text", dict: "params"}


@dataclass(frozen=True)
class Key:
    """One setting. `kind` is bool, int, number, choice, text, list, table (of `model`) or params (a strategy's own).

    An `optional` one may be left out. `item` is the kind of a list's items; bounds are inclusive unless `over` or `under`.
    """

    table: str
    name: str
    kind: str
    optional: bool
    default: Any
    words: str
    acts: str
    low: float | None = None
    high: float | None = None
    over: bool = False
    under: bool = False
    options: tuple[str, ...] = ()
    item: str = ""
    model: type[BaseModel] | None = None

    @property
    def allowed(self) -> str:
        """In words: "whole number, 1 to 1,000"."""
        if self.options:
            return " | ".join(self.options)
        name = {"bool": "true or false", "int": "whole number", "params": "table"}.get(self.kind, self.kind)
        bounds = _bounds_said(self)
        return f"{name}, {bounds}" if bounds else f"list of {self.item}" if self.kind == "list" else name


def tables() -> dict[str, type[BaseModel]]:
    """The file's tables in their order, `slots` among them, each with its model."""
    found: dict[str, type[BaseModel]] = {}
    for name, field in Config.model_fields.items():
        if name == "slots":
            found[name] = SlotSection
        elif isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            found[name] = field.annotation
    return found


def keys(table: str, model: type[BaseModel] | None = None) -> list[Key]:
    """Every setting of a table in its order; of a table inside a table where `model` is given."""
    owner = model or tables()[table]
    return [_key(table, name, info) for name, info in owner.model_fields.items()]


def words_of(model: type[BaseModel]) -> str:
    """What a table is for, from its declaration."""
    return " ".join((model.__doc__ or "").split())


def _key(table: str, name: str, info: FieldInfo) -> Key:
    annotation, optional = _inner(info.annotation)
    kind, options, item, model = _kind(annotation)
    low, high, over, under = _limits(info)
    default = info.get_default(call_default_factory=True)
    return Key(
        table, name, kind, optional, default, info.description or "", acts(table, name),
        low, high, over, under, options, item, model,
    )  # fmt: skip


def _inner(annotation: Any) -> tuple[Any, bool]:
    """The annotation without None, and whether None was in it."""
    if get_origin(annotation) not in (Union, types.UnionType):
        return annotation, False
    parts = [part for part in get_args(annotation) if part is not type(None)]
    return parts[0], len(parts) < len(get_args(annotation))


def _kind(annotation: Any) -> tuple[str, tuple[str, ...], str, type[BaseModel] | None]:
    origin = get_origin(annotation)
    if origin is Literal:
        return "choice", tuple(str(option) for option in get_args(annotation)), "", None
    if origin in (tuple, list):
        return "list", (), _KINDS.get(get_args(annotation)[0], "text"), None
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "table", (), "", annotation
    return _KINDS.get(origin or annotation, "text"), (), "", None


def _limits(info: FieldInfo) -> tuple[float | None, float | None, bool, bool]:
    low = high = None
    over = under = False
    for rule in info.metadata:
        for name, strict in (("ge", False), ("gt", True)):
            if getattr(rule, name, None) is not None:
                low, over = getattr(rule, name), strict
        for name, strict in (("le", False), ("lt", True)):
            if getattr(rule, name, None) is not None:
                high, under = getattr(rule, name), strict
    return low, high, over, under


def _bounds_said(key: Key) -> str:
    low = None if key.low is None else f"{key.low:,}"
    high = None if key.high is None else f"{key.high:,}"
    if low is not None and high is not None and not key.over and not key.under:
        return f"{low} to {high}"
    parts = [f"{'above' if key.over else 'at least'} {low}"] if low is not None else []
    parts += [f"{'below' if key.under else 'at most'} {high}"] if high is not None else []
    return ", ".join(parts)
