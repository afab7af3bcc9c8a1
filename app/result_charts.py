"""Figures of the results pages: curves over time, drawdowns, distributions. Frames in, plotly figures out.

No database, no Streamlit. A trace has at most 5,000 points, thinned so that extremes stay. Gains are teal, losses orange, and a
number or a shape says the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go

from app import charts
from app.lab_charts import base
from app.palette import Palette
from app.thin import thin

POINTS = 4_000
CURVE, HALF, SLIM = 380, 260, 170
LEGEND = {"orientation": "h", "y": 1.0, "x": 0, "yanchor": "bottom", "bgcolor": "rgba(0,0,0,0)", "font": {"size": 11}}


@dataclass(frozen=True, eq=False)
class Line:
    """One line: `ts` ms (by the clock to be shown), `y` in the axis's unit; `step`: flat between points."""

    name: str
    ts: Any
    y: Any
    color: str
    dash: str = "solid"
    step: bool = False
    width: float = 1.6


def series_colors(colors: Palette) -> tuple[str, ...]:
    """Eight that colour-blind people can tell, for the ground they stand on (after Okabe and Ito, 2008)."""
    if colors.ground == "#11161d":
        return ("#8ea8f7", "#e2b64a", "#45c1b4", "#f08c54", "#d98fc4", "#6fc3f0", "#c9ced6", "#b0d166")
    return ("#3454b4", "#b07800", "#0b7a75", "#b6480f", "#9a4d86", "#2383b5", "#4a5560", "#5d7d12")


def _add(figure: go.Figure, line: Line, ending: str, digits: int, axis: str = "y", fill: str = "") -> None:
    y = np.asarray(line.y, np.float64)
    kept = thin(y, POINTS)
    figure.add_scatter(
        x=charts.moments(np.asarray(line.ts)[kept]),
        y=y[kept],
        mode="lines",
        name=line.name,
        yaxis=axis,
        line={"color": line.color, "width": line.width, "dash": line.dash, "shape": "hv" if line.step else "linear"},
        hovertemplate=f"{line.name} %{{y:,.{digits}f}}{ending}<extra></extra>",
        fill="tozeroy" if fill else None,
        fillcolor=fill or None,
    )


def equity(
    lines: Sequence[Line], water: Line, colors: Palette, *, ending: str, log: bool = False, level: float | None = None
) -> go.Figure:
    """Curves above, the fall from the peak below on the same time axis; a horizontal drag selects a time."""
    figure = base(colors, CURVE)
    for line in lines:
        _add(figure, line, ending, 2)
    _add(figure, water, " %", 2, "y2", charts.faint(colors.loss, 0.16))
    if level is not None and not log:
        figure.add_hline(y=level, line={"color": colors.border, "width": 1, "dash": "dot"}, yref="y")
    figure.update_layout(
        showlegend=len(lines) > 1,
        legend=LEGEND,
        margin={"t": 26 if len(lines) > 1 else 8},
        dragmode="select",
        selectdirection="h",
        yaxis={"domain": [0.3, 1], "type": "log" if log else "linear", "tickformat": ",~f"},
        yaxis2={
            "domain": [0, 0.24],
            "side": "right",
            "ticksuffix": " %",
            "tickfont": {"size": 11},
            "gridcolor": colors.grid,
            "zeroline": False,
            "automargin": True,
            "nticks": 4,
            "rangemode": "tozero",
            "range": None if np.any(np.asarray(water.y)) else [-1, 0.05],
        },
        xaxis={"anchor": "y2"},
        newselection={"line": {"color": colors.accent, "width": 1, "dash": "dot"}},
    )
    figure.update_traces(selector={"yaxis": "y2"}, showlegend=False)
    return figure


def over_time(
    lines: Sequence[Line],
    colors: Palette,
    *,
    ending: str = "",
    digits: int = 2,
    zero: bool = True,
    height: int = HALF,
    area: bool = False,
) -> go.Figure:
    """Lines on one time axis, named above."""
    figure = base(colors, height)
    for line in lines:
        _add(figure, line, ending, digits, fill=charts.faint(line.color, 0.14) if area else "")
    figure.update_layout(
        showlegend=len(lines) > 1,
        legend=LEGEND,
        margin={"t": 30 if len(lines) > 1 else 8},
        yaxis={"ticksuffix": ending if len(ending) < 3 else "", "zeroline": zero, "zerolinewidth": 1},
    )
    return figure


