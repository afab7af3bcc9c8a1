"""The parts of the strategies page: sides in, charts and tables out. Numbers come from engine.analytics alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import streamlit as st

from app import charts, formats, numbers, result_charts, result_grids, result_shapes, strategies_data, tables, ui
from app.portfolio_views import shrunk_words
from app.result_charts import Line
from app.result_data import Result
from app.strategies_data import Side
from app.units import Units
from engine.analytics import allocation, attribution, certainty, cluster, expectation, shrink
from engine.analytics.table import DEFINITIONS
from engine.analytics.values import Floats, Undefined

MOST = 8
SHORT = {"closed_profit": "P&L", "payoff": "Payoff", "avg_hold_seconds": "Held", "best_trade_share": "Best trade"}


@dataclass(frozen=True, eq=False)
class View:
    """What every part needs; `sides` are the chosen ones, at most eight, `every` all of them."""

    page: ui.Page
    units: Units
    found: Result
    sides: Sequence[Side]
    every: Sequence[Side]

    @property
    def ending(self) -> str:
        return self.units.ending(self.page.quote)

    def in_unit(self, side: Side) -> Floats:
        """float64[n]: the results in the chosen unit, 0 where R is unknown."""
        trades = side.account.trades
        made: Floats = np.nan_to_num(trades.pnl * self.units.each(trades, side.account.curve.start))
        return made


def curves(view: View) -> None:
    """What each has added up to since the start of the time, all from zero."""
    shades = result_charts.series_colors(view.page.colors)
    lines = []
    for k, side in enumerate(view.sides):
        trades = side.account.trades
        ts = np.concatenate([[side.account.curve.begun], trades.exit_ts, [side.account.curve.ended]])
        total = np.cumsum(view.in_unit(side))
        y = np.concatenate([[0.0], total, total[-1:]])
        lines.append(
            Line(side.name, view.units.local(ts), y, shades[k], dash=("solid", "dash", "dot")[k // 4], step=True)
        )
    figure = result_charts.over_time(lines, view.page.colors, ending=view.ending, height=340)
    figure.update_layout(showlegend=True, margin={"t": 30})
    words = ", ".join(f"{line.name} {line.y[-1]:+,.2f}{view.ending}" for line in lines)
    st.plotly_chart(figure, theme=None, key="curves", config=charts.CONFIG, alt=words)


def statistics(view: View, bands: dict[str, expectation.Band | str]) -> None:
    """Every statistic with its interval; the last column says whether it still is what its backtest was."""
    rows = [_row(view, side, bands.get(side.name)) for side in view.every]
    columns: dict[str, Any] = {"name": tables.text("Strategy", width="medium")}
    if any(bands.values()):
        columns["judged"] = tables.text(
            "Against its backtest", "the whole path inside a band that holds 90 % of such paths", width="medium"
        )
    for name in strategies_data.SHOWN:
        definition = DEFINITIONS[name]
        columns[name] = tables.figure(
            SHORT.get(name, numbers.SHORT.get(name, definition.label)),
            f"{definition.sentence} In brackets: 90 % interval.",
        )
    if any(bands.values()):
        columns["expected"] = tables.figure(
            "Backtest expects", "90 % range of the mean trade, as a part of what was paid to enter"
        )
        columns["lived"] = tables.figure("Lived", "mean trade, as a part of what was paid to enter")
    frame = tables.frame_of(rows, list(columns))
    raw = tables.frame_of([_values(side) for side in view.every], ["name", *strategies_data.SHOWN])
    tables.heading("Side by side", "strategies", raw)
    tables.table(frame, columns, key="strategies")
    few = [side.name for side in view.every if len(side.account.trades) < 30]
    if few:
        st.caption(f"Below 30 trades, which says little: {', '.join(few)}.")


def _values(side: Side) -> dict[str, Any]:
    return {"name": side.name, **{name: figure.value for name, figure in side.figures.items()}}


def _row(view: View, side: Side, band: expectation.Band | str | None) -> dict[str, Any]:
    row: dict[str, Any] = {"name": side.name}
    for name, figure in side.figures.items():
        unit = DEFINITIONS[name].unit
        if unit == "money" and view.units.unit != "money":
            row[name] = _amount(view, side, name)
            continue
        shown = numbers.written(unit, figure.value, sign=name in ("closed_profit", "expectancy"))
        if name in side.intervals and figure.value is not None:
            low, high = (
                formats.percent(v, 0) if unit == "fraction" else formats.number(v) for v in side.intervals[name]
            )
            shown = f"{shown}  ({low.removesuffix(' %')} to {high.removesuffix(' %')})"
        row[name] = shown
    if isinstance(band, expectation.Band):
        low, high = band.expected
        row["expected"] = f"{formats.percent(low)} to {formats.percent(high)}"
        row["lived"] = formats.percent(band.mean, sign=True)
    row["judged"] = judged(side, band)
    return row


def _amount(view: View, side: Side, name: str) -> str:
    """A strategy's money in the chosen unit, added up or a trade's mean, with the mean's interval."""
    trades = side.account.trades
    own = {"fees": trades.fees}.get(name, trades.pnl) * view.units.each(trades, side.account.curve.start)
    own = own[np.isfinite(own)]
    if not own.size:
        return formats.DASH
    if name != "expectancy":
        return view.units.written(float(own.sum()), view.page.quote, sign=name != "fees")
    said = view.units.written(float(own.mean()), view.page.quote)
    try:
        low, high = certainty.mean_interval(own)
    except Undefined:
        return said
    return f"{said}  ({formats.number(low)} to {formats.number(high)})"


