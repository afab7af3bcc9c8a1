"""A strategy's declared parameters as a form: bounds, steps, words and errors come from the declaration, nothing is said twice.

`read` is pure; `params_form` draws. A value that the declaration refuses stays as the person left it, with the reason below
the field it is about.
"""

from __future__ import annotations

import enum
import math
import re
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import streamlit as st
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

SLIDER_STEPS = 2_000
"""A field with more steps between its bounds is typed, not slid."""


@dataclass(frozen=True)
class Declared:
    """One parameter as declared: `kind` int, float, bool, choice or text; bounds inclusive, None where open."""

    name: str
    kind: str
    default: Any
    low: float | None
    high: float | None
    step: float | None
    options: tuple[Any, ...]
    words: str

    @property
    def label(self) -> str:
        return self.name.replace("_", " ")


def declared(model: type[BaseModel]) -> list[Declared]:
    """Every field of the model, in its order."""
    return [_declared(name, info) for name, info in model.model_fields.items()]


def _declared(name: str, info: FieldInfo) -> Declared:
    low, high, step = _bounds(info)
    kind, options = _kind(info.annotation)
    default = info.get_default(call_default_factory=True)
    if kind == "float" and step is None:
        step = _nice((high - low) / 100) if low is not None and high is not None else None
    return Declared(name, kind, default, low, high, step, options, info.description or "")


def _bounds(info: FieldInfo) -> tuple[float | None, float | None, float | None]:
    """Bounds as they are typed: an open bound of whole numbers is the next one inside."""
    low = high = step = None
    for rule in info.metadata:
        whole = info.annotation is int
        low = getattr(rule, "ge", None) if getattr(rule, "ge", None) is not None else low
        high = getattr(rule, "le", None) if getattr(rule, "le", None) is not None else high
        if getattr(rule, "gt", None) is not None:
            low = rule.gt + 1 if whole else rule.gt
        if getattr(rule, "lt", None) is not None:
            high = rule.lt - 1 if whole else rule.lt
        step = getattr(rule, "multiple_of", None) or step
    return low, high, step


def _nice(size: float) -> float:
    """A step of 1, 2 or 5 times a power of ten, not above `size`."""
    power = 10.0 ** math.floor(math.log10(size)) if size > 0 else 1.0
    return max(factor for factor in (1.0, 2.0, 5.0) if factor * power <= size * 1.0000001) * power


def _kind(annotation: Any) -> tuple[str, tuple[Any, ...]]:
    if typing.get_origin(annotation) is typing.Literal:
        return "choice", typing.get_args(annotation)
    if isinstance(annotation, type) and issubclass(annotation, enum.Enum):
        return "choice", tuple(member.value for member in annotation)
    return {bool: "bool", int: "int", float: "float"}.get(annotation, "text"), ()


def read(model: type[BaseModel], values: Mapping[str, Any]) -> tuple[dict[str, Any] | None, dict[str, str]]:
    """(the validated values, or None; sentences by the field they stand beside). "" holds what is about none of them."""
    try:
        return dict(model.model_validate(dict(values)).model_dump(mode="json")), {}
    except ValidationError as error:
        wrong: dict[str, str] = {}
        for finding in error.errors(include_url=False):
            text = finding["msg"].removeprefix("Value error, ")
            place = str(finding["loc"][0]) if finding["loc"] else _about(model, text)
            wrong[place] = f"{wrong[place]}; {text}" if place in wrong else text[:1].lower() + text[1:]
        return None, wrong


def _about(model: type[BaseModel], text: str) -> str:
    """The last of the fields that a sentence names, which is where the eye is when it reads on."""
    named = [name for name in model.model_fields if re.search(rf"\b{re.escape(name)}\b", text)]
    return named[-1] if named else ""


def from_text(field: Declared, text: str) -> Any:
    """A value as an address has it; the default where it is none."""
    try:
        if field.kind == "bool":
            return text == "1"
        if field.kind == "choice":
            return next((option for option in field.options if str(option) == text), field.default)
        value: Any = {"int": int, "float": float}.get(field.kind, str)(text)
    except ValueError:
        return field.default
    if field.kind in ("int", "float") and not math.isfinite(value):
        return field.default
    return value


def params_form(model: type[BaseModel], key: str, start: Mapping[str, Any]) -> tuple[dict[str, Any], bool]:
    """Draw the fields, `start` giving their first values; (values as they stand, whether they may be used)."""
    values: dict[str, Any] = {}
    places = []
    for field in declared(model):
        values[field.name] = _widget(field, f"{key}_{field.name}", start.get(field.name, field.default))
        places.append((field.name, st.empty()))
    good, wrong = read(model, values)
    for name, place in places:
        if name in wrong:
            place.markdown(f":red[{safe(wrong[name])}]")
    if "" in wrong:
        st.markdown(f":red[{safe(wrong[''])}]")
    return (good if good is not None else values), good is not None


def safe(text: str) -> str:
    """Words of a strategy's file inside coloured markdown: nothing in them may end or style it."""
    return re.sub(r"([\\`*_\[\]{}<>#|$:~])", r"\\\1", text)


def _widget(field: Declared, key: str, start: Any) -> Any:
    """Without a key in the session the field begins at `start`, moved into its bounds."""
    if field.kind == "bool":
        return st.checkbox(field.label, value=bool(start), help=field.words or None, key=key)
    if field.kind == "choice":
        at = field.options.index(start) if start in field.options else 0
        return st.selectbox(field.label, field.options, index=at, help=field.words or None, key=key)
    if field.kind not in ("int", "float"):
        return st.text_input(field.label, value=str(start), help=field.words or None, key=key)
    return _number(field, key, start)


def _number(field: Declared, key: str, start: Any) -> Any:
    cast: Any = int if field.kind == "int" else float
    low, high = (None if bound is None else cast(bound) for bound in (field.low, field.high))
    value = cast(start)
    value = value if low is None else max(low, value)
    value = value if high is None else min(high, value)
    step = cast(field.step) if field.step else cast(1) if field.kind == "int" else None
    help_text = field.words + (f" ({low:g} to {high:g})" if low is not None and high is not None else "")
    if low is not None and high is not None and step and (high - low) / step <= SLIDER_STEPS:
        return st.slider(field.label, low, high, value, step, help=help_text or None, key=key)
    return st.number_input(field.label, low, high, value, step, help=help_text or None, key=key)
