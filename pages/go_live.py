"""Go live: what is missing before real orders, and what became of those that were sent?"""

import streamlit as st

from app import go_live_data, go_live_views, twin_views, ui
from engine.config.errors import ConfigError

PAGE = {"group": "Control", "title": "Go live", "place": 3, "needs_run": False}

VIEWS = {"checks": "Before", "orders": "Orders", "twin": "Against paper"}


def main(page: ui.Page | None) -> None:
    """The checks; for a live run its orders and what they cost against the twin."""
    ui.title("Go live", "What is missing before real orders, and what became of those that were sent.")
    live = page if page is not None and (page.run["kind"] == "live" or page.run["dry"]) else None
    view = chosen(live)
    if view == "checks" or live is None:
        checks(page)
    elif view == "orders":
        ui.live(live, go_live_views.orders, 5)
        go_live_views.history(live)
    else:
        twin_views.twin(live)


def chosen(live: ui.Page | None) -> str:
    """Which of the views, in the address; a run on paper has but one."""
    if live is None:
        return "checks"
    st.session_state.setdefault("golive_view", ui.in_url("view", "orders", VIEWS.__contains__))
    picked = st.segmented_control(
        "View",
        list(VIEWS),
        key="golive_view",
        format_func=VIEWS.__getitem__,
        label_visibility="collapsed",
        required=True,
    )
    view = str(picked or "orders")
    ui.to_url(view="" if view == "orders" else view)
    return view


def checks(page: ui.Page | None) -> None:
    """Every check of the configuration's file."""
    try:
        found = go_live_data.checks(page.engine if page is not None else None)
    except ConfigError as error:
        ui.empty("There is no configuration that can be checked", str(error), ".venv/bin/python run_engine.py init")
        return
    go_live_views.checks(found)


main(ui.current_if_any())
