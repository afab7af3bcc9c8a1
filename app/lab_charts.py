"""Figures of the research pages: what is stored, and a market with what a strategy did in it. Frames in, plotly out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go

from app import charts
from app.palette import Palette

STYLE = Path(__file__).parent / "lab.css"
"""What the research pages add to the app's style sheet."""


def base(colors: Palette, height: int) -> go.Figure:
    """An empty figure in the app's look."""
    return charts.blank(colors, height)


def coverage(strips: Mapping[str, Any], colors: Palette) -> go.Figure:
    """One strip a series on a shared time axis: full days in the accent, thinner ones towards the colour of losses."""
    labels = strips["label"]
    figure = base(colors, 78 + 22 * len(labels))
    share = np.asarray(strips["share"]) * 100
    scale = [[0.0, colors.loss], [0.8, colors.outage], [0.999, colors.accent], [1.0, colors.accent]]
    figure.add_heatmap(
        x=charts.moments(strips["ts"]), y=labels, z=share, zmin=0, zmax=100, colorscale=scale, showscale=False, ygap=5,
        xgap=0, hoverongaps=False, hovertemplate="%{y}<br>%{x|%d %b %Y}: %{z:.1f} % of the bars<extra></extra>",
    )  # fmt: skip
    figure.update_layout(
        hovermode="closest",
        margin={"b": 44},  # two lines: the day, and the year below the first
        yaxis={"autorange": "reversed", "side": "left", "showgrid": False, "type": "category", "ticksuffix": "  "},
    )
    return figure


MARKET_HEIGHT, PANE_HEIGHT = 380, 110
SERIES = ("accent", "backtest", "demo", "live", "outage")
"""Colours of overlays, in the order a strategy names its series."""


def market(
    bars: Mapping[str, Any],
    done: Mapping[str, Any],
    over: Mapping[str, Any],
    below: Mapping[str, Any],
    colors: Palette,
    *,
    lines: bool,
    span: tuple[int, int],
) -> go.Figure:
    """Candles with what was bought and sold: entries as triangles of their side, exits as dots (won) and crosses (lost).

    `over` and `below` map a series' name to (ts, values): on the prices' scale, or in a pane of their own. `lines` joins each
    entry with its exit and draws its first stop.
    """
    figure = base(colors, MARKET_HEIGHT + (PANE_HEIGHT if below else 0))
    figure.add_candlestick(
        x=charts.moments(bars["ts"]), open=bars["open"], high=bars["high"], low=bars["low"], close=bars["close"], name="",
        increasing={"line": {"color": colors.gain, "width": 1}, "fillcolor": colors.ground},
        decreasing={"line": {"color": colors.loss, "width": 1}, "fillcolor": colors.loss}, opacity=0.62, showlegend=False,
    )  # fmt: skip
    shades = [getattr(colors, name) for name in SERIES]
    for k, (name, (ts, values)) in enumerate(over.items()):
        _series(figure, name, ts, values, shades[k % len(shades)], "y")
    for k, (name, (ts, values)) in enumerate(below.items()):
        _series(figure, name, ts, values, shades[k % len(shades)], "y2")
    if lines:
        _paths(figure, done, colors)
    _entries(figure, done, colors)
    _results(figure, done, colors)
    share = PANE_HEIGHT / (MARKET_HEIGHT + PANE_HEIGHT) if below else 0.0
    figure.update_layout(
        xaxis={"rangeslider": {"visible": False}, "anchor": "y2" if below else "y", "range": between(*span)},
        yaxis={"domain": [share + 0.04 if below else 0.0, 1.0]}, uirevision="keep", hovermode="x",
        showlegend=bool(over or below),
        legend={"orientation": "h", "y": 1.0, "x": 0, "yanchor": "bottom", "bgcolor": "rgba(0,0,0,0)", "font": {"size": 11}},
        margin={"t": 26 if over or below else 8},
    )  # fmt: skip
    if below:
        figure.update_layout(
            yaxis2={
                "domain": [0, share],
                "side": "right",
                "gridcolor": colors.grid,
                "nticks": 4,
                "tickfont": {"size": 11},
            }
        )
    return figure


