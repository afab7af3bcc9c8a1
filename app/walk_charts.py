"""Figures of the walk-forward page: what was traded out of sample with the borders of its folds, and what each fold chose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from app import charts, formats
from app.lab_charts import base
from app.palette import Palette


def stitched(
    ts: Any, equity: Any, hold: Any, folds: Sequence[Mapping[str, Any]], start: float, quote: str, colors: Palette
) -> go.Figure:
    """Equity of the tests one after another, a line at each fold's beginning, its return written at its top. `hold` is what the
    market would have made of the same cash at the same moments, or None."""
    figure = base(colors, 340)
    if hold is not None:
        figure.add_scatter(
            x=charts.moments(ts), y=hold, mode="lines", line={"color": colors.muted, "width": 1.1}, opacity=0.85,
            hovertemplate="hold %{y:,.2f}<extra></extra>",
        )  # fmt: skip
    figure.add_scatter(
        x=charts.moments(ts), y=equity, mode="lines", line={"color": colors.accent, "width": 1.6},
        hovertemplate=f"%{{y:,.2f}} {quote}<extra></extra>",
    )  # fmt: skip
    figure.add_hline(y=start, line={"color": colors.border, "width": 1, "dash": "dot"})
    for number, fold in enumerate(folds, 1):
        begin = str(charts.moments(fold["test_from"]))
        middle = str(charts.moments((fold["test_from"] + fold["test_to"]) // 2))
        figure.add_vline(x=begin, line={"color": colors.border, "width": 1})
        gained = round(float(fold["test_return"]), 3)
        color = colors.gain if gained > 0 else colors.loss if gained < 0 else colors.muted
        figure.add_annotation(
            x=middle, y=1.0, yref="paper", yanchor="bottom", showarrow=False,
            text=f"{number}: {formats.percent(gained, 1, sign=True)}", font={"size": 11, "color": color},
        )  # fmt: skip
    figure.update_layout(margin={"t": 26})
    return figure


def spans(folds: Sequence[Mapping[str, Any]], colors: Palette) -> go.Figure:
    """Where each fold trained (thin) and tested (thick), one line a fold."""
    figure = base(colors, 50 + 20 * len(folds))
    names = [str(number) for number in range(1, len(folds) + 1)]
    for name, fold in zip(names, folds, strict=True):
        for first, last, color, width, words in (
            (fold["train_from"], fold["test_from"], colors.outage, 4, "trained"),
            (fold["test_from"], fold["test_to"], colors.accent, 10, "tested"),
        ):
            figure.add_scatter(
                x=charts.moments([first, last]), y=[name, name], mode="lines", line={"color": color, "width": width},
                hovertemplate=f"fold {name} {words}, %{{x|%d %b %Y %H:%M}}<extra></extra>",
            )  # fmt: skip
    figure.update_layout(
        hovermode="closest",
        yaxis={"type": "category", "autorange": "reversed", "side": "left", "showgrid": False, "ticksuffix": "  "},
    )
    return figure


def chosen(steady: Mapping[str, Mapping[str, Any]], colors: Palette) -> go.Figure:
    """Each parameter's value fold by fold, one pane a parameter."""
    names = list(steady)
    figure = base(colors, 58 + 84 * len(names))
    share = 1 / max(len(names), 1)
    layout: dict[str, Any] = {"hovermode": "closest", "margin": {"l": 8, "r": 8, "t": 18, "b": 40}}
    for k, name in enumerate(names):
        axis = "y" if k == 0 else f"y{k + 1}"
        values = steady[name]["values"]
        figure.add_scatter(
            x=list(range(1, len(values) + 1)), y=[v if isinstance(v, (int, float)) else str(v) for v in values], yaxis=axis,
            mode="lines+markers", line={"color": colors.accent, "width": 1.3, "shape": "hvh"}, marker={"size": 6},
            hovertemplate=f"fold %{{x}}: {name} %{{y}}<extra></extra>",
        )  # fmt: skip
        top = 1 - k * share
        layout["yaxis" if k == 0 else f"yaxis{k + 1}"] = {
            "domain": [top - share + 0.16 * share, top - 0.16 * share], "side": "right", "gridcolor": colors.grid, "nticks": 4,
            "tickfont": {"size": 11}, "zeroline": False, "automargin": True,
        }  # fmt: skip
        figure.add_annotation(
            x=0, xref="paper", y=top - 0.14 * share, yref="paper", xanchor="left", yanchor="bottom", showarrow=False,
            text=f"{name}: {steady[name]['usual']} in {steady[name]['same']} of {len(values)}",
            font={"size": 11, "color": colors.text},
        )  # fmt: skip
    last = "y" if len(names) < 2 else f"y{len(names)}"
    layout["xaxis"] = {"dtick": 1, "anchor": last, "title": {"text": "fold", "font": {"size": 11}}, "hoverformat": ""}
    figure.update_layout(**layout)
    return figure
