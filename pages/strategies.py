"""Strategies: which one earns, which one costs, and is each still what its backtest was?"""

from collections.abc import Sequence
from zlib import crc32

import streamlit as st

from app import (
    challenger_views,
    data,
    period,
    result_data,
    steering_views,
    strategies_data,
    strategies_pivot,
    tables,
    ui,
    units,
)
from app import strategies_views as views
from app.read import ai
from app.strategies_data import BY, Side
from app.tiles import halves
from engine.analytics import expectation

PAGE = {"group": "Results", "title": "Strategies", "place": 4}


def main(page: ui.Page) -> None:
    """The page, top to bottom."""
    if not data.trades_stamp(page.engine, page.run_id) or not data.equity_stamp(page.engine, page.run_id):
        nothing(page)
        return
    found = result_data.result(page.engine, page.run_id)
    curve, chosen = found.account.curve, units.current()
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="choices"):
        span = period.choose(curve.begun, int(curve.ts[-1]), chosen)
        chosen = units.choose()
        by = grouped()
    every = strategies_data.sides(found, by, span.since, span.until)
    if not every:
        ui.empty(
            "No trade was closed in this time", "Choose a longer one above; it is kept in the address of this page."
        )
        return
    view = views.View(page, chosen, found, shown(every), every)
    views.curves(view)
    bands, names = expected(page, found, every) if page.trading else ({}, {})
    views.statistics(view, bands)
    own = strategies_data.labels(found, strategies_data.names_of(found, by))
    inside = (found.account.trades.exit_ts >= span.since) & (found.account.trades.exit_ts <= span.until)
    left, right = halves("costs")
    with left:
        asked = dict[str, float]()
        named = strategies_data.names_of(found, by)
        for slot, cost in ai.cost_of_slots(page.engine, page.run_id, int(span.since), int(span.until)).items():
            asked[named[slot]] = asked.get(named[slot], 0.0) + cost
        views.costs(view, result_data.slippage(page.engine, found), own, inside, asked)
    with right:
        views.beside(view, bands, names)
        views.correlated(view)
    strategies_pivot.draw(page, found, span, chosen, inside)
    views.share(view)
    steering_views.shares(page)
    challenger_views.draw(page)


def nothing(page: ui.Page) -> None:
    """No trade has been closed."""
    why = "A strategy is measured by its closed trades. What is open is on the page Positions."
    ui.empty("No trade has been closed yet" if page.trading else "This backtest closed no trade", why)


def grouped() -> str:
    """By strategy, by strategy on symbol, or by symbol."""
    asked = ui.in_url("by", "strategy", BY.__contains__)
    picked = st.selectbox(
        "By",
        list(BY),
        list(BY).index(asked),
        format_func=lambda name: f"by {BY[name]}",
        key="by_pick",
        label_visibility="collapsed",
        width=200,
    )
    ui.to_url(by="" if picked == "strategy" else picked)
    return str(picked)


def shown(every: Sequence[Side]) -> list[Side]:
    """Up to eight of them, in the address."""
    names = [side.name for side in every]
    asked = [name for name in st.query_params.get("show", "").split("|") if name in names] or names[: views.MOST]
    with tables.section("Earned since", "curves", "Closed P&L added up from the start of this time, each from zero"):
        if len(names) > 1:
            picked = st.multiselect(
                "Shown",
                names,
                default=asked[: views.MOST],
                max_selections=views.MOST,
                key=f"show_{crc32('|'.join(names).encode())}",
                label_visibility="collapsed",
                placeholder="up to eight",
            )
            ui.to_url(show="" if picked == names[: views.MOST] else "|".join(picked))
            asked = picked or asked
    return [side for side in every if side.name in asked]


def expected(
    page: ui.Page, found: result_data.Result, every: Sequence[Side]
) -> tuple[dict[str, expectation.Band | str], dict[str, str]]:
    """By name the band of its backtests, or why there is none; and what those backtests are called."""
    bands, names = dict[str, expectation.Band | str](), dict[str, str]()
    for side in every[:16]:
        bands[side.name], references = strategies_data.band(page.engine, found, side)
        said = [f"{one.name}{'' if one.same else ' (other parameters)'}" for one in references]
        names[side.name] = ", ".join(dict.fromkeys(said))
    return bands, names


main(ui.current())
