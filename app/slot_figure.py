"""The figure of one slot: candles, what its strategy draws, what it said, what was traded, and what protects it. Values in,
plotly out; no database, no Streamlit.

Hollow marks are words, filled ones are money: a hollow triangle is a signal, a filled one a fill. A cross is a signal that was
blocked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go

from app import charts, formats, lab_charts, signals_words
from app.palette import Palette

HEIGHT, PANE = 430, 110
Line = tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]


@dataclass(frozen=True)
class Picture:
    """Everything on one chart from `first` to `last`, ms UTC. `bars` as app.read.research.market has them; `over` and `below`
    are series on the prices' scale and in a pane of their own; `down` draws a grey end: nobody knows what came after."""

    bars: Mapping[str, Any]
    first: int
    last: int
    over: Mapping[str, Line] = field(default_factory=dict)
    below: Mapping[str, Line] = field(default_factory=dict)
    signals: Mapping[str, Any] = field(default_factory=dict)
    fills: Mapping[str, Any] = field(default_factory=dict)
    trades: Sequence[Mapping[str, Any]] = ()
    held: Mapping[str, Any] | None = None
    resting: Sequence[Mapping[str, Any]] = ()
    outages: Sequence[Mapping[str, Any]] = ()
    down: bool = False


def draw(picture: Picture, colors: Palette, keep: str) -> go.Figure:
    """The figure; a person's zoom stays while `keep` stays the same."""
    below = picture.below
    figure = lab_charts.base(colors, HEIGHT + (PANE if below else 0))
    _candles(figure, picture.bars, colors)
    shades = [getattr(colors, name) for name in lab_charts.SERIES]
    for axis, series in (("y", picture.over), ("y2", below)):
        for k, (name, (ts, values)) in enumerate(series.items()):
            lab_charts._series(figure, name, ts, values, shades[k % len(shades)], axis)
    _trades(figure, picture, colors)
    _signals(figure, picture, colors)
    _fills(figure, picture, colors)
    _levels(figure, picture, colors)
    charts._bands(figure, picture.outages, {"ts": [picture.first, picture.last]}, colors)
    end = picture.last + (picture.last - picture.first) // 60
    if picture.down:
        charts._unknown(figure, *(str(moment) for moment in charts.moments([picture.last, end])), colors)
    _frame(figure, picture, end, colors, keep)
    return figure


def _candles(figure: go.Figure, bars: Mapping[str, Any], colors: Palette) -> None:
    figure.add_candlestick(
        x=charts.moments(bars["ts"]), open=bars["open"], high=bars["high"], low=bars["low"], close=bars["close"], name="",
        increasing={"line": {"color": colors.gain, "width": 1}, "fillcolor": colors.ground},
        decreasing={"line": {"color": colors.loss, "width": 1}, "fillcolor": colors.loss}, opacity=0.55, showlegend=False,
    )  # fmt: skip


def _trades(figure: go.Figure, picture: Picture, colors: Palette) -> None:
    """Entry to exit in the colour of the result, and each stop's path."""
    x: dict[bool, list[Any]] = {True: [], False: []}
    y: dict[bool, list[Any]] = {True: [], False: []}
    stop_x: list[Any] = []
    stop_y: list[Any] = []
    for one in picture.trades:
        won = one["pnl"] > 0
        x[won] += [*charts.moments([one["entry_ts"], one["exit_ts"]]), None]
        y[won] += [one["entry_price"], one["exit_price"], None]
        _path(stop_x, stop_y, one["stops"], int(one["exit_ts"]))
    for won, color in ((True, colors.gain), (False, colors.loss)):
        if x[won]:
            figure.add_scatter(
                x=x[won], y=y[won], mode="lines", hoverinfo="skip", showlegend=False,
                line={"color": color, "width": 1.4, "dash": "dot"},
            )  # fmt: skip
    if picture.held is not None:
        _path(stop_x, stop_y, picture.held["stops"], picture.last)
    if stop_x:
        figure.add_scatter(
            x=stop_x, y=stop_y, mode="lines", name="stop", line={"color": colors.loss, "width": 1.5, "shape": "hv"},
            hovertemplate="stop %{y:,.8~f}<extra></extra>",
        )  # fmt: skip


