"""Journal: which trades should I look at again, what did I think, and what have I learned?"""

from datetime import UTC, datetime

import streamlit as st

from app import journal_editor, journal_views, trade_view, ui, units
from app.read import journal
from app.read.journal import Subject

PAGE = {"group": "Results", "title": "Journal", "place": 7}

VIEWS = {"queue": "Review queue", "calendar": "Calendar", "search": "Notes and lessons"}


def main(page: ui.Page) -> None:
    """One of three views; below it the trade or the day that is written about."""
    span = journal.span(page.engine, page.run_id)
    if span is None:
        ui.empty(
            "No trade has been closed yet",
            "Every trade has its entry here as soon as it is closed: candles, signal, costs, and room for your words.",
        )
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="choices"):
        view = ui.view(VIEWS, "journal_view", on_change=lambda: ui.to_url(trade=""))
        units.choose()
    if view == "queue":
        seq = journal_views.queue_table(page)
    elif view == "calendar":
        seq = on_day(page, span)
    else:
        seq = journal_views.search(page)
        journal_views.mistakes(page)
    opened(page, seq, view)


def on_day(page: ui.Page, span: tuple[int, int]) -> int | None:
    """The calendar; beside it the chosen day, its trades and the note on it."""
    left, right = st.columns([3, 2], gap="medium")
    with left:
        day = journal_views.calendar(page, span)
    with right:
        if day is None:
            st.caption("Choose a day to see its trades and to write about it.")
            return None
        st.subheader(datetime.fromtimestamp(day / 1000, UTC).strftime("%A, %d %B %Y"), anchor=False)
        journal_editor.editor(page.engine, Subject(page.run_id, day_ts=day), rated=False)
    return journal_views.day_trades(page, day)


def opened(page: ui.Page, seq: int | None, view: str) -> None:
    """The trade that was chosen now or stands in the address."""
    if seq is not None:
        ui.to_url(trade=seq)
    wanted = seq if seq is not None else ui.in_url("trade", "", lambda text: text.isdigit() and len(text) < 10)
    if wanted != "":
        trade_view.show(page, int(wanted))
    elif view == "queue":
        st.caption("Select a trade: what happened stands beside your note, and Reviewed takes it off the queue.")


main(ui.current())
