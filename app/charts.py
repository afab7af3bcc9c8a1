"""Figures: frames in, plotly figures out. No database, no Streamlit. One height a role, the same mark for the same thing.

Times are ms UTC and shown in UTC. Gains are teal triangles up, losses orange triangles down, outages grey bands, changes of
the run dotted lines.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go

from app import formats
from app.palette import Palette

CURVE_HEIGHT, LINE_HEIGHT, PATH_HEIGHT = 360, 240, 230
FONT = '"Source Sans", "Source Sans Pro", system-ui, sans-serif'
CONFIG = {"displayModeBar": False, "scrollZoom": False}


def moments(ts: npt.ArrayLike) -> npt.NDArray[np.datetime64]:
    """ms UTC as plotly takes them."""
    return np.asarray(ts, np.int64).astype("datetime64[ms]")


def blank(colors: Palette, height: int) -> go.Figure:
    figure = go.Figure()
    axis = {
        "gridcolor": colors.grid,
        "zerolinecolor": colors.border,
        "linecolor": colors.border,
        "tickfont": {"size": 11},
    }
    figure.update_layout(
        template="none", height=height, margin={"l": 8, "r": 8, "t": 8, "b": 28}, showlegend=False,
        paper_bgcolor="rgba(0,0,0,0)", plot_bgcolor="rgba(0,0,0,0)", hovermode="x unified", dragmode="zoom",
        font={"family": FONT, "size": 12, "color": colors.muted},
        hoverlabel={"bgcolor": colors.panel, "bordercolor": colors.border, "font": {"color": colors.text, "size": 12}},
        xaxis={**axis, "showgrid": False, "showline": True, "hoverformat": "%d %b %Y %H:%M", "automargin": True},
        yaxis={**axis, "side": "right", "automargin": True, "zeroline": False},
    )  # fmt: skip
    return figure


def equity(
    curve: Mapping[str, Any],
    marks: Mapping[str, Any],
    outages: Sequence[Mapping[str, Any]],
    markers: Sequence[Mapping[str, Any]],
    colors: Palette,
    *,
    quote: str,
    start: float,
    limit: float | None = None,
    benchmark: npt.NDArray[np.float64] | None = None,
    down: bool = False,
) -> go.Figure:
    """Equity above, drawdown below on the same time axis; exits as triangles on the curve, what happened as bands and lines.

    With `down` the curve ends in a grey band that says so: nobody knows what came after.
    """
    figure = blank(colors, CURVE_HEIGHT)
    x = moments(curve["ts"])
    figure.add_scatter(
        x=x, y=curve["equity"], mode="lines", name="equity", line={"color": colors.accent, "width": 1.6},
        hovertemplate=f"equity %{{y:,.2f}} {quote}<extra></extra>",
    )  # fmt: skip
    if benchmark is not None:
        figure.add_scatter(
            x=x, y=benchmark, mode="lines", name="buy and hold", line={"color": colors.muted, "width": 1.2, "dash": "dash"},
            hovertemplate=f"buy and hold %{{y:,.2f}} {quote}<extra></extra>",
        )  # fmt: skip
        figure.add_annotation(
            x=str(x[-1]), y=float(benchmark[-1]), text="buy and hold", showarrow=False, xanchor="right", yanchor="bottom",
            yshift=9, font={"size": 11, "color": colors.muted},
        )  # fmt: skip
    figure.add_hline(y=start, line={"color": colors.border, "width": 1, "dash": "dot"}, yref="y")
    _exits(figure, curve, marks, colors)
    figure.add_scatter(
        x=x, y=np.asarray(curve["drawdown"]) * 100, yaxis="y2", mode="lines", fill="tozeroy", name="drawdown",
        line={"color": colors.loss, "width": 1}, fillcolor=faint(colors.loss, 0.16),
        hovertemplate="drawdown %{y:.2f} %<extra></extra>",
    )  # fmt: skip
    if limit and len(x) and float(np.min(curve["drawdown"])) < -limit / 2:
        figure.add_hline(y=-limit * 100, line={"color": colors.loss, "width": 1, "dash": "dash"}, yref="y2")
    _bands(figure, outages, curve, colors)
    _changes(figure, markers, curve, colors)
    span = _span(curve["ts"], 12 if down else 80)
    if down:
        _unknown(figure, str(x[-1]), span[1], colors)
    figure.update_layout(
        yaxis={"domain": [0.3, 1], "tickformat": ",.0f" if np.ptp(curve["equity"]) > 5 else ",.2f"},
        yaxis2={
            "domain": [0, 0.24], "side": "right", "ticksuffix": " %", "tickfont": {"size": 11}, "gridcolor": colors.grid,
            "zeroline": False, "automargin": True, "nticks": 4, "rangemode": "tozero",
            "range": None if np.any(curve["drawdown"]) else [-1, 0.05],
        },
        xaxis={"anchor": "y2", "range": span}, uirevision="keep",
    )  # fmt: skip
    return figure


def _unknown(figure: go.Figure, since: str, until: str, colors: Palette) -> None:
    _band(figure, since, until, colors)
    figure.add_annotation(
        x=until, y=1, yref="paper", text="engine down", showarrow=False, xanchor="right", yanchor="top", xshift=-3,
        font={"size": 11, "color": colors.loss},
    )  # fmt: skip


def _span(ts: npt.ArrayLike, air: int) -> list[str]:
    """The time axis: all of it, and 1 / `air` of it more at its end."""
    values = np.asarray(ts, np.int64)
    first, last = int(values[0]), int(values[-1])
    return [str(moment) for moment in moments([first, last + max((last - first) // air, 60_000)])]


def _exits(figure: go.Figure, curve: Mapping[str, Any], marks: Mapping[str, Any], colors: Palette) -> None:
    ts, pnl = np.asarray(marks["ts"]), np.asarray(marks["pnl"])
    if not len(ts) or not len(curve["ts"]):
        return
    height = np.interp(ts, curve["ts"], curve["equity"])
    for won, color, shape in ((pnl > 0, colors.gain, "triangle-up"), (pnl < 0, colors.loss, "triangle-down")):
        if not won.any():
            continue
        figure.add_scatter(
            x=moments(ts[won]), y=height[won], mode="markers", name="won" if shape == "triangle-up" else "lost",
            marker={"symbol": shape, "size": 7, "color": color, "line": {"width": 0.6, "color": colors.ground}},
            customdata=np.stack([np.asarray(marks["symbol"])[won], pnl[won]], axis=1),
            hovertemplate="%{customdata[0]} %{customdata[1]:+,.2f}<extra></extra>",
        )  # fmt: skip


def _bands(figure: go.Figure, outages: Sequence[Mapping[str, Any]], curve: Mapping[str, Any], colors: Palette) -> None:
    """Outages as grey bands, at least wide enough to be seen."""
    if not len(curve["ts"]):
        return
    first, last = int(curve["ts"][0]), int(curve["ts"][-1])
    least = (last - first) // 400
    for outage in outages:
        begin, end = outage["from_ts"], outage["to_ts"] or last
        a, b = moments([max(begin, first), min(max(end, begin + least), last)])
        if a < b:
            _band(figure, str(a), str(b), colors)


def _band(figure: go.Figure, since: str, until: str, colors: Palette) -> None:
    """Grey from top to bottom, behind everything: nobody knows what was then."""
    figure.add_shape(
        type="rect", x0=since, x1=until, xref="x", y0=0, y1=1, yref="paper", fillcolor=colors.outage, opacity=0.22,
        line={"width": 0}, layer="below",
    )  # fmt: skip


def _changes(
    figure: go.Figure, markers: Sequence[Mapping[str, Any]], curve: Mapping[str, Any], colors: Palette
) -> None:
    inside = [m for m in markers if len(curve["ts"]) and curve["ts"][0] < m["ts"] < curve["ts"][-1]]
    if not inside:
        return
    x = moments([m["ts"] for m in inside])
    for moment in x:
        figure.add_vline(x=str(moment), line={"color": colors.muted, "width": 1, "dash": "dot"}, layer="below")
    low = float(np.min(curve["equity"]))
    figure.add_scatter(
        x=x, y=np.full(len(inside), low), mode="markers", name="changed", text=[f"{m['kind']} {m['text']}"[:80] for m in inside],
        marker={"symbol": "diamond-open", "size": 7, "color": colors.muted}, hovertemplate="%{text}<extra></extra>",
    )  # fmt: skip


def running(curve: Mapping[str, Any], colors: Palette, *, quote: str) -> go.Figure:
    """P&L of trades added up, filled to zero in the colour of where it ends."""
    figure = blank(colors, LINE_HEIGHT)
    total = np.asarray(curve["total"])
    color = colors.gain if not len(total) or total[-1] >= 0 else colors.loss
    figure.add_scatter(
        x=moments(curve["ts"]), y=total, mode="lines", line={"color": color, "width": 1.6, "shape": "hv"},
        fill="tozeroy", fillcolor=faint(color, 0.1), hovertemplate=f"%{{y:+,.2f}} {quote}<extra></extra>",
    )  # fmt: skip
    figure.update_layout(yaxis={"tickformat": ",.0f", "zeroline": True}, uirevision="keep")
    return figure


def stop_path(
    item: Mapping[str, Any],
    stops: Sequence[Mapping[str, Any]],
    until: int,
    colors: Palette,
    price: tuple[npt.ArrayLike, npt.ArrayLike] | None = None,
) -> go.Figure:
    """A position or trade from its entry on: entry, where the stop stood, target, and where it is now or ended.

    item: direction, entry_ts, entry_price, stop, target, and either mark (open) or exit_price (closed). price: times ms UTC and
    closes in between; without it a dotted line joins the two known prices, which is not the market's path.
    """
    figure = blank(colors, PATH_HEIGHT)
    start = int(item["entry_ts"])
    ends = moments([start, until])
    last = item["exit_price"] if "exit_price" in item else item["mark"]
    labels = [(item["entry_price"], "entry", colors.muted)]
    _level(figure, ends, item["entry_price"], "entry", colors.muted, "dot")
    if item.get("target"):
        _level(figure, ends, item["target"], "target", colors.gain, "dash")
        labels.append((item["target"], "target", colors.gain))
    if last is not None:
        _prices(figure, item, ends, last, colors, price)
        labels.append((last, "exit" if "exit_price" in item else "now", colors.accent))
    steps = _steps(item, stops, start, until)
    if steps:
        figure.add_scatter(
            x=moments([s[0] for s in steps]), y=[s[1] for s in steps], mode="lines", name="stop",
            line={"color": colors.loss, "width": 1.8, "shape": "hv"}, hovertemplate="stop %{y:,.6~f}<extra></extra>",
        )  # fmt: skip
        labels.append((steps[-1][1], "stop", colors.loss))
    _labels(figure, ends[1], labels, [y for _, y in steps])
    figure.update_layout(
        margin={"r": 58},
        xaxis={"nticks": 5, "tickangle": 0},
        yaxis={"side": "left", "nticks": 6, "zeroline": False, "tickformat": ",~f"},
        uirevision=str(start),
    )
    return figure


def _steps(
    item: Mapping[str, Any], stops: Sequence[Mapping[str, Any]], start: int, until: int
) -> list[tuple[int, float]]:
    if stops:
        return [*((int(s["ts"]), float(s["stop"])) for s in stops), (until, float(stops[-1]["stop"]))]
    return [(start, float(item["stop"])), (until, float(item["stop"]))] if item.get("stop") else []


def _prices(
    figure: go.Figure,
    item: Mapping[str, Any],
    ends: Any,
    last: float,
    colors: Palette,
    price: tuple[npt.ArrayLike, npt.ArrayLike] | None,
) -> None:
    shape = "triangle-up" if item["direction"] > 0 else "triangle-down"
    ts, closes = (np.zeros(0, np.int64), np.zeros(0)) if price is None else (np.asarray(price[0]), np.asarray(price[1]))
    x = np.concatenate([ends[:1], moments(ts), ends[1:]])
    inside = (x > ends[0]) & (x < ends[1])
    between = closes[inside[1:-1]]
    figure.add_scatter(
        x=x[inside | (np.arange(x.size) == 0) | (np.arange(x.size) == x.size - 1)],
        y=[item["entry_price"], *between, last], mode="lines+markers", name="price", opacity=1,
        line={"color": colors.accent, "width": 1.3, "dash": "dot" if not between.size else "solid"},
        hovertemplate="price %{y:,.6~f}<extra></extra>",
        marker={
            "symbol": [shape, *["circle"] * (between.size + 1)], "size": [10, *[0] * between.size, 8], "color": colors.accent,
        },
    )  # fmt: skip


def _level(figure: go.Figure, ends: Any, y: float, name: str, color: str, dash: str) -> None:
    figure.add_scatter(
        x=ends, y=[y, y], mode="lines", name=name, line={"color": color, "width": 1.2, "dash": dash},
        hovertemplate=f"{name} %{{y:,.6~f}}<extra></extra>",
    )  # fmt: skip


def _labels(figure: go.Figure, x: Any, labels: Sequence[tuple[float, str, str]], others: Sequence[float]) -> None:
    """Direct labels right of the last point instead of a legend, moved apart where they would cover each other."""
    values = [y for y, _, _ in labels] + list(others)
    pixels = (PATH_HEIGHT - 50) / ((max(values) - min(values)) * 1.1 or 1.0)
    before = -1e9
    for y, text, color in sorted(labels):
        wanted = y * pixels
        place = max(wanted, before + 13)
        before = place
        figure.add_annotation(
            x=str(x), y=y, text=text, showarrow=False, xanchor="left", xshift=7, yshift=round(place - wanted),
            font={"size": 11, "color": color},
        )  # fmt: skip


def faint(color: str, alpha: float) -> str:
    """A colour let through."""
    red, green, blue = (int(color[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{alpha})"


def describe_curve(curve: Mapping[str, Any], quote: str) -> str:
    """The chart in one sentence, for those who do not see it."""
    if not len(curve["ts"]):
        return "no equity stored yet"
    first, last = float(curve["equity"][0]), float(curve["equity"][-1])
    worst = float(np.min(curve["drawdown"]))
    return (
        f"Equity from {formats.money(first, quote)} to {formats.money(last, quote)}, "
        f"{formats.when(curve['ts'][0])} to {formats.when(curve['ts'][-1])} UTC, deepest drawdown {formats.percent(worst)}"
    )