def _path(x: list[Any], y: list[Any], stops: Sequence[Mapping[str, Any]], until: int) -> None:
    if stops:
        x += [*charts.moments([*(int(s["ts"]) for s in stops), until]), None]
        y += [*(float(s["stop"]) for s in stops), float(stops[-1]["stop"]), None]


def _signals(figure: go.Figure, picture: Picture, colors: Palette) -> None:
    """What was said, beside the candle it was said at: taken hollow, blocked crossed out, passed over as a dot."""
    said = picture.signals
    if not len(said.get("ts", ())):
        return
    air = _height(picture.bars) * 0.035
    entry, taken = said["kind"] != "exit", said["status"] == "taken"
    blocked = np.isin(said["status"].astype(str), ("refused", "missed"))
    side = np.where(entry, said["direction"], 0)
    groups = (
        ("entry signal taken", taken & (side > 0), "triangle-up-open", colors.accent, 11, -1),
        ("short signal taken", taken & (side < 0), "triangle-down-open", colors.accent, 11, 1),
        ("exit signal taken", taken & ~entry, "square-open", colors.muted, 8, 1),
        ("signal blocked", blocked & entry, "x-thin-open", colors.demo, 9, -1),
        ("exit signal blocked", blocked & ~entry, "x-thin-open", colors.muted, 8, 1),
        ("entry passed over", (said["status"] == "ignored") & entry, "circle", colors.outage, 4, -1),
    )  # fmt: skip
    for name, chosen, symbol, color, size, below in groups:
        at = np.flatnonzero(chosen & np.isfinite(said["price"].astype(float)))
        if at.size:
            why = [signals_words.rule(str(reason)) if reason else "" for reason in said["reason"][at]]
            tags = [f" {tag}" if tag else "" for tag in said["tag"][at]]
            figure.add_scatter(
                x=charts.moments(said["ts"][at]), y=_beside(picture.bars, said, at, below) + below * air, mode="markers",
                name=name, showlegend="passed" not in name, customdata=np.stack([why, tags], axis=1),
                marker={"symbol": symbol, "size": size, "color": color, "line": {"width": 1.6, "color": color}},
                hovertemplate=f"{name}%{{customdata[1]}} %{{customdata[0]}}<extra></extra>",
            )  # fmt: skip


def _beside(bars: Mapping[str, Any], said: Mapping[str, Any], at: Any, below: int) -> npt.NDArray[np.float64]:
    """The low (or high) of the candle that a signal was said at the end of; its price where there is no candle."""
    price = said["price"][at].astype(np.float64)
    where = np.searchsorted(bars["ts"], said["ts"][at], side="left") - 1
    known = where >= 0
    edge = np.where(known, bars["low" if below < 0 else "high"][np.maximum(where, 0)], price)
    return np.minimum(edge, price) if below < 0 else np.maximum(edge, price)


def _fills(figure: go.Figure, picture: Picture, colors: Palette) -> None:
    got = picture.fills
    if not len(got.get("ts", ())):
        return
    for name, side, symbol, color in (
        ("bought", "buy", "triangle-up", colors.accent),
        ("sold", "sell", "triangle-down", colors.text),
    ):
        at = np.flatnonzero(got["side"] == side)
        if at.size:
            words = [f"{formats.quantity(q)} by {formats.exit_reason(p)}" if p != "entry" else f"{formats.quantity(q)} to enter"
                     for q, p in zip(got["qty"][at], got["purpose"][at], strict=True)]  # fmt: skip
            figure.add_scatter(
                x=charts.moments(got["ts"][at]), y=got["price"][at], mode="markers", name=name, text=words,
                marker={"symbol": symbol, "size": 9, "color": color, "line": {"width": 1, "color": colors.ground}},
                hovertemplate=f"{name} %{{text}} at %{{y:,.8~f}}<extra></extra>",
            )  # fmt: skip


