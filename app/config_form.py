"""One table of the configuration as a form: drawn from its declaration, each field changing the draft as it is left.

What a field may hold, its words and when it acts come from engine.config.keys; what is wrong with it stands below it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import streamlit as st

from app import config_draft, forms
from app.config_draft import Checked, Draft
from engine.config import rewrite
from engine.config.errors import ConfigError
from engine.config.keys import Key, keys, tables, words_of
from engine.config.reading import from_environment, tables_of
from engine.config.secrets import masked, unmasked
from engine.config.text import toml
from engine.strategies import catalog
from engine.strategies.base import StrategyError

AS_TABLE = "as in [account]"
YES_NO = {True: "yes", False: "no"}
INLINE = ("table", "params")
Path = tuple[str | int, ...]


def table(draft: Draft, found: Checked, name: str) -> None:
    """Every field of one table; or the slots as cards."""
    try:
        data = tables_of(draft.text)
    except ConfigError as error:
        st.warning(str(error))
        st.caption("The form needs a file that is TOML: mend it in the text.")
        return
    if name == "slots":
        slots(draft, found, data)
        return
    st.caption(words_of(tables()[name]))
    raw = data.get(name, {})
    if not isinstance(raw, Mapping):
        st.warning(f"{name} is no table in this file: mend it in the text.")
        return
    _whole(found, name)
    _fields(draft, found, keys(name), (name,), raw)


def _whole(found: Checked, *place: str | int) -> None:
    """What is wrong with a table as a whole, and keys that it does not know."""
    inner = [
        one.words
        for one in found.problems
        if one.place == place or (one.place[:-1] == place and "no known key" in one.words)
    ]
    for words in inner:
        _wrong(words)


def _wrong(words: str) -> None:
    st.markdown(f":red[{forms.safe(words)}]")


def _fields(draft: Draft, found: Checked, listed: list[Key], path: Path, raw: Mapping[str, Any]) -> None:
    name = "_".join(str(step) for step in path)
    with st.grid("auto", min_column_width=150, gap="small", key=f"fields_{name}"):
        for key in (one for one in listed if one.kind not in ("table", "params") or path[0] != "slots"):
            with st.container(gap=None):
                field(draft, found, key, (*path, key.name), raw.get(key.name, key.default))


def field(draft: Draft, found: Checked, key: Key, path: Path, value: Any) -> None:
    """One setting, with what is wrong with it below."""
    widget = f"cfg_{draft.form}_{'_'.join(str(step) for step in path)}"
    named = from_environment(str(path[0]), key.name, os.environ) if len(path) == 2 else ""
    about = f"{key.words}. Allowed: {key.allowed}. Default: {_said(key.default)}. A change acts {key.acts}."
    _widget(key, widget, value, path, {"help": forms.safe(about), "disabled": bool(named)})
    if named:
        st.caption(f"from the environment: {named}")
    if words := found.at(*path):
        _wrong(words)


def _said(value: Any) -> str:
    return "left out" if value is None else toml(value)


def _widget(key: Key, widget: str, value: Any, path: Path, more: dict[str, Any]) -> None:
    """The widget that fits the kind and the value; a value that fits no widget is typed."""
    label = key.name.replace("_", " ")
    shared = {**more, "key": widget, "on_change": _left, "args": (widget, key, path)}
    if key.kind == "bool" and (isinstance(value, bool) or (value is None and key.optional)):
        options = [None, True, False] if key.optional else [True, False]
        st.selectbox(label, options, options.index(value), format_func=lambda v: YES_NO.get(v, AS_TABLE), **shared)
    elif key.kind == "choice" and value in key.options:
        st.selectbox(label, key.options, key.options.index(value), **shared)
    elif _is_number(key, value):
        cast: Any = int if key.kind == "int" else float
        low, high = (None if bound is None else cast(bound) for bound in (key.low, key.high))
        start = None if value is None else cast(value)
        step = 1 if key.kind == "int" else 0.01 if (key.high or 0) <= 1 and (start or 0) < 1 else 1.0
        st.number_input(
            label, low, high, start, step, format=None if key.kind == "int" else "%.8g",
            placeholder="left out", **shared,
        )  # fmt: skip
    else:
        text = "" if value is None else _words(key, value)
        st.text_input(label, text, placeholder="left out" if key.optional else "", **shared)


def _words(key: Key, value: Any) -> str:
    """A value as it is typed: lists by commas, tables as TOML has them in one line."""
    if key.kind == "list":
        return _listed(value)
    return toml(value) if key.kind in INLINE else masked(str(value))


def _is_number(key: Key, value: Any) -> bool:
    if key.kind not in ("int", "number"):
        return False
    if value is None:
        return key.optional
    if isinstance(value, (bool, str)) or not hasattr(value, "__float__"):
        return False
    if key.kind == "int" and not isinstance(value, int):
        return False
    return (key.low is None or value >= key.low) and (key.high is None or value <= key.high)


def _listed(value: Any) -> str:
    return ", ".join(str(one) for one in value) if isinstance(value, (list, tuple)) else str(value)


def _left(widget: str, key: Key, path: Path) -> None:
    """A field was changed: so is the draft."""
    value = meant(key, st.session_state[widget])
    config_draft.edit(lambda text: rewrite.with_value(text, path, _unmask(value, text)))


def _unmask(value: Any, text: str) -> Any:
    return unmasked(value, text) if isinstance(value, str) else value


def meant(key: Key, value: Any) -> Any:
    """What a widget's answer says in the file: None takes the key out; text that is none of its kind stays as it was typed."""
    if key.kind == "list" and isinstance(value, str):
        parts = [part.strip() for part in value.split(",") if part.strip()]
        return [_whole_number(part) for part in parts] if key.item == "int" else parts
    if not isinstance(value, str):
        return int(value) if key.kind == "number" and isinstance(value, float) and value.is_integer() else value
    if value == "" and key.optional:
        return None
    if key.kind in ("int", "number", "bool", *INLINE):
        try:
            return tables_of(f"v = {value.strip()}")["v"]
        except ConfigError:
            return value
    return value


