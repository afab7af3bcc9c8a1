"""Two more parts of the performance page: results by the week's hours, and how much of equity was in the market."""

from __future__ import annotations

from typing import Any

import numpy as np
import streamlit as st

from app import charts, formats, result_charts, result_grids, tables
from app.performance_views import WEEK_DAYS, View
from app.result_charts import Line
from engine.analytics import calendar


def by_hour(view: View) -> None:
    """Results by the weekday and hour of entry."""
    trades, results = view.account.trades, view.results
    tables.section(
        "By weekday and hour of entry",
        "hours",
        f"Clock of {view.units.zone}; the mean result of the trades entered then",
    )
    known = np.isfinite(results)
    if not known.any():
        st.caption(
            "No trade was closed in this time." if not len(trades) else "No trade had a stop, so nothing has an R."
        )
        return
    if view.account.returns.size < WEEK_DAYS:
        so_far = formats.many(view.account.returns.size, "day")
        st.caption(f"A week's hours are drawn from {WEEK_DAYS} days on; {so_far} so far.")
        return
    figure = view.kept("hours", lambda: _hours(view, trades.entry_ts[known], results[known]))
    st.plotly_chart(figure, theme=None, key="hours", config=charts.CONFIG, alt="Mean result by weekday and hour")


def _hours(view: View, ts: Any, results: Any) -> Any:
    made = calendar.week(view.units.local(ts), results)
    return result_grids.hours(made, made.mean, view.page.colors, ending=view.ending, what="mean")


def exposed(view: View) -> None:
    """How much of equity was in the market."""
    curve = view.account.curve
    tables.section("Exposure", "exposure", "What was held at its mark over equity: means of up to 360 stretches")
    if curve.exposure is None or not curve.exposure.size or not (curve.equity > 0).all():
        st.caption("No bar has closed in this time.")
        return
    figure = view.kept("exposure", lambda: _exposure(view, curve.exposure))
    st.plotly_chart(figure, theme=None, key="exposure", config=charts.CONFIG, alt="Exposure as a share of equity")


def _exposure(view: View, held: Any) -> Any:
    curve = view.account.curve
    ts, share = _stretches(curve.ts, held / curve.equity * 100)
    line = Line("exposure", view.units.local(ts), share, view.page.colors.accent, step=True, width=1)
    return result_charts.over_time([line], view.page.colors, ending=" %", height=200, area=True)


def _stretches(ts: Any, values: Any, most: int = 360) -> tuple[Any, Any]:
    """At most so many points: the mean of each of as many even stretches, at its end."""
    if len(ts) <= most:
        return ts, values
    starts = np.linspace(0, len(ts), most + 1).astype(np.int64)[:-1]
    ends = np.append(starts[1:], len(ts))
    return ts[ends - 1], np.add.reduceat(values, starts) / (ends - starts)
