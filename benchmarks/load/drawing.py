"""How the load test's page draws: numbers, tables, plots; every duration also as a multiple of what this machine itself needs.

Figures in, text out; nothing is measured here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import plotly.graph_objects as go

INK, ACCENT, SECOND, GRID = "#1f2933", "#2563a8", "#b0632a", "#e4e7eb"
Row = Sequence[Any]
HEAD = ("n", "p50", "p90", "p99", "max")


@dataclass(frozen=True)
class Limits:
    """What the machine itself needed in the same run, middle values: ms of a durable commit of one row, of an fsync and of a
    round trip over the loopback; us of a message's JSON; ns of a step of a Python loop. None where it was not measured."""

    commit: float | None = None
    sync: float | None = None
    trip: float | None = None
    json_us: float | None = None
    loop_ns: float | None = None

    @classmethod
    def of(cls, machine: dict[str, Any] | None) -> Limits:
        if not machine or "failed" in machine:
            return cls()
        commit, sync = machine["commit_ms"]["p50"], machine["sync_ms"]["p50"]
        return cls(commit, sync, machine["round_trip_us"]["p50"] / 1000, machine["json_us"], machine["additions_ns"])


def times(value: float | None, limit: float | None) -> float | None:
    """How often `limit` goes into `value`; None where either is unknown."""
    return None if value is None or not limit else value / limit


def number(value: Any) -> str:
    """Three digits that mean something; words as they are."""
    if value is None:
        return "–"
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return escape(str(value))
    if isinstance(value, int) or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) < 10 else f"{value:.1f}"


def table(head: Row, rows: Iterable[Row]) -> str:
    top = "".join(f"<th>{escape(str(one))}</th>" for one in head)
    body = "".join("<tr>" + "".join(f"<td>{number(one)}</td>" for one in row) + "</tr>" for row in rows)
    return f"<table><tr>{top}</tr>{body}</table>"


def plot(figure: Any, title: str, x: str, y: str, log: bool = False, named: bool = False) -> str:
    """The figure as part of a page; `log`: its y axis is logarithmic, `named`: it stands for names, from the top."""
    figure.update_layout(
        title=title, height=340, margin={"l": 60, "r": 20, "t": 50, "b": 45}, paper_bgcolor="white", plot_bgcolor="white",
        font={"color": INK, "size": 13}, colorway=[ACCENT, SECOND, "#5b8c5a", "#7a5c99", "#8a8f98"],
    )  # fmt: skip
    figure.update_xaxes(title=x, gridcolor=GRID, zeroline=False)
    kind = "category" if named else "log" if log else "linear"
    figure.update_yaxes(title=y, gridcolor=GRID, zeroline=False, type=kind)
    if named:
        figure.update_yaxes(autorange="reversed", automargin=True)
    return str(figure.to_html(full_html=False, include_plotlyjs=False, config={"displayModeBar": False}))


def quantiles(name: str, told: dict[str, Any]) -> Row:
    return [name, *(told[q] for q in HEAD)]


def durations(what: str, rows: Sequence[tuple[str, dict[str, Any]]], limit: float | None, of: str) -> str:
    """A table of durations in ms, with the middle one and the 99th also in multiples of `limit`, which is called `of`."""
    made = [[*quantiles(name, told), times(told["p50"], limit), times(told["p99"], limit)] for name, told in rows]
    return table((what, *HEAD, f"p50 in {of}", f"p99 in {of}"), made)


def both_sides(found: dict[str, Any], limit: float | None, of: str) -> str:
    """Two sides in turn, and their ratio."""
    figure = go.Figure()
    for one in found["sides"]:
        values = sorted(one["values"])
        share = [(k + 1) / len(values) for k in range(len(values))]
        figure.add_scatter(x=values, y=share, name=one["name"], mode="lines")
    figure.update_xaxes(type="log")
    late, middle = number(found["ratio_p99"]), number(found["ratio_p50"])
    said = f"<p>p99 with, over p99 without: <b>{late}</b>; of the middle values {middle}.</p>"
    rows = [(one["name"], one["told"]) for one in found["sides"]]
    return (
        durations(f"{found['what']}, ms", rows, limit, of) + said
        + plot(figure, found["what"], "ms", "share of all that is not above")
    )  # fmt: skip