def _whole_number(text: str) -> Any:
    return int(text) if text.lstrip("-").isdecimal() else text


# ---- slots -----------------------------------------------------------------------------------------------------------------
def slots(draft: Draft, found: Checked, data: Mapping[str, Any]) -> None:
    """Each [[slots]] table as a card that opens, in the order in which they are served; and a button for one more."""
    st.caption(words_of(tables()["slots"]))
    listed = data.get("slots", [])
    if not isinstance(listed, list) or not all(isinstance(one, Mapping) for one in listed):
        st.warning("slots are no [[slots]] tables in this file: mend it in the text.")
        return
    _whole(found, "slots")
    _whole(found)
    for number, raw in enumerate(listed):
        _slot(draft, found, number, raw, len(listed))
    fresh = {"strategy": "sma_cross", "symbols": ["BTC/USD"], "timeframe": "1h", "label": _label(listed)}
    st.button(
        "Add a slot", key="slot_add", icon=":material/add:",
        on_click=_rearranged, args=(lambda text: rewrite.with_new_slot(text, {k: v for k, v in fresh.items() if v}),),
    )  # fmt: skip


def _label(listed: list[Any]) -> str:
    """Nothing for the first of its kind, else a number that no other has."""
    same = [one for one in listed if one.get("strategy", "sma_cross") == "sma_cross"]
    return f"new {len(listed) + 1}" if same else ""


