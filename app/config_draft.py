"""The draft of the configuration that the page Settings edits: the file as it was read, and the text as it shall be.

Form and text both change this one draft; it lives in the session until it is applied or dropped. Nothing is drawn here. The
file is written through engine.config.door alone.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import streamlit as st

from engine.config import door
from engine.config.errors import ConfigError
from engine.config.model import Config
from engine.config.problems import Problem, problems
from engine.config.reading import find, tables_of
from engine.config.secrets import masked, unmasked

DRAFT, SAID = "config_draft", "config_said"
DOORS = {"network": ("allow_hosts",), "run": ("base_url", "ws_url"), "api": ("host", "allowed_hosts")}
"""Settings that the page shows and does not write."""


@dataclass
class Draft:
    """`base` is the file as it was read, `text` what shall stand there. `form` and `words` count how often the widgets of the
    form and of the text have to begin anew, since the other one changed the draft; `why` is what the person is about to do."""

    base: door.Opened
    text: str
    form: int = 0
    words: int = 0
    why: str = ""
    now: door.Opened | None = None
    problem: str = ""

    @property
    def changed(self) -> bool:
        return self.text != self.base.text

    @property
    def meanwhile(self) -> bool:
        """The file on the disk is not the one that was read."""
        return self.problem != "" or (self.now is not None and self.now.digest != self.base.digest)


@dataclass(frozen=True)
class Checked:
    """What the draft means, None while it cannot be used, and all that is wrong with it."""

    config: Config | None
    problems: list[Problem]

    def at(self, *place: str | int) -> str:
        """What is wrong at a place, in sentences."""
        return "; ".join(one.words for one in self.problems if one.place == place)


def current() -> Draft:
    """The session's draft beside the file as it is now. ConfigError where there is no file and nothing was begun."""
    draft: Draft | None = st.session_state.get(DRAFT)
    path = find().resolve()
    if draft is not None and draft.base.path != path and not draft.changed:
        draft = None
    try:
        now = door.opened(draft.base.path if draft else path)
    except ConfigError as error:
        if draft is None or not draft.changed:
            st.session_state.pop(DRAFT, None)
            raise
        draft.now, draft.problem = None, str(error)
        return draft
    if draft is None:
        draft = st.session_state[DRAFT] = Draft(now, now.text)
    draft.now, draft.problem = now, ""
    if draft.meanwhile and not draft.changed:
        _take(draft, now)
    return draft


def checked(text: str) -> Checked:
    """The text as the engine would read it here: this process's environment lies over it."""
    return Checked(*problems(text, find().name, os.environ))


def edit(change: Callable[[str], str], *, by_form: bool = True) -> None:
    """Change the draft's text; what cannot be done is said at the page's next run. For callbacks."""
    draft: Draft = st.session_state[DRAFT]
    try:
        text = change(draft.text)
    except ConfigError as error:
        st.session_state[SAID] = ("warning", str(error))
        draft.form += 1
        return
    if text == draft.text:
        return
    draft.text = text
    st.session_state.pop(SAID, None)
    draft.words += 1
    draft.form += not by_form


def typed(key: str) -> None:
    """The text as it was typed becomes the draft. For the text's callback."""
    draft: Draft = st.session_state[DRAFT]
    draft.text = unmasked(st.session_state[key].replace("\r\n", "\n"), draft.base.text)
    draft.form += 1
    st.session_state.pop(SAID, None)


def shown(draft: Draft) -> str:
    """The draft's text with its passwords masked."""
    return masked(draft.text)


def drop() -> None:
    """The draft begins anew from the file."""
    st.session_state.pop(SAID, None)
    draft: Draft = st.session_state[DRAFT]
    if draft.now is None:
        del st.session_state[DRAFT]
    else:
        _take(draft, draft.now)


def keep_mine() -> None:
    """Go on with the draft over the file as it is now: what it would overwrite is in the difference from here on."""
    draft: Draft = st.session_state[DRAFT]
    if draft.now is not None:
        draft.base = draft.now


def doors(before: str, after: str) -> list[str]:
    """The settings that differ and say whom the engine calls or who may call it: no login here opens those."""
    old, new = _tables(before), _tables(after)
    found = []
    for table, keys in DOORS.items():
        mine, theirs = old.get(table), new.get(table)
        was, now = ((one if isinstance(one, dict) else {}) for one in (mine, theirs))
        found += [f"[{table}] {key}" for key in keys if was.get(key) != now.get(key)]
    return found


def _tables(text: str) -> dict[str, Any]:
    try:
        return tables_of(text)
    except ConfigError:
        return {}


def apply() -> None:
    """Write the draft, if the file is still the one that was read. What became of it is said at the page's next run."""
    draft: Draft = st.session_state[DRAFT]
    if checked(draft.text).problems:
        st.session_state[SAID] = ("warning", "Nothing was written: the draft is not right yet.")
        return
    if moved := doors(draft.base.text, draft.text):
        words = f"Nothing was written: {', '.join(moved)} can only be changed in the file itself, on the machine."
        st.session_state[SAID] = ("warning", words)
        return
    try:
        made = door.write(draft.base.path, draft.text, draft.base.digest, draft.why or "app")
    except ConfigError as error:
        st.session_state[SAID] = ("warning", str(error))
        return
    draft.base = draft.now = made
    draft.why = ""
    st.session_state[SAID] = (
        "success",
        f"Written to {made.path}. A running engine takes it over at its next bar's close.",
    )


def _take(draft: Draft, now: door.Opened) -> None:
    draft.base, draft.text, draft.why = now, now.text, ""
    draft.form += 1
    draft.words += 1
