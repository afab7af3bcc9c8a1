"""Shapes of what is held and where results come from: treemaps, bars, waterfalls. Numbers in, plotly figures out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from app.lab_charts import base
from app.palette import Palette
from app.result_charts import HALF, LEGEND
from app.result_grids import diverging


def treemap(
    names: Sequence[str],
    parents: Sequence[str],
    sizes: Sequence[float],
    shade: Sequence[float],
    words: Sequence[str],
    colors: Palette,
    *,
    most: float,
    whole: str = "",
) -> go.Figure:
    """Areas by size, coloured from loss over nothing to gain by `shade`; `words` is each one's second line, `whole` names all."""
    figure = base(colors, HALF + 40)
    figure.add_treemap(
        ids=["all", *(f"{parent}/{name}" if parent else name for name, parent in zip(names, parents, strict=True))],
        labels=[whole, *names],
        parents=["", *(parent or "all" for parent in parents)],
        values=[0.0, *sizes],
        text=["", *words],
        textinfo="label+text",
        branchvalues="remainder",
        hovertemplate="%{label}<br>%{text}<extra></extra>",
        marker={
            "colors": [0.0, *shade],
            "colorscale": diverging(colors),
            "cmin": -most,
            "cmax": most,
            "line": {"color": colors.ground, "width": 2},
            "pad": {"t": 22 if any(parents) else 0, "l": 2, "r": 2, "b": 2},
        },
        textfont={"color": colors.text, "size": 12},
        pathbar={"visible": False},
        tiling={"pad": 2},
        maxdepth=3,
    )
    figure.update_layout(margin={"t": 2, "b": 2, "l": 2, "r": 2}, hovermode="closest")
    return figure


def pairs(
    names: Sequence[str], first: Any, second: Any, called: tuple[str, str], colors: Palette, *, ending: str = " %"
) -> go.Figure:
    """Two numbers a name, as bars above each other: how large against how risky."""
    figure = base(colors, max(120, 58 + 40 * len(names)))
    for values, name, color in ((first, called[0], colors.outage), (second, called[1], colors.accent)):
        shown = np.asarray(values, np.float64)
        figure.add_bar(
            y=list(names),
            x=shown,
            orientation="h",
            name=name,
            marker={"color": color, "line": {"width": 0}},
            constraintext="none",
            text=[f"{value:,.1f}{ending}".replace("-", "\u2212") for value in shown],
            textposition="outside",
            cliponaxis=False,
            textfont={"size": 11, "color": colors.muted},
            hovertemplate=f"{name} %{{x:,.1f}}{ending}<extra>%{{y}}</extra>",
        )
    figure.update_layout(
        barmode="group",
        bargap=0.35,
        bargroupgap=0.08,
        showlegend=True,
        legend={**LEGEND, "traceorder": "normal"},
        margin={"t": 28, "r": 52},
        hovermode="closest",
        xaxis={"ticksuffix": ending, "hoverformat": None, "zeroline": True, "showgrid": True},
        yaxis={"side": "left", "autorange": "reversed", "type": "category", "showgrid": False, "ticksuffix": "  "},
    )
    return figure


def waterfall(
    names: Sequence[str], steps: Sequence[float], colors: Palette, *, ending: str, digits: int = 2
) -> go.Figure:
    """From the first number over what was added and taken to the last, which is their sum; the ends stand on zero."""
    figure = base(colors, HALF + 30)
    measures = ["absolute", *["relative"] * (len(steps) - 2), "total"]
    figure.add_waterfall(
        x=list(names),
        y=list(steps),
        measure=measures,
        text=[f"{step:+,.{digits}f}".replace("-", "\u2212") for step in steps],
        textposition="outside",
        cliponaxis=False,
        textfont={"size": 12, "color": colors.text},
        connector={"line": {"color": colors.border, "width": 1}},
        increasing={"marker": {"color": colors.gain}},
        decreasing={"marker": {"color": colors.loss}},
        totals={"marker": {"color": colors.accent}},
        hovertemplate=f"%{{x}} %{{delta:+,.{digits}f}}{ending}<extra></extra>",
    )
    figure.update_layout(
        hovermode="closest",
        margin={"t": 24},
        xaxis={"type": "category", "hoverformat": None, "fixedrange": True},
        yaxis={"zeroline": True, "nticks": 6, "fixedrange": True},
    )
    return figure