def _slot(draft: Draft, found: Checked, number: int, raw: Mapping[str, Any], count: int) -> None:
    wrong = any(one.place[:2] == ("slots", number) for one in found.problems)
    title = f"{raw.get('strategy', 'sma_cross')} on {_listed(raw.get('symbols', ['BTC/USD']))} at {raw.get('timeframe', '1m')}"
    if raw.get("label"):
        title += f" ({raw['label']})"
    title += "" if raw.get("enabled", True) else ", off"
    title = f"{forms.safe(title)}{', :red[not right yet]' if wrong else ''}"
    with st.expander(title, expanded=wrong or count == 1, key=f"slot_{draft.form}_{number}"):
        _whole(found, "slots", number)
        listed = keys("slots")
        path: Path = ("slots", number)
        _strategy(draft, found, next(key for key in listed if key.name == "strategy"), path, raw)
        _fields(draft, found, [key for key in listed if key.name != "strategy"], path, raw)
        _sizing(draft, found, next(key for key in listed if key.name == "sizing"), path, raw)
        with st.container(horizontal=True, gap="small"):
            _move("Up", number, number - 1, number > 0)
            _move("Down", number, number + 1, number < count - 1)
            st.button(
                "Remove", key=f"slot_remove_{number}", disabled=count == 1,
                help="it enters no more, manages what it holds, and is gone when it is flat",
                on_click=_rearranged, args=(lambda text: rewrite.without_slot(text, number),),
            )  # fmt: skip


def _move(label: str, number: int, to: int, can: bool) -> None:
    st.button(
        label, key=f"slot_{label}_{number}", disabled=not can, help="slots are served in this order",
        on_click=_rearranged, args=(lambda text: rewrite.with_slot_moved(text, number, to),),
    )  # fmt: skip


def _rearranged(change: Any) -> None:
    config_draft.edit(change, by_form=False)


def _strategy(draft: Draft, found: Checked, key: Key, path: Path, raw: Mapping[str, Any]) -> None:
    """Which strategy, and its own parameters as it declares them."""
    name = raw.get("strategy", key.default)
    known = sorted(catalog.available())
    listed = Key("slots", "strategy", "choice", False, key.default, key.words, key.acts, options=tuple(known))
    params = raw.get("params", {})
    with st.grid("auto", min_column_width=150, gap="small", key=f"fields_params_{path[1]}"):
        with st.container(gap=None):
            field(draft, found, listed, (*path, "strategy"), name)
        if name in known and isinstance(params, Mapping):
            for one in _declared(str(name)):
                with st.container(gap=None):
                    field(draft, found, one, (*path, "params", one.name), params.get(one.name, one.default))
    if words := found.at(*path, "params"):
        _wrong(words)


def _declared(strategy: str) -> list[Key]:
    """A strategy's parameters as settings; none where its file fails, which is said elsewhere."""
    try:
        model = catalog.load(strategy).Params
    except StrategyError:
        return []
    kinds = {"float": "number"}
    return [
        Key(
            "slots", one.name, kinds.get(one.kind, one.kind), False, one.default, one.words, "at the next bar's close",
            one.low, one.high, options=tuple(str(option) for option in one.options),
        )
        for one in forms.declared(model)
    ]  # fmt: skip


def _sizing(draft: Draft, found: Checked, key: Key, path: Path, raw: Mapping[str, Any]) -> None:
    """The slot's own size, or the account's."""
    own = raw.get("sizing")
    assert key.model is not None
    kind = next(one for one in keys("slots", key.model) if one.name == "kind")
    value = next(one for one in keys("slots", key.model) if one.name == "value")
    widget = f"cfg_{draft.form}_slots_{path[1]}_sizing_kind"
    options = [None, *kind.options]
    start = own.get("kind", kind.default) if isinstance(own, Mapping) else None
    with st.grid("auto", min_column_width=150, gap="small", key=f"fields_sizing_{path[1]}"):
        with st.container(gap=None):
            st.selectbox(
                "sizing", options, options.index(start) if start in options else 0, key=widget, help=kind.words,
                format_func=lambda v: v or "as in [sizing]", on_change=_sized, args=(widget, path),
            )  # fmt: skip
        if isinstance(own, Mapping):
            with st.container(gap=None):
                field(draft, found, value, (*path, "sizing", "value"), own.get("value", value.default))


def _sized(widget: str, path: Path) -> None:
    kind = st.session_state[widget]
    if kind is None:
        config_draft.edit(lambda text: rewrite.with_value(text, (*path, "sizing"), None))
    else:
        config_draft.edit(lambda text: rewrite.with_value(text, (*path, "sizing", "kind"), kind))
