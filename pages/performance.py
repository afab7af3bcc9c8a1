"""Performance: what did the account earn, at what risk, and how much of it may be luck?"""

from collections.abc import Sequence
from typing import Any

import streamlit as st

from app import charts, data, numbers, performance_hours, period, result_charts, result_data, tables, ui, units
from app import performance_views as views
from app.tiles import halves
from engine.analytics.span import cut
from engine.analytics.values import Undefined

PAGE = {"group": "Results", "title": "Performance", "place": 2}

LINES = {"marked": "at market", "realised": "realised", "market": "market held"}


def main(page: ui.Page) -> None:
    """The page, top to bottom."""
    if not data.equity_stamp(page.engine, page.run_id):
        nothing(page)
        return
    found = result_data.result(page.engine, page.run_id)
    curve = found.account.curve
    chosen = units.current()
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="choices"):
        span = period.choose(curve.begun, int(curve.ts[-1]), chosen)
        chosen = units.choose()
    try:
        account = found.account if span.whole else cut(found.account, span.since, span.until)
    except Undefined as why:
        ui.empty("Nothing was stored in this time", f"{str(why).capitalize()}; choose another time above.")
        return
    market, names = result_data.market(page.engine, page.run, found)
    account = result_data.beside(account, market)
    known = (*found.stamp, span.since, span.until, len(market.ts) if market is not None else 0)
    view = views.View(page, account, chosen, known)
    views.head(view, result_data.intervals(found, span.since, span.until, account))
    equity(view, names)
    left, right = halves("falls")
    with left:
        views.fell(view)
        views.rows_of_luck(view)
    with right:
        views.moving(view)
    views.calendars(view)
    left, right = halves("spread")
    with left:
        views.spread_of_days(view)
        performance_hours.by_hour(view)
    with right:
        views.held(view)
        performance_hours.exposed(view)
    st.divider()
    everything(view, found, span)


def nothing(page: ui.Page) -> None:
    """A run that has stored no equity yet."""
    if page.trading:
        why = "The first point comes with the first close of the finest timeframe, about a minute after the start."
    else:
        why = "This backtest stored no curve: it failed or had no bar. Run another one."
    ui.empty(
        "No equity stored yet",
        why,
        "" if page.trading else "run_engine.py backtest sma_cross --symbol BTC/USD --timeframe 1h --save",
    )


def equity(view: views.View, names: str) -> None:
    """The curves; what is dragged on them becomes the page's time."""
    market = view.account.market
    with tables.section("Equity and drawdown", "equity", "Drag across the chart: the whole page takes that time"):
        wanted, log = choices(
            [name for name in LINES if name != "market" or market is not None], view.units.unit == "r"
        )
    figure = view.kept("equity", lambda: drawn(view, market, wanted, log), tuple(wanted), log)
    if figure is None:
        st.caption("Choose a line above; R is counted on closed trades that had a stop.")
        return
    state: Any = st.plotly_chart(
        figure,
        theme=None,
        key=period.key("equity"),
        config=charts.CONFIG,
        on_select="rerun",
        selection_mode="box",
        alt="Equity above, the fall from its peak below",
    )
    if period.brush(state, view.units):
        st.rerun()
    if names and market is not None and "market" in wanted:
        st.caption(f"Market held: {names}, from the start of this time, before any cost.")


def choices(offered: list[str], in_r: bool) -> tuple[list[str], bool]:
    """(lines that are wanted, whether the axis is logarithmic), kept in the address. R has no such axis."""
    asked = [name for name in ui.in_url("lines", ",".join(offered), bool).split(",") if name in offered]
    with st.container(horizontal=True, vertical_alignment="center", gap="small", width="content"):
        wanted = st.pills(
            "Lines", offered, selection_mode="multi", default=asked, format_func=LINES.__getitem__, key="lines_pick",
            label_visibility="collapsed",
        )  # fmt: skip
        log = st.toggle("log", ui.in_url("log", "", "1".__eq__) == "1", key="log_pick", disabled=in_r)
    ui.to_url(lines="" if set(wanted) == set(offered) else ",".join(wanted), log="1" if log else "")
    return wanted, log and not in_r


def drawn(view: views.View, market: Any, wanted: Sequence[str], log: bool) -> Any:
    """The figure, None where no line is wanted."""
    lines, water = views.curves(view, market, wanted, log)
    if not lines:
        return None
    ending = "x" if log and view.units.unit == "percent" else view.ending
    level = {"money": view.account.curve.start, "percent": 0.0, "r": 0.0}[view.units.unit]
    return result_charts.equity(lines, water, view.page.colors, ending=ending, log=log, level=level)


def everything(view: views.View, found: result_data.Result, span: period.Period) -> None:
    """All statistics, and what other tools would print."""
    with st.expander("All statistics, and what other tools would print"):
        if st.toggle(
            "Reckon them", key="all_statistics", help="every definition, with intervals; a second or two on long runs"
        ):
            made = result_data.every_figure(found, span.since, span.until, view.account)
            numbers.everything(made, result_data.intervals(found, span.since, span.until, view.account))
            numbers.other_tools(view.account)


main(ui.current())