def _levels(figure: go.Figure, picture: Picture, colors: Palette) -> None:
    """What counts now, as lines to the right edge with their names beside them: price, stop, target, orders that rest."""
    bars, labels = picture.bars, []
    if len(bars["close"]):
        labels.append((float(bars["close"][-1]), formats.price(float(bars["close"][-1])), colors.accent))
    held = picture.held
    if held is not None:
        since = charts.moments([max(int(held["entry_ts"]), picture.first), picture.last])
        _line(figure, since, held["entry_price"], "entry", colors.muted, "dot")
        labels.append((float(held["entry_price"]), "entry", colors.muted))
        if held["stop"]:
            labels.append((float(held["stop"]), "stop", colors.loss))
        if held["target"]:
            _line(figure, since, held["target"], "target", colors.gain, "dash")
            labels.append((float(held["target"]), "target", colors.gain))
    for order in picture.resting:
        level = order["limit_price"] or order["price_ref"]
        if level:
            since = charts.moments([max(int(order["created_ts"]), picture.first), picture.last])
            name = f"{order['side']} {order['type']}" if order["purpose"] == "entry" else order["purpose"]
            _line(figure, since, level, f"{name} waits", colors.demo, "longdash")
            labels.append((float(level), f"{name} waits", colors.demo))
    _names(figure, labels, bars)


def _line(figure: go.Figure, x: Any, level: float, name: str, color: str, dash: str) -> None:
    figure.add_scatter(
        x=x, y=[level, level], mode="lines", name=name, showlegend=False, line={"color": color, "width": 1.2, "dash": dash},
        hovertemplate=f"{name} %{{y:,.8~f}}<extra></extra>",
    )  # fmt: skip


def _names(figure: go.Figure, labels: Sequence[tuple[float, str, str]], bars: Mapping[str, Any]) -> None:
    """Direct labels at the right edge, moved apart where they would cover each other."""
    levels = [level for level, _, _ in labels]
    known = [*levels, *(float(np.max(bars["high"])), float(np.min(bars["low"])))]
    pixels, before = (HEIGHT - 60) / ((max(known) - min(known)) * 1.1 or 1.0), -1e12
    for level, text, color in sorted(labels):
        place = max(level * pixels, before + 14)
        before = place
        figure.add_annotation(
            x=1, xref="paper", y=level, text=text, showarrow=False, xanchor="left", xshift=4,
            yshift=round(place - level * pixels), font={"size": 11, "color": color},
        )  # fmt: skip


def _height(bars: Mapping[str, Any]) -> float:
    return float(np.max(bars["high"]) - np.min(bars["low"])) or 1.0 if len(bars["ts"]) else 1.0


def _frame(figure: go.Figure, picture: Picture, end: int, colors: Palette, keep: str) -> None:
    share = PANE / (HEIGHT + PANE) if picture.below else 0.0
    figure.update_layout(
        xaxis={
            "rangeslider": {"visible": False}, "anchor": "y2" if picture.below else "y", "nticks": 8, "tickangle": 0,
            "range": [str(moment) for moment in charts.moments([picture.first, end])],
        },
        yaxis={"domain": [share + 0.04 if picture.below else 0.0, 1.0], "side": "left", "tickformat": ",~f", "nticks": 8},
        uirevision=keep, hovermode="x", showlegend=True, margin={"t": 30, "r": 78},
        legend={"orientation": "h", "y": 1.0, "x": 0, "yanchor": "bottom", "bgcolor": "rgba(0,0,0,0)", "font": {"size": 11}},
    )  # fmt: skip
    if picture.below:
        figure.update_layout(
            yaxis2={
                "domain": [0, share], "side": "left", "gridcolor": colors.grid, "nticks": 4, "tickfont": {"size": 11},
                "automargin": True, "zeroline": False,
            }
        )  # fmt: skip
