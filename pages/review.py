"""Review: why did I earn or lose what I did in this time, was it luck, and did what I changed help?"""

import streamlit as st

from app import data, report_view, result_data, review_data, review_views, ui, units
from app.read import ai, research_runs
from app.read import review as read
from app.tiles import halves

PAGE = {"group": "Results", "title": "Review", "place": 1}


def main(page: ui.Page) -> None:
    """The page, top to bottom."""
    if not data.equity_stamp(page.engine, page.run_id):
        why = "The first point comes with the first close of the finest timeframe, about a minute after the start."
        ui.empty("Nothing to review yet", why if page.trading else "This run stored no curve: it failed or had no bar.")
        return
    found = result_data.result(page.engine, page.run_id)
    curve = found.account.curve
    with st.container(
        horizontal=True, vertical_alignment="center", horizontal_alignment="distribute", key="review_choices"
    ):
        with st.container(horizontal=True, vertical_alignment="center", gap="small", width="content"):
            chosen()
            how = units.choose()
        span = review_data.span(curve.begun, int(curve.ts[-1]))
        strategies = list(dict.fromkeys(str(slot["strategy"]) for slot in found.slots))
        report_view.button(page.engine, page.run, strategies, "review", span.since, span.until)
    now = review_data.week(page.engine, found, page.run, span.since, span.until)
    if now.account is None:
        ui.empty(
            "Nothing was stored in this time", "Choose another time above; it is kept in the address of this page."
        )
        return
    before = review_data.week(page.engine, found, page.run, *span.before) if span.before else None
    study = research_runs.study_of(page.engine, page.run_id) if page.run["kind"] != "imported" else None
    cost = review_data.cost(page.engine, found, span.since, span.until, how)
    view = review_views.View(page, found, span, now, before, study, cost, how)
    review_views.head(view)
    left, right = halves("why")
    with left:
        review_views.luck(view, *review_data.placed(page.engine, found, span.since, span.until))
        review_views.causes(view)
    with right:
        asked = sum(ai.cost_of_slots(page.engine, page.run_id, int(span.since), int(span.until)).values())
        review_views.waterfall(view, result_data.slippage(page.engine, found), asked)
        review_views.worst(view)
    left, right = halves("held")
    with left:
        review_views.signals(view, review_data.blocked(page.engine, found, page.run_id, span.since, span.until))
    with right:
        review_views.breakers(view, read.breakers(page.engine, page.run_id, span.since, span.until))
    changes = read.changes(page.engine, page.run_id)
    review_views.changed(view, changes, read.markers(page.engine, page.run_id, span.since, span.until))
    review_views.results(view, review_data.versions(page.engine, found, changes, how))


def chosen() -> None:
    """The time that is looked at: the last day, week, month or quarter, or all."""
    asked = ui.in_url("range", "7", review_data.PRESETS.__contains__)
    if st.session_state.get("review_pick") != asked:
        st.session_state["review_pick"] = asked
    st.segmented_control(
        "Time", list(review_data.PRESETS), format_func=review_data.PRESETS.__getitem__, key="review_pick",
        label_visibility="collapsed", required=True, on_change=_picked,
    )  # fmt: skip


def _picked() -> None:
    picked = str(st.session_state["review_pick"])
    ui.to_url(**{"range": "" if picked == "7" else picked, "from": "", "to": ""})


main(ui.current())
