"""What a person reads when a configuration is refused: the key, its value, what is allowed, the nearest valid key.

Turns pydantic's findings into sentences. Knows nothing of any particular setting.
"""

from __future__ import annotations

import difflib
import types
from collections.abc import Callable
from typing import Any, Literal, Union, get_args, get_origin

import annotated_types as at
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

Place = tuple[str | int, ...]


class ConfigError(Exception):
    """The configuration cannot be used; nothing was touched. Exit code 78."""

    exit_code = 78


def nearest(word: str, valid: list[str]) -> str | None:
    """The valid word most like `word`, or None."""
    found = difflib.get_close_matches(word, valid, n=1, cutoff=0.6)
    return found[0] if found else None


def findings(error: ValidationError, model: type[BaseModel]) -> list[tuple[Place, str]]:
    """(place, sentence) of everything that was found."""
    return [(finding["loc"], _sentence(dict(finding), model)) for finding in error.errors(include_url=False)]


def explain(
    error: ValidationError, model: type[BaseModel], source: str, over: Callable[[Place], str] = lambda place: ""
) -> str:
    """One sentence a finding, `source` first, or what lies `over` it at that place; at most five, then their number."""
    lines = [f"{over(place) or source}: {sentence}" for place, sentence in findings(error, model)]
    more = [f"{source}: ... and {len(lines) - 5} more"] if len(lines) > 5 else []
    return "\n".join(lines[:5] + more)


def _sentence(finding: dict[str, Any], model: type[BaseModel]) -> str:
    loc: Place = finding["loc"]
    owner, field = _find(model, loc)
    where, value = _where(loc), finding.get("input")
    if finding["type"] == "extra_forbidden":
        return _unknown(loc, owner)
    if finding["type"] == "missing":
        wanted = (field.description or "it must be there") if field else "it must be there"
        return f"{where} is missing: {wanted}"
    reason = _reason(finding)
    if field is None or isinstance(value, dict):
        return f"{where}: {reason}" if where else reason
    if finding["type"] == "value_error":
        return f"{where} = {_show(value)} is refused; allowed: {reason}"
    return f"{where} = {_show(value)} is refused; allowed: {_allowed(field)}"


def _unknown(loc: tuple[str | int, ...], owner: type[BaseModel] | None) -> str:
    key, table = str(loc[-1]), _where(loc[:-1])
    place = f"in {table}" if table else "at the top"
    valid = list(owner.model_fields) if owner else []
    close = nearest(key, valid)
    hint = f"did you mean {close}?" if close else f"valid keys: {', '.join(valid)}"
    return f"{key} {place} is no known key; {hint}"


def _find(model: type[BaseModel], loc: tuple[str | int, ...]) -> tuple[type[BaseModel] | None, FieldInfo | None]:
    """The model that owns the last step of `loc`, and that field if it has it."""
    owner: type[BaseModel] | None = model
    field: FieldInfo | None = None
    for step in loc:
        if isinstance(step, int):
            continue
        if owner is None:
            break
        holder, field = owner, owner.model_fields.get(step)
        if step == loc[-1]:
            return holder, field
        owner = _model_in(field.annotation) if field else None
    return owner, field


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _model_in(part))), None)


def _where(loc: tuple[str | int, ...]) -> str:
    """("slots", 0, "stop") as "[[slots]] 1: stop"; ("limits", "max_gross") as "limits.max_gross"."""
    if not loc:
        return ""
    if len(loc) > 1 and isinstance(loc[1], int):
        rest = ".".join(str(step) for step in loc[2:])
        table = f"[[{loc[0]}]] {loc[1] + 1}"
        return f"{table}: {rest}" if rest else table
    return f"[{loc[0]}]" if len(loc) == 1 else ".".join(str(step) for step in loc)


def _reason(finding: dict[str, Any]) -> str:
    text = str(finding["msg"]).removeprefix("Value error, ")
    return text[:1].lower() + text[1:]


def _show(value: Any) -> str:
    text = str(value).lower() if isinstance(value, bool) else repr(value).replace("'", '"')
    return text if len(text) <= 60 else text[:57] + "..."


_BOUNDS = ((at.Gt, "gt", "above"), (at.Ge, "ge", "at least"), (at.Lt, "lt", "below"), (at.Le, "le", "at most"))


def _allowed(field: FieldInfo) -> str:
    options = _literals(field.annotation)
    if options:
        return " | ".join(options)
    kind = _kind(field.annotation)
    bounds = [
        f"{word} {getattr(item, attribute)}"
        for item in field.metadata
        for cls, attribute, word in _BOUNDS
        if isinstance(item, cls)
    ]
    words = f" ({field.description})" if field.description else ""
    return " ".join([kind, *bounds[:1], *(f"and {bound}" for bound in bounds[1:])]) + words


def _literals(annotation: Any) -> list[str]:
    return [str(option) for option in get_args(annotation)] if get_origin(annotation) is Literal else []


def _kind(annotation: Any) -> str:
    if get_origin(annotation) in (Union, types.UnionType):
        return _kind(next(part for part in get_args(annotation) if part is not type(None)))
    names = {
        "int": "a whole number",
        "float": "a number",
        "Decimal": "a number",
        "bool": "true or false",
        "str": "text",
    }
    name = getattr(annotation, "__name__", "")
    return names.get(name, "a list" if get_origin(annotation) in (tuple, list) else "a table")
