"""Figures of trades: one trade on its candles, and a selection's results added up. Columns in, plotly figures out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from app import charts, formats, lab_charts
from app.palette import Palette
from app.thin import thin

HEIGHT, LINE = 380, 220
PART = 1 / 6
"""How much of the market before and after a trade is shown, as a share of its length."""


def around(entry_ts: int, exit_ts: int, step_ms: int) -> tuple[int, int]:
    """The stretch to be shown, ms UTC: the trade, and some bars on both sides."""
    air = max(int((exit_ts - entry_ts) * PART), 20 * step_ms)
    return entry_ts - air, exit_ts + air


def running(line: Mapping[str, Any], name: str, unit: str, colors: Palette) -> go.Figure:
    """A selection's results added up (`ts`, `total`), filled to zero in the colour of where it ends; at most 2,000 points."""
    total = np.asarray(line["total"], np.float64)
    kept = thin(total)
    figure = lab_charts.base(colors, LINE)
    color = colors.gain if not total.size or total[-1] >= 0 else colors.loss
    figure.add_scatter(
        x=charts.moments(np.asarray(line["ts"])[kept]), y=total[kept], fill="tozeroy",
        mode="lines" if total.size > 1 else "markers", marker={"size": 8, "color": color},
        line={"color": color, "width": 1.6, "shape": "hv"}, fillcolor=charts.faint(color, 0.1),
        hovertemplate=f"{name} %{{y:+,.2f}} {unit}<extra></extra>",
    )  # fmt: skip
    digits = ",.0f" if total.size and np.ptp(total) > 10 else ",.2f"
    figure.update_layout(yaxis={"tickformat": digits, "zeroline": True, "nticks": 5}, uirevision="keep")
    return figure


def trade(
    item: Mapping[str, Any], bars: Mapping[str, Any], stops: Sequence[Mapping[str, Any]], colors: Palette
) -> go.Figure:
    """A closed trade on the candles around it: entry, exit, the stop's path, how far the price went against it and for it."""
    figure = lab_charts.base(colors, HEIGHT)
    figure.add_candlestick(
        x=charts.moments(bars["ts"]), open=bars["open"], high=bars["high"], low=bars["low"], close=bars["close"], name="",
        increasing={"line": {"color": colors.muted, "width": 1}, "fillcolor": colors.ground},
        decreasing={"line": {"color": colors.muted, "width": 1}, "fillcolor": colors.muted}, opacity=0.75,
    )  # fmt: skip
    start, end = int(item["entry_ts"]), int(item["exit_ts"])
    ends = charts.moments([start, end])
    labels = _excursions(figure, item, ends, colors)
    steps = charts._steps({**item, "stop": item["stop_initial"]}, stops, start, end)
    if steps:
        figure.add_scatter(
            x=charts.moments([ts for ts, _ in steps]), y=[y for _, y in steps], mode="lines", name="stop",
            line={"color": colors.loss, "width": 1.8, "shape": "hv"}, hovertemplate="stop %{y:,.6~f}<extra></extra>",
        )  # fmt: skip
        labels.append((steps[-1][1], "stop", colors.loss))
    _ends(figure, item, ends, colors)
    first, last = around(start, end, int(bars["step"]))
    _names(figure, ends[1], labels, _height(bars))
    figure.update_layout(
        xaxis={"rangeslider": {"visible": False}, "range": [str(m) for m in charts.moments([first, last])], "nticks": 6},
        yaxis={"tickformat": ",~f", "nticks": 7, "side": "left"}, hovermode="x",
    )  # fmt: skip
    return figure


def _excursions(figure: go.Figure, item: Mapping[str, Any], ends: Any, colors: Palette) -> list[tuple[float, str, str]]:
    """Bands from the entry to the worst and to the best price met."""
    labels = []
    for name, sign, color in (("worst", -1, colors.loss), ("best", 1, colors.gain)):
        share = item["mae" if name == "worst" else "mfe"]
        if not share:
            continue
        level = item["entry_price"] * (1 + sign * item["direction"] * share)
        figure.add_shape(
            type="rect", x0=str(ends[0]), x1=str(ends[1]), y0=item["entry_price"], y1=level, fillcolor=color, opacity=0.1,
            line={"width": 0}, layer="below",
        )  # fmt: skip
        labels.append((level, f"{name} {formats.percent(sign * share, sign=True)}", color))
    return labels


def _ends(figure: go.Figure, item: Mapping[str, Any], ends: Any, colors: Palette) -> None:
    won = item["pnl"] > 0
    color = colors.gain if won else colors.loss
    figure.add_scatter(
        x=ends, y=[item["entry_price"], item["exit_price"]], mode="lines", hoverinfo="skip",
        line={"color": color, "width": 1.4, "dash": "dot"},
    )  # fmt: skip
    shape = "triangle-up" if item["direction"] > 0 else "triangle-down"
    for at, kind, symbol, paint in (
        (0, "entry", shape, colors.accent),
        (1, "exit", "circle" if won else "x", color),
    ):
        figure.add_scatter(
            x=[ends[at]], y=[item[f"{kind}_price"]], mode="markers", name=kind,
            marker={"symbol": symbol, "size": 12, "color": paint, "line": {"width": 1, "color": colors.ground}},
            hovertemplate=f"{kind} %{{y:,.6~f}}<extra></extra>",
        )  # fmt: skip


def _height(bars: Mapping[str, Any]) -> float:
    return float(np.max(bars["high"]) - np.min(bars["low"])) or 1.0


def _names(figure: go.Figure, x: Any, labels: Sequence[tuple[float, str, str]], height: float) -> None:
    """Direct labels right of the exit, moved apart where they would cover each other."""
    pixels, before = (HEIGHT - 60) / (height * 1.1), -1e9
    for y, text, color in sorted(labels):
        place = max(y * pixels, before + 14)
        before = place
        figure.add_annotation(
            x=str(x), y=y, text=text, showarrow=False, xanchor="left", xshift=8, yshift=round(place - y * pixels),
            font={"size": 11, "color": color},
        )  # fmt: skip