def judged(side: Side, band: expectation.Band | str | None) -> str:
    """In a few words; since when it is not what was expected."""
    if band is None or isinstance(band, str):
        return band or ""
    if band.within:
        return "within expectation" + (", was outside before" if band.left else "")
    way = "below" if band.lived[-1] < band.low[-1] else "above"
    return f"{way} expectation since {formats.when(side.account.trades.exit_ts[band.since - 1])[:10]}"


def beside(view: View, bands: dict[str, expectation.Band | str], names: dict[str, str]) -> None:
    """One strategy's path inside the band of its backtest."""
    tables.section(
        "Live against backtest", "band", "The band holds 90 % of whole paths of as many trades drawn from the backtest"
    )
    known = [side for side in view.every if isinstance(bands.get(side.name), expectation.Band)]
    if not known:
        why = next((text for text in bands.values() if isinstance(text, str)), "")
        st.caption(
            "This is a backtest: choose a paper or live run above to lay it beside its backtests."
            if not view.page.trading
            else f"Nothing to compare: {why or 'no trade yet'}. Run the same strategy as a backtest and save it."
        )
        return
    options = [side.name for side in known]
    asked = ui.in_url("beside", options[0], options.__contains__)
    picked = st.selectbox(
        "Strategy", options, options.index(asked), key="beside_pick", label_visibility="collapsed", width=320
    )
    ui.to_url(beside="" if picked == options[0] else picked)
    side = next(one for one in known if one.name == picked)
    band = bands[picked]
    assert isinstance(band, expectation.Band)
    st.plotly_chart(_band_figure(band, view), theme=None, key="band", config=charts.CONFIG, alt=judged(side, band))
    st.caption(
        f"{side.name}: {judged(side, band)}, after {int(band.steps[-1])} trades. Measured against {names[picked]}."
    )


def _band_figure(band: expectation.Band, view: View) -> Any:
    from app.lab_charts import base

    colors, steps = view.page.colors, np.concatenate([[0], band.steps])
    figure = base(colors, result_charts.HALF)

    def zero(values: Any) -> Any:
        return np.concatenate([[0.0], values]) * 100

    for values, fill in ((band.low, None), (band.high, "tonexty")):
        figure.add_scatter(
            x=steps,
            y=zero(values),
            mode="lines",
            line={"width": 0.6, "color": colors.outage},
            fill=fill,
            fillcolor=charts.faint(colors.outage, 0.18),
            hovertemplate="band %{y:+.1f} %<extra></extra>",
        )
    for values, name, color, dash in (
        (band.middle, "backtest", colors.muted, "dot"),
        (band.lived, "lived", colors.accent, "solid"),
    ):
        figure.add_scatter(
            x=steps,
            y=zero(values),
            mode="lines",
            name=name,
            line={"width": 1.6, "color": color, "dash": dash},
            hovertemplate=f"{name} %{{y:+.1f}} %<extra></extra>",
        )
    figure.update_layout(
        xaxis={"title": {"text": "trades", "font": {"size": 11}}, "hoverformat": None},
        yaxis={"ticksuffix": " %", "zeroline": True},
    )
    return figure


def correlated(view: View) -> None:
    """Daily results in cluster order."""
    tables.section(
        "Earn on the same days", "together", "Correlation of closed P&L by UTC day of exit, shrunk, in cluster order"
    )
    chosen = view.sides
    table = strategies_data.by_day(view.found, chosen)
    if len(chosen) < 2 or len(table) < 3:
        st.caption("Needs two of them and three days.")
        return
    made = shrink.correlations(table)
    order = cluster.order(made.matrix)
    names = [chosen[i].name for i in order]
    figure = result_grids.matrix(
        made.matrix[np.ix_(order, order)],
        names,
        names,
        view.page.colors,
        digits=2,
        sign=True,
        height=90 + 34 * len(names),
        most=1.0,
        hover="%{y} with %{x}",
    )
    figure.update_layout(xaxis={"tickangle": -25 if max(map(len, names)) * len(names) > 45 else 0})
    st.plotly_chart(figure, theme=None, key="together", config=charts.CONFIG, alt="Correlation of daily results")
    st.caption(f"{len(table)} days. {shrunk_words(made.weight)}")


