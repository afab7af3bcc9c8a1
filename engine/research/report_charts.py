"""The charts of a report, as plain Plotly figures: dictionaries of data and layout, no Plotly and no colours in them.

A colour is a name (`@accent`, `@gain`, ...) that the page's script looks up in its style sheet, light or dark. Times are ms UTC.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.analytics import calendar, falls
from engine.analytics.curve import Curve
from engine.analytics.definitions import Account
from engine.analytics.thin import thin
from engine.analytics.values import Floats

POINTS = 2_000
Chart = dict[str, Any]


def _numbers(values: npt.ArrayLike, digits: int = 8) -> list[float | None]:
    """As JSON takes them: `digits` significant ones, nothing for what is no number."""
    return [float(f"{x:.{digits}g}") if math.isfinite(x) else None for x in np.asarray(values, np.float64).tolist()]


def _line(ts: Any, y: Floats, name: str, color: str, ending: str, **more: Any) -> Chart:
    kept = thin(y, POINTS)
    return {
        "type": "scatter", "mode": "lines", "name": name, "x": np.asarray(ts)[kept].tolist(), "y": _numbers(y[kept]),
        "line": {"color": color, "width": 1.6}, "hovertemplate": f"{name} %{{y:,.2f}}{ending}<extra></extra>", **more,
    }  # fmt: skip


def equity(account: Account, quote: str) -> Chart:
    """Equity (and the market from the same start) above, the fall from the peak below on the same axis."""
    curve = account.curve
    lines = [_line(curve.level_ts, np.concatenate([[curve.start], curve.equity]), "equity", "@accent", f" {quote}")]
    if account.market is not None:
        own = curve.start * account.market.levels / account.market.start
        lines.append(_line(account.market.level_ts, own, "market held", "@muted", f" {quote}"))
        lines[-1]["line"] |= {"dash": "dot", "width": 1.2}
    drop = falls.falls(curve.levels) * 100
    lines.append(
        _line(
            curve.level_ts, np.nan_to_num(drop), "drawdown", "@loss", " %", yaxis="y2", fill="tozeroy", showlegend=False
        )
    )
    lines[-1] |= {"fillcolor": "@lossfaint"}
    lines[-1]["line"]["width"] = 1
    return {
        "data": lines,
        "layout": {
            "height": 380, "hovermode": "x unified", "showlegend": len(lines) > 2, "xaxis": {"type": "date", "anchor": "y2"},
            "yaxis": {"domain": [0.3, 1], "tickformat": ",~f"},
            "yaxis2": {"domain": [0, 0.24], "ticksuffix": " %", "nticks": 4, "rangemode": "tozero"},
        },
    }  # fmt: skip


def distribution(account: Account) -> Chart:
    """How often which daily return came; losing steps in the colour of losses."""
    values = account.returns * 100
    edges = np.histogram_bin_edges(values, bins=min(max(int(np.sqrt(values.size)), 8), 50))
    if edges[0] < 0 < edges[-1]:  # a step ends at zero, so that no bar is half won and half lost
        width = float(edges[1] - edges[0])
        edges = np.arange(np.floor(edges[0] / width), np.ceil(edges[-1] / width) + 1) * width
    counts, edges = np.histogram(values, edges)
    middle = (edges[:-1] + edges[1:]) / 2
    bars = {
        "type": "bar", "x": _numbers(middle), "y": counts.tolist(), "width": _numbers(np.diff(edges) * 0.92),
        "marker": {"color": ["@loss" if at < 0 else "@gain" for at in middle]},
        "hovertemplate": "about %{x:.2f} %: %{y} days<extra></extra>",
    }  # fmt: skip
    return {
        "data": [bars],
        "layout": {"height": 260, "bargap": 0, "xaxis": {"ticksuffix": " %"}, "yaxis": {"nticks": 5}},
    }


def waterfall(names: list[str], steps: list[float], quote: str) -> Chart:
    """From the first number over what was taken and added to the last, their sum."""
    shown = {
        "type": "waterfall", "x": names, "y": _numbers(steps, 12),
        "measure": ["absolute", *["relative"] * (len(steps) - 2), "total"],
        "text": [f"{step:+,.2f}".replace("-", "\u2212") for step in steps], "textposition": "outside", "cliponaxis": False,
        "connector": {"line": {"color": "@border", "width": 1}}, "increasing": {"marker": {"color": "@gain"}},
        "decreasing": {"marker": {"color": "@loss"}}, "totals": {"marker": {"color": "@accent"}},
        "hovertemplate": f"%{{x}} %{{delta:+,.2f}} {quote}<extra></extra>",
    }  # fmt: skip
    return {"data": [shown], "layout": {"height": 280, "xaxis": {"type": "category"}, "yaxis": {"zeroline": True}}}


def trades(pnl: Floats, exit_ts: Any, quote: str) -> Chart:
    """Every closed trade's result at its exit, the largest kept where there are too many."""
    kept = thin(pnl, POINTS)
    shown, ts = pnl[kept], np.asarray(exit_ts)[kept]
    data = []
    for won, name, color, shape in (
        (shown > 0, "won", "@gain", "triangle-up"),
        (shown <= 0, "lost", "@loss", "triangle-down"),
    ):
        data.append(
            {
                "type": "scatter", "mode": "markers", "name": name, "x": ts[won].tolist(), "y": _numbers(shown[won]),
                "marker": {"color": color, "symbol": shape, "size": 6, "opacity": 0.75},
                "hovertemplate": f"%{{x|%d %b %Y %H:%M}}<br>%{{y:+,.2f}} {quote}<extra></extra>",
            }
        )  # fmt: skip
    return {"data": data, "layout": {"height": 240, "xaxis": {"type": "date"}, "yaxis": {"zeroline": True}}}


def months(curve: Curve) -> calendar.Months:
    """The monthly table of the curve's days."""
    return calendar.months(curve.days, curve.daily_returns)
