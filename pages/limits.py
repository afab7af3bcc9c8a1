"""Limits and protections: how far is the account from each limit, what has tripped, and what would?"""

import streamlit as st

from app import limits_data, limits_views, ui

PAGE = {"group": "Control", "title": "Limits and protections", "place": 1}


def main(page: ui.Page) -> None:
    """Use now, what is held back, a trial, and the history of trips."""
    _now(page)
    standing = limits_data.standing(page.engine, page.run_id)
    if standing is not None:
        limits_views.releases(page, standing)
        limits_views.trial(page, standing)
    limits_views.history(page, limits_data.trips(page.engine, page.run_id))


@st.fragment(run_every=5)
def _now(page: ui.Page) -> None:
    standing = limits_data.standing(page.engine, page.run_id)
    if standing is None:
        ui.empty(
            "No limits in use",
            "They are shown once an engine has traded this run; what tripped in it stands below."
            if page.trading
            else "A backtest has no limits in use; what tripped in it stands below.",
            ".venv/bin/python run_engine.py run" if page.trading else "",
        )
        return
    limits_views.use(standing)


main(ui.current())