def two_scales(left: Line, right: Line, colors: Palette, *, left_ending: str, right_ending: str) -> go.Figure:
    """Two lines above each other, each on its own scale, on one time axis."""
    figure = base(colors, HALF)
    _add(figure, left, left_ending, 2)
    _add(figure, right, right_ending, 1, "y2")
    figure.update_layout(
        showlegend=True,
        legend=LEGEND,
        margin={"t": 30},
        xaxis={"anchor": "y2"},
        yaxis={"domain": [0.5, 1], "zeroline": True, "nticks": 5, "ticksuffix": left_ending},
        yaxis2={
            "domain": [0, 0.42],
            "side": "right",
            "gridcolor": colors.grid,
            "nticks": 4,
            "tickfont": {"size": 11},
            "ticksuffix": right_ending,
            "rangemode": "tozero",
            "zeroline": False,
            "automargin": True,
        },
    )
    return figure


def distribution(
    returns: Any, marks: Sequence[tuple[float, str, str]], colors: Palette, ending: str = " %"
) -> go.Figure:
    """How often which value came: counts in even steps, losing steps orange, with named vertical marks (value, name, colour)."""
    values = np.asarray(returns, np.float64)
    figure = base(colors, HALF)
    edges = np.histogram_bin_edges(values, bins=min(max(int(np.sqrt(values.size)), 12), 60))
    if edges[0] < 0 < edges[-1]:  # a step ends at zero, so that no bar is half won and half lost
        width = edges[1] - edges[0]
        edges = np.arange(np.floor(edges[0] / width), np.ceil(edges[-1] / width) + 1) * width
    counts, edges = np.histogram(values, edges)
    middle = (edges[:-1] + edges[1:]) / 2
    figure.add_bar(
        x=middle,
        y=counts,
        width=np.diff(edges) * 0.92,
        marker={"color": np.where(middle < 0, colors.loss, colors.gain), "line": {"width": 0}},
        customdata=np.stack([edges[:-1], edges[1:]], axis=1),
        opacity=0.75,
        hovertemplate=f"%{{customdata[0]:.2f}} to %{{customdata[1]:.2f}}{ending}: %{{y}}<extra></extra>",
    )
    for row, (at, name, color) in enumerate(marks):
        figure.add_vline(x=at, line={"color": color, "width": 1.2, "dash": "dash"})
        figure.add_annotation(
            x=at,
            y=1 - 0.1 * row,
            yref="paper",
            text=name,
            showarrow=False,
            xanchor="left",
            xshift=4,
            font={"size": 11, "color": colors.text},
            bgcolor=charts.faint(colors.ground, 0.75),
        )
    figure.update_layout(
        hovermode="closest", bargap=0, xaxis={"ticksuffix": ending, "hoverformat": None}, yaxis={"nticks": 5}
    )
    return figure


HOLDS = (
    (60_000, "1 min"),
    (600_000, "10 min"),
    (3_600_000, "1 h"),
    (6 * 3_600_000, "6 h"),
    (86_400_000, "1 d"),
    (7 * 86_400_000, "7 d"),
)


def holds(won: Any, lost: Any, colors: Palette) -> go.Figure:
    """How long winners and losers were held (ms), as shares of each on a logarithmic time scale."""
    figure = base(colors, HALF)
    both = np.concatenate([won, lost]).astype(np.float64)
    least = max(float(both[both > 0].min(initial=1e15)) / 2, 1_000.0) if (both > 0).any() else 1_000.0
    both = np.maximum(both, least)
    low, high = np.log10(both.min()), np.log10(both.max())
    edges = np.linspace(low - 0.05, high + 0.05, 31)
    for values, name, color in ((won, "winners", colors.gain), (lost, "losers", colors.loss)):
        if not len(values):
            continue
        counts, _ = np.histogram(np.log10(np.maximum(np.asarray(values, np.float64), least)), edges)
        figure.add_scatter(
            x=10 ** ((edges[:-1] + edges[1:]) / 2),
            y=counts / len(values) * 100,
            mode="lines",
            name=name,
            fill="tozeroy",
            line={"color": color, "width": 1.6, "shape": "hvh", "dash": "solid" if name == "winners" else "dot"},
            fillcolor=charts.faint(color, 0.14),
            hovertemplate=f"%{{y:.1f}} % of {name}<extra></extra>",
        )
    ticks = [(ms, word) for ms, word in HOLDS if 10 ** (low - 0.3) <= ms <= 10 ** (high + 0.3)]
    figure.update_layout(
        showlegend=True,
        legend=LEGEND,
        margin={"t": 30},
        xaxis={
            "type": "log",
            "tickvals": [ms for ms, _ in ticks],
            "ticktext": [word for _, word in ticks],
            "hoverformat": None,
        },
        yaxis={"ticksuffix": " %", "nticks": 5, "rangemode": "tozero"},
        hovermode="x",
    )
    return figure
