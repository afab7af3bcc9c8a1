"""Since you last looked: what happened, until the person says that they have seen it. Nothing is dropped by looking alone."""

from __future__ import annotations

from typing import Any

import streamlit as st

from app import data, formats, saved, tables, ui
from app.clock import now_ms
from app.read import since
from app.read.since import Mark
from db.errors import StorageError

PAGE = "seen"
"""Under which name the marks stand among the saved filters."""
UNDO = "since_undo"


def show(page: ui.Page) -> None:
    """The line, what went wrong, and the button; for accounts, as a backtest does not go on."""
    if not page.trading:
        return
    run, now = data.run(page.engine, page.run_id), now_ms()
    marked = _mark(page)
    account = data.account(page.engine, run)
    mark = marked or since.a_day_ago(page.engine, account, run, now)
    found = since.counts(page.engine, page.run_id, mark)
    change = None if mark.equity is None else account.equity - mark.equity
    words = since.sentence(found, change, page.quote)
    ago = f"{formats.when(mark.wall)} UTC, {formats.duration(now - mark.wall)} ago" if marked else "the last 24 hours"
    with st.container(border=True, key="since", gap="small"):
        with st.container(
            horizontal=True, vertical_alignment="center", horizontal_alignment="distribute", gap="medium"
        ):
            with st.container(gap="small"):
                st.caption(f"{'Since you last looked' if marked else 'Nothing marked as seen yet'}: {ago}")
                st.text(f"{words[:1].upper()}{words[1:]}." if words else "Nothing has happened since.")
            with st.container(horizontal=True, width="content", gap="small"):
                if UNDO in st.session_state:
                    st.button("Undo", key="since_back", type="tertiary", on_click=_undo, args=(page,))
                st.button("Seen", key="since_seen", on_click=_seen, args=(page, run, marked), disabled=bool(marked and not words),
                          help="count from here on; what is listed stays among the events")  # fmt: skip
        _grave(page, mark)


def _grave(page: ui.Page, mark: Mark) -> None:
    rows = since.grave(page.engine, page.run_id, mark)
    if rows:
        frame = tables.frame_of(rows, ["ts", "what", "detail"])
        frame["ts"] = tables.utc(frame["ts"])
        columns = {
            "ts": tables.short_moment("Time"),
            "what": tables.text("Mind", width=220),
            "detail": tables.text("Detail"),
        }
        tables.table(frame, columns, key="since_grave")


def _mark(page: ui.Page) -> Mark | None:
    for one in saved.listed(PAGE):
        if one["name"] == _name(page):
            return Mark.read(str(one["query"]))
    return None


def _name(page: ui.Page) -> str:
    return f"run {page.run_id}"


def _seen(page: ui.Page, run: dict[str, Any], before: Mark | None) -> None:
    mark = since.mark_now(page.engine, data.account(page.engine, run), page.run_id, now_ms())
    if _keep(page, mark.text()):
        st.session_state[UNDO] = before.text() if before else ""


def _undo(page: ui.Page) -> None:
    _keep(page, st.session_state.pop(UNDO, ""))


def _keep(page: ui.Page, text: str) -> bool:
    try:
        saved.keep(PAGE, _name(page), text)
    except StorageError as error:
        st.toast(f"Not marked: {error}")
        return False
    return True
