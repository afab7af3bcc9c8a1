"""Figures of the signals page: funnel, decay, reliability. Values in, plotly figures out. No database, no Streamlit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from app import formats
from app.lab_charts import base
from app.palette import Palette
from engine.analytics.signals_ledger import Stage
from engine.analytics.signals_score import Between, Calibration, Record

HEIGHT = 250


def funnel(stages: Sequence[Stage], colors: Palette) -> go.Figure:
    """One bar a stage, its count and its share of the stage before beside it."""
    figure = base(colors, HEIGHT)
    most = max((stage.signals for stage in stages), default=0) or 1
    words = [
        f"{stage.signals:,}"
        + (f"  ·  {formats.percent(stage.share, 0)} of {before.name}" if stage.share is not None and before else "")
        for stage, before in zip(stages, [None, *stages[:-1]], strict=True)
    ]
    figure.add_bar(
        x=[stage.signals for stage in stages], y=[stage.name for stage in stages], orientation="h", text=words,
        textposition=["inside" if stage.signals > most * 0.6 else "outside" for stage in stages], insidetextanchor="start",
        marker={"color": [colors.accent] * (len(stages) - 1) + [colors.gain]}, cliponaxis=False, hoverinfo="skip",
        textfont={"size": 12}, outsidetextfont={"color": colors.text}, insidetextfont={"color": colors.on_badge},
    )  # fmt: skip
    figure.update_layout(
        bargap=0.28, hovermode=False, dragmode=False,
        xaxis={"visible": False, "range": [0, most * 1.02], "hoverformat": None},
        yaxis={"autorange": "reversed", "side": "left", "showgrid": False, "ticksuffix": "  ", "tickfont": {"size": 12}},
    )  # fmt: skip
    return figure


def decay(records: Sequence[tuple[int, Record]], colors: Palette, field: str) -> go.Figure:
    """The information coefficient, hit rate or mean return by horizon in bars, with 90 % intervals."""
    figure = base(colors, HEIGHT)
    scale, ending, level = (1.0, "", 0.0) if field == "ic" else (100.0, " %", 50.0 if field == "won" else 0.0)
    found: list[tuple[int, Between]] = [(bars, getattr(one, field)) for bars, one in records]
    known = [(bars, one) for bars, one in found if one.value is not None]
    figure.add_hline(y=level, line={"color": colors.muted, "width": 1, "dash": "dot"})
    figure.add_scatter(
        x=[str(bars) for bars, _ in known], y=[(one.value or 0) * scale for _, one in known], mode="lines+markers",
        line={"color": colors.accent, "width": 1.6}, marker={"size": 8, "color": colors.accent},
        error_y=_error([one for _, one in known], scale, colors.accent),
        customdata=[_words(one, scale, ending) for _, one in known],
        hovertemplate="after %{x} bars: %{customdata}<extra></extra>",
    )  # fmt: skip
    figure.update_layout(
        hovermode="closest", dragmode=False,
        xaxis={"type": "category", "categoryarray": [str(bars) for bars, _ in found], "title": _title("bars after the signal"),
               "hoverformat": None, "range": [-0.4, len(found) - 0.6]},
        yaxis={"ticksuffix": ending, "nticks": 6}, margin={"b": 40},
    )  # fmt: skip
    return figure


def _title(text: str) -> dict[str, Any]:
    return {"text": text, "font": {"size": 12}}


def _error(values: Sequence[Between], scale: float, color: str) -> dict[str, Any]:
    up = [((one.high if one.high is not None else one.value or 0) - (one.value or 0)) * scale for one in values]
    down = [((one.value or 0) - (one.low if one.low is not None else one.value or 0)) * scale for one in values]
    return {"type": "data", "array": up, "arrayminus": down, "color": color, "thickness": 1.2, "width": 5}


def _words(one: Between, scale: float, ending: str) -> str:
    digits = 3 if scale == 1 else 2
    text = f"{(one.value or 0) * scale:+.{digits}f}{ending}"
    if one.low is None or one.high is None:
        return text
    return f"{text}, 90 % between {one.low * scale:+.{digits}f} and {one.high * scale:+.{digits}f}{ending}"


def reliability(made: Calibration, colors: Palette) -> go.Figure:
    """How often signals of a confidence were right, against how sure they were; the line is perfect calibration."""
    figure = base(colors, 300)
    figure.add_scatter(
        x=[0, 100], y=[0, 100], mode="lines", line={"color": colors.muted, "width": 1, "dash": "dot"}, hoverinfo="skip"
    )
    figure.add_scatter(
        x=[one.confidence * 100 for one in made.bins], y=[(one.right.value or 0) * 100 for one in made.bins],
        mode="markers+lines", line={"color": colors.accent, "width": 1}, marker={"size": 9, "color": colors.accent},
        error_y=_error([one.right for one in made.bins], 100.0, colors.accent),
        customdata=[f"{one.signals:,} signals, right {_words(one.right, 100.0, ' %').replace('+', '')}" for one in made.bins],
        hovertemplate="sure %{x:.0f} %: %{customdata}<extra></extra>",
    )  # fmt: skip
    figure.update_layout(
        hovermode="closest", dragmode=False, margin={"b": 44},
        xaxis={"range": [0, 100], "ticksuffix": " %", "title": _title("confidence given"), "hoverformat": None, "nticks": 6},
        yaxis={"range": [0, 102], "ticksuffix": " %", "title": _title("right"), "nticks": 6, "side": "left"},
    )  # fmt: skip
    return figure
