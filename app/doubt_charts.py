"""Figures of doubt: the same trades a thousand times over, and what random entries would have made. Plain arrays in."""

from __future__ import annotations

from typing import Any

import numpy as np
import plotly.graph_objects as go

from app.lab_charts import base
from app.palette import Palette


def _tint(color: str, strength: float) -> str:
    """#rrggbb as a see-through colour."""
    red, green, blue = (int(color[at : at + 2], 16) for at in (1, 3, 5))
    return f"rgba({red},{green},{blue},{strength})"


def fan(steps: Any, levels: Any, ruin_at: float, colors: Palette) -> go.Figure:
    """Bands of the account's level, 5 to 95 % and 25 to 75 % of the runs, their middle, and where ruin begins. `levels`
    float64[5, k] as multiples of the start."""
    figure = base(colors, 280)
    gain = (np.asarray(levels) - 1) * 100
    for low, high, strength, name in ((0, 4, 0.14, "9 of 10 runs"), (1, 3, 0.24, "half of the runs")):
        figure.add_scatter(x=steps, y=gain[low], mode="lines", line={"width": 0}, hoverinfo="skip")
        figure.add_scatter(
            x=steps, y=gain[high], mode="lines", line={"width": 0}, fill="tonexty", fillcolor=_tint(colors.accent, strength),
            name=name, hoverinfo="skip",
        )  # fmt: skip
    band = np.stack([gain[0], gain[4]], axis=1)
    figure.add_scatter(
        x=steps, y=gain[2], mode="lines", line={"color": colors.accent, "width": 1.6}, customdata=band,
        hovertemplate="after %{x:,} trades: middle %{y:+.1f} %, 9 of 10 between %{customdata[0]:+.1f} and "
        "%{customdata[1]:+.1f} %<extra></extra>",
    )  # fmt: skip
    figure.add_hline(y=0, line={"color": colors.border, "width": 1, "dash": "dot"})
    if gain.min() < -ruin_at * 60:
        figure.add_hline(y=-ruin_at * 100, line={"color": colors.loss, "width": 1, "dash": "dash"})
    figure.update_layout(
        hovermode="closest", margin={"b": 40}, yaxis={"ticksuffix": " %"},
        xaxis={"title": {"text": "trades", "font": {"size": 11}}, "hoverformat": ""},
    )  # fmt: skip
    return figure


def entries(returns: Any, own: float, colors: Palette) -> go.Figure:
    """How the random-entry runs spread, and where the strategy stands among them."""
    figure = base(colors, 280)
    values = np.asarray(returns) * 100
    figure.add_histogram(
        x=values, nbinsx=50, marker={"color": _tint(colors.muted, 0.55), "line": {"width": 0}},
        hovertemplate="%{x} %: %{y} runs<extra></extra>",
    )  # fmt: skip
    figure.add_vline(x=own * 100, line={"color": colors.accent, "width": 2})
    figure.add_annotation(
        x=own * 100, y=1, yref="paper", text=f"this strategy {own * 100:+.1f} %", showarrow=False, yanchor="bottom",
        font={"size": 11, "color": colors.accent},
    )  # fmt: skip
    figure.update_layout(
        hovermode="closest", bargap=0.06, margin={"t": 24, "b": 40}, yaxis={"showticklabels": False, "showgrid": False},
        xaxis={"ticksuffix": " %", "hoverformat": "+.1f", "title": {"text": "return of a random run", "font": {"size": 11}}},
    )  # fmt: skip
    return figure