def between(first: int, last: int) -> list[str]:
    """A time axis from `first` to `last`, ms UTC, with a little air at its end."""
    return [str(moment) for moment in charts.moments([first, last + (last - first) // 80])]


def _series(figure: go.Figure, name: str, ts: Any, values: Any, color: str, axis: str) -> None:
    figure.add_scatter(
        x=charts.moments(ts), y=values, mode="lines", name=name, yaxis=axis, line={"color": color, "width": 1.3},
        hovertemplate=f"{name} %{{y:,.6~g}}<extra></extra>",
    )  # fmt: skip


def _paths(figure: go.Figure, done: Mapping[str, Any], colors: Palette) -> None:
    """Entry to exit in the colour of the result, and the first stop as a dashed step."""
    for won, color in ((done["pnl"] > 0, colors.gain), (done["pnl"] <= 0, colors.loss)):
        if won.any():
            figure.add_scatter(
                x=_gapped(charts.moments(done["entry_ts"][won]), charts.moments(done["exit_ts"][won])),
                y=_gapped(done["entry_price"][won], done["exit_price"][won]), mode="lines", hoverinfo="skip", showlegend=False,
                line={"color": color, "width": 1.4, "dash": "dot"},
            )  # fmt: skip
    stopped = np.isfinite(done["stop_initial"])
    if stopped.any():
        stop = done["stop_initial"][stopped]
        figure.add_scatter(
            x=_gapped(charts.moments(done["entry_ts"][stopped]), charts.moments(done["exit_ts"][stopped])),
            y=_gapped(stop, stop), mode="lines", name="first stop", line={"color": colors.loss, "width": 1.2, "dash": "dash"},
            hovertemplate="first stop %{y:,.6~f}<extra></extra>",
        )  # fmt: skip


def _gapped(begins: Any, ends: Any) -> Any:
    """begin, end, nothing, begin, end, nothing: many short lines as one trace."""
    hole = np.full(len(begins), np.datetime64("NaT") if begins.dtype.kind == "M" else np.nan, begins.dtype)
    return np.stack([begins, ends, hole], axis=1).ravel()


def _entries(figure: go.Figure, done: Mapping[str, Any], colors: Palette) -> None:
    for side, shape in (("long", "triangle-up"), ("short", "triangle-down")):
        mine = done["side"] == side
        if mine.any():
            figure.add_scatter(
                x=charts.moments(done["entry_ts"][mine]), y=done["entry_price"][mine], mode="markers", showlegend=False,
                marker={"symbol": shape, "size": 9, "color": colors.accent, "line": {"width": 1, "color": colors.ground}},
                customdata=done["seq"][mine], hovertemplate=f"#%{{customdata}} {side} at %{{y:,.6~f}}<extra></extra>",
            )  # fmt: skip


def _results(figure: go.Figure, done: Mapping[str, Any], colors: Palette) -> None:
    for won, color, shape in ((done["pnl"] > 0, colors.gain, "circle"), (done["pnl"] <= 0, colors.loss, "x")):
        if won.any():
            figure.add_scatter(
                x=charts.moments(done["exit_ts"][won]), y=done["exit_price"][won], mode="markers", showlegend=False,
                marker={"symbol": shape, "size": 7, "color": color, "line": {"width": 0.8, "color": colors.ground}},
                customdata=np.stack([done["seq"][won], done["pnl"][won], done["exit_reason"][won]], axis=1),
                hovertemplate="#%{customdata[0]} %{customdata[2]}, %{customdata[1]:+,.2f}<extra></extra>",
            )  # fmt: skip


def with_benchmarks(figure: go.Figure, lines: Mapping[str, Mapping[str, Any]], colors: Palette) -> go.Figure:
    """The equity figure with what else the money could have done, thin and named at its end."""
    for k, (name, line) in enumerate(lines.items()):
        shade = [colors.muted, colors.demo, colors.live][k % 3]
        figure.add_scatter(
            x=charts.moments(line["ts"]), y=line["equity"], mode="lines", name=name, opacity=0.85,
            line={"color": shade, "width": 1.1},
            hovertemplate=f"{name} %{{y:,.2f}}<extra></extra>",
        )  # fmt: skip
        if len(line["ts"]):
            figure.add_annotation(
                x=str(charts.moments(line["ts"])[-1]), y=float(line["equity"][-1]), text=name, showarrow=False,
                xanchor="right", yanchor="bottom", yshift=14, font={"size": 11, "color": shade}, bgcolor=colors.ground,
            )  # fmt: skip
    return figure


def plane(
    cells: Mapping[str, Any],
    peak: tuple[int, int] | None,
    names: tuple[str, str, str],
    colors: Palette,
    *,
    contour: bool = False,
) -> go.Figure:
    """A metric over two parameters: cells of colour, or the same as levels, its peak ringed. Hover tells a cell's value; a click
    on a cell selects the point that lies over it, which carries the number of the cell's highest set."""
    x, y, metric = names
    figure = base(colors, 380)
    z = np.asarray(cells["z"], np.float64)
    reach = float(np.nanmax(np.abs(z))) if np.isfinite(z).any() else 1.0
    scale = [[0.0, colors.loss], [0.5, colors.panel], [1.0, colors.gain]]
    xs, ys = [str(v) for v in cells["x"]], [str(v) for v in cells["y"]]
    hover = f"{x} %{{x}}, {y} %{{y}}<br>{metric} %{{z:,.4~g}}<extra></extra>"
    shade = {"colorscale": scale, "zmin": -reach, "zmax": reach, "hovertemplate": hover, "hoverongaps": False,
             "colorbar": {"thickness": 10, "outlinewidth": 0, "tickfont": {"size": 11}}}  # fmt: skip
    if contour:
        figure.add_contour(
            x=xs, y=ys, z=z, **shade, ncontours=12, connectgaps=False, line={"color": colors.muted, "width": 0.8},
            contours={"showlabels": True, "labelfont": {"size": 10, "color": colors.text}},
        )  # fmt: skip
    else:
        figure.add_heatmap(x=xs, y=ys, z=z, **shade, xgap=1, ygap=1)
    row = np.asarray(cells["row"])
    up, across = np.nonzero(row >= 0)
    figure.add_scatter(
        x=[xs[k] for k in across], y=[ys[k] for k in up], mode="markers", customdata=row[up, across], text=z[up, across],
        marker={"size": 14, "opacity": 0}, hovertemplate=f"{x} %{{x}}, {y} %{{y}}<br>{metric} %{{text:,.4~g}}<extra></extra>",
        unselected={"marker": {"opacity": 0}}, selected={"marker": {"opacity": 0}},
    )  # fmt: skip
    if peak is not None:
        figure.add_scatter(
            x=[xs[peak[1]]], y=[ys[peak[0]]], mode="markers", hoverinfo="skip",
            marker={"symbol": "circle-open", "size": 16, "color": colors.text, "line": {"width": 2}},
        )  # fmt: skip
    figure.update_layout(
        hovermode="closest", margin={"b": 44, "l": 60},
        xaxis={"type": "category", "title": {"text": x, "font": {"size": 12}}},
        yaxis={"type": "category", "side": "left", "title": {"text": y, "font": {"size": 12}}},
    )  # fmt: skip
    return figure


def parallel(columns: Mapping[str, Any], metric: str, values: Any, colors: Palette) -> go.Figure:
    """One line a set through its parameters to the metric."""
    figure = base(colors, 340)
    axes = []
    for name, column in columns.items():
        if column.dtype == object:
            words = sorted(set(map(str, column)))
            axes.append({"label": name, "values": [words.index(str(v)) for v in column], "tickvals": list(range(len(words))),
                         "ticktext": words})  # fmt: skip
        else:
            axes.append({"label": name, "values": column})
    axes.append({"label": metric, "values": values})
    scale = [[0.0, colors.loss], [0.5, colors.outage], [1.0, colors.gain]]
    figure.add_parcoords(
        dimensions=axes, line={"color": values, "colorscale": scale}, labelfont={"color": colors.text, "size": 12},
        tickfont={"color": colors.muted, "size": 10}, rangefont={"color": colors.muted, "size": 10},
    )  # fmt: skip
    figure.update_layout(margin={"l": 60, "r": 40, "t": 44, "b": 24})
    return figure


def against(
    x: Any, y: Any, sets: Any, names: tuple[str, str], colors: Palette, front: tuple[Any, Any] | None = None
) -> go.Figure:
    """Any two statistics of the sets; `front`, the sets that no other beats in both, as a line of rings."""
    figure = base(colors, 340)
    figure.add_scatter(
        x=x, y=y, mode="markers", customdata=sets, marker={"size": 6, "color": colors.accent, "opacity": 0.55},
        hovertemplate=f"set %{{customdata}}<br>{names[0]} %{{x:,.4~g}}<br>{names[1]} %{{y:,.4~g}}<extra></extra>",
    )  # fmt: skip
    if front is not None and len(front[0]):
        figure.add_scatter(
            x=front[0], y=front[1], mode="lines+markers", hoverinfo="skip", line={"color": colors.text, "width": 1.2},
            marker={"symbol": "circle-open", "size": 9, "color": colors.text, "line": {"width": 1.6}},
        )  # fmt: skip
    figure.update_layout(
        hovermode="closest", margin={"b": 44, "l": 60},
        xaxis={"title": {"text": names[0], "font": {"size": 12}}, "showgrid": True},
        yaxis={"side": "left", "title": {"text": names[1], "font": {"size": 12}}},
    )  # fmt: skip
    return figure