def costs(view: View, slippage: Any, names: Any, inside: Any, asked: Mapping[str, float]) -> None:
    """From gross to net: what each cost took, in all and by strategy; `asked` is what questions to models cost, by name."""
    trades = view.found.account.trades
    rows = []
    each = view.units.each(trades, view.found.account.curve.start)
    for side in view.sides:
        which = inside & (names == side.name) & np.isfinite(each)
        parts = (part[which] * each[which] for part in (trades.pnl, trades.fees, slippage, trades.funding))
        one = attribution.waterfall(*parts, asked.get(side.name, 0.0) if view.units.unit == "money" else 0.0)
        rows.append(
            {"name": side.name, **{k: getattr(one, k) for k in ("gross", "fees", "slippage", "funding", "ai", "net")}}
        )
    columns = ["name", "gross", "fees", "slippage", "funding", "ai", "net"]
    frame = tables.frame_of(rows, columns)
    tables.heading(
        f"From gross to net, {view.units.ending(view.page.quote).strip()}",
        "waterfall",
        frame,
        "Gross: at the prices before slippage. AI: what its questions to models cost in this time, in USD",
    )
    steps = [float(frame[name].sum()) for name in columns[1:]]
    figure = result_shapes.waterfall(
        ["gross", "fees", "slippage", "funding", "AI", "net"], steps, view.page.colors, ending=view.ending
    )
    st.plotly_chart(
        figure, theme=None, key="waterfall", config=charts.CONFIG, alt=f"gross {steps[0]:,.2f}, net {steps[-1]:,.2f}"
    )
    shown = {
        "name": tables.text("Strategy"),
        **{
            name: tables.amount(name if name != "ai" else "AI", view.units.worded(view.page.quote), sign=True)
            for name in columns[1:]
        },
    }
    tables.table(frame, shown, key="waterfall_table")


def share(view: View) -> None:
    """What the allocator would give each, beside equal shares."""
    help_ = "Advice only: it does not drive the engine. Evidence is shrunk to no edge, crowding counts against; a change must pay"
    tables.section("Who has earned which share", "allocation", help_)
    table, k = strategies_data.by_day(view.found, view.sides), len(view.sides)
    if k < 2 or len(table) < 30:
        st.caption(
            f"Equal shares, the default: evidence begins with two strategies and 30 days (here {k} and {len(table)})."
        )
        return
    returns = table / (view.found.account.curve.start / k)
    try:
        advice, past = allocation.allocate(returns), allocation.past(returns)
    except Undefined as why:
        st.caption(f"Equal shares: {why}.")
        return
    frame = tables.frame_of(
        allocation.named(advice, [side.name for side in view.sides]),
        ["strategy", "equal", "weights", "seen", "shrunk", "crowd"],
    )
    for name in ("equal", "weights"):
        frame[name] *= 100
    tables.table(
        frame,
        {
            "strategy": tables.text("Strategy"),
            "equal": tables.fraction("Equal", "the default", digits=1),
            "weights": tables.fraction("Advised", digits=1),
            "seen": tables.amount("Sharpe seen", sign=True),
            "shrunk": tables.amount("Shrunk", "towards 0 by 180 days of no edge", sign=True),
            "crowd": tables.amount("Crowd", "mean correlation with the others", sign=True),
        },
        key="allocation",
    )
    st.caption(f"{advice.why[0].upper()}{advice.why[1:]}.")
    _past(view, past, len(table))


def _past(view: View, past: allocation.Past, days: int) -> None:
    colors = view.page.colors
    end = int(max(side.account.curve.days[-1] for side in view.sides)) + 1
    ts = (end - days + np.arange(days + 1)) * 86_400_000
    lines = [
        Line("equal shares", ts, (past.equal - 1) * 100, colors.muted, "dot"),
        Line("advised, each day from the days before", ts, (past.allocator - 1) * 100, colors.accent),
    ]
    figure = result_charts.over_time(lines, colors, ending=" %", height=220)
    st.plotly_chart(figure, theme=None, key="allocated", config=charts.CONFIG, alt="Advised shares against equal ones")
    gap = float(past.allocator[-1] - past.equal[-1])
    better = "better" if gap > 0 else "worse"
    moved = f"{past.changes} change{'s' if past.changes != 1 else ''} paid"
    st.caption(f"Over these days the advice did {formats.percent(abs(gap))} {better} than equal shares, {moved}.")
