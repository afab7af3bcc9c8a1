"""Where a person writes on a trade or a day: each field is saved as soon as it is left, and a second after the last key.

What stands in the database is laid beside what this tab saw: another's change to a field that is not being written appears here,
and one to the same field becomes a conflict that shows both texts (app.journal).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import streamlit as st
from sqlalchemy import Engine

from app import formats, journal, ui, units
from app.read import journal as read
from app.read.journal import Entry, Subject
from db.errors import StorageError

MISTAKES = ("chased", "too early", "too late", "too large", "stop moved", "against the plan", "no plan", "revenge")
"""Offered until there is a vocabulary of one's own."""
WORDS = {
    "note": "Note", "lesson": "Lesson", "rating": "Rating", "reviewed": "Reviewed", "tags": "Tags", "mistakes": "Mistakes",
}  # fmt: skip
SCRIPT = f"<script>{(Path(__file__).parent / 'journal.js').read_text(encoding='utf-8')}</script>"
"""Saves what is typed after a pause, and keeps it in the browser until it is saved: see there. Nothing from data is in it."""


def editor(engine: Engine, subject: Subject, rated: bool = True) -> Entry:
    """The fields; what stands after this script run. `rated`: with rating, mistakes and the mark of a review."""
    now = _met(engine, subject)
    with st.container(key=f"journal_{subject.key}", gap="small"):
        _told(subject)
        _conflicts(engine, subject, now)
        for name, height, hint in (
            ("note", 110, "what happened, in your words"),
            ("lesson", 76, "what to do next time"),
        ):
            st.text_area(
                WORDS[name], key=_key(subject, name), height=height, placeholder=hint, max_chars=journal.LONGEST,
                on_change=_changed, args=(subject, name),
            )  # fmt: skip
        known = read.vocabulary(engine)
        _words(subject, "tags", known["tag"])
        if rated:
            _words(subject, "mistakes", known["mistake"] or MISTAKES)
            with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
                st.feedback("stars", key=_key(subject, "rating"), on_change=_changed, args=(subject, "rating"))
                st.checkbox("Reviewed", key=_key(subject, "reviewed"), on_change=_changed, args=(subject, "reviewed"),
                            help="takes the trade off the review queue")  # fmt: skip
        st.caption(
            f"Saved {units.current().stamp(now.updated_ts, seconds=True)}" if now.updated_ts else "Saved as you write"
        )
    st.html(SCRIPT, unsafe_allow_javascript=True)
    return now


def _key(subject: Subject, name: str) -> str:
    return f"entry_{name}_{subject.key}"


def _seen(subject: Subject) -> str:
    return f"entry_seen_{subject.key}"


def _shown(name: str, entry: Entry) -> Any:
    """A field as its widget has it: stars count from 0, lists are lists."""
    value = getattr(entry, name)
    if name == "rating":
        return None if value is None else value - 1
    return list(value) if name in journal.LISTS else value


def _value(name: str, shown: Any) -> Any:
    if name == "rating":
        return None if shown is None else int(shown) + 1
    return journal.clean(name, shown)


def _met(engine: Engine, subject: Subject) -> Entry:
    """What stands now, with the widgets brought up to it where this tab has nothing of its own in them."""
    now, state = read.entry(engine, subject), st.session_state
    seen: Entry = state.get(_seen(subject), Entry())
    for name in read.FIELDS:
        key = _key(subject, name)
        if key not in state or (_value(name, state[key]) == getattr(seen, name) != getattr(now, name)):
            state[key] = _shown(name, now)
    state[_seen(subject)] = now
    return now


def _changed(subject: Subject, name: str) -> None:
    """A widget's callback: write that one field."""
    state = st.session_state
    seen: Entry = state.get(_seen(subject), Entry())
    try:
        saved = journal.save(subject, seen, {name: _value(name, state[_key(subject, name)])})
    except StorageError as error:
        state[f"entry_told_{subject.key}"] = str(error)
        if isinstance(error, journal.Gone):
            state[ui.UNSAVED] = str(state[_key(subject, name)])
        return
    state[_seen(subject)] = saved.entry
    for field in read.FIELDS:
        key = _key(subject, field)
        untouched = key in state and _value(field, state[key]) == getattr(seen, field)
        if untouched or field in (*saved.conflicts, name):
            state[key] = _shown(field, saved.entry)


def _told(subject: Subject) -> None:
    if words := st.session_state.pop(f"entry_told_{subject.key}", ""):
        st.warning(words)


def _words(subject: Subject, name: str, known: Any) -> None:
    mine = st.session_state[_key(subject, name)]
    st.multiselect(
        WORDS[name], list(dict.fromkeys([*mine, *known])), key=_key(subject, name), accept_new_options=True,
        placeholder="choose, or type a new one", on_change=_changed, args=(subject, name),
    )  # fmt: skip


# ---- two people, one field ------------------------------------------------------------------------------------------------
def _conflicts(engine: Engine, subject: Subject, now: Entry) -> None:
    for row in read.conflicts(engine, now.id) if now.id else ():
        with st.container(border=True, key=f"failed_conflict_{row['id']}"):
            names = " and ".join(WORDS.get(name, name).lower() for name in row["fields"])
            st.markdown(f"**Two people changed the {names}**")
            st.caption("Both are kept until you choose.")
            for name, value in row["fields"].items():
                left, right = st.columns(2)
                with left:
                    st.caption("Stands now")
                    st.text(_written(getattr(now, name, "")))
                with right:
                    st.caption(f"Written at {units.current().stamp(row['ts'])} on an older version")
                    st.text(_written(value))
            with st.container(horizontal=True, gap="small"):
                for choice, label in (
                    ("theirs", "Keep what stands"),
                    ("mine", "Take the other"),
                    ("both", "Keep both"),
                ):
                    st.button(
                        label, key=f"resolve_{choice}_{row['id']}", on_click=_resolve, args=(subject, row["id"], choice)
                    )


def _resolve(subject: Subject, number: int, choice: str) -> None:
    try:
        journal.resolve(subject, number, choice)
    except StorageError as error:
        st.session_state[f"entry_told_{subject.key}"] = str(error)


def _written(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value)) or formats.DASH
    return formats.DASH if value in (None, "") else str(value)


def summary(entry: Mapping[str, Any]) -> str:
    """An entry in a line, as plain text."""
    stars = "★" * int(entry["rating"] or 0)
    return " · ".join(part for part in (stars, *entry.get("words", ()), entry["lesson"] or entry["note"]) if part)
