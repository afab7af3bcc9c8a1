"""Runs side by side on screen: curves from one instant, statistics with intervals and the difference's own, what differs in
settings and trades. The first run is what the others are measured against.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import streamlit as st
from sqlalchemy import Engine

from app import charts, formats, lab_charts, tables
from app.numbers import written
from app.palette import Palette
from app.thin import thin
from engine.analytics.table import DEFINITIONS
from engine.research.compare import Against, Comparison, compare, labels

SHADES = ("accent", "demo", "live", "gain", "loss", "backtest", "outage", "muted")


def side_by_side(engine: Engine, run_ids: Sequence[int], stamp: Any, colors: Palette) -> None:
    """All of it; CompareError in a sentence."""
    made = _compared(engine.url.render_as_string(), tuple(run_ids), stamp, engine)
    for side, against in zip(made.sides[1:], made.against, strict=True):
        with st.container(horizontal=True, key=f"against_{side.id}"):
            st.text(f"{side.name} against {made.sides[0].name}:")
            st.text(against.sentence)
    st.plotly_chart(curves(made, colors), theme=None, key="compare_curves", config=charts.CONFIG, alt=_words(made))
    since = (
        f" since {formats.when(made.rebased_ts)} UTC" if made.rebased_ts else "; they share no time, each begins at 1"
    )
    st.caption(f"Growth of 1{since}.")
    statistics(made)
    settings(made)
    for side, against in zip(made.sides[1:], made.against, strict=True):
        trades(made, side.name, against)


@st.cache_data(show_spinner="Laying the runs side by side", max_entries=16)
def _compared(place: str, run_ids: tuple[int, ...], stamp: Any, _engine: Engine) -> Comparison:
    return compare(_engine, run_ids)


def curves(made: Comparison, colors: Palette) -> go.Figure:
    """One line a run, named at its end."""
    figure = lab_charts.base(colors, charts.CURVE_HEIGHT)
    for k, side in enumerate(made.sides):
        if not len(side.ts):
            continue
        kept = thin(side.level, 1200)
        color = getattr(colors, SHADES[k % len(SHADES)])
        figure.add_scatter(
            x=charts.moments(side.ts[kept]), y=side.level[kept], mode="lines", name=side.name,
            line={"color": color, "width": 1.6}, hovertemplate=f"{side.name} %{{y:.4f}}<extra></extra>",
        )  # fmt: skip
    figure.add_hline(y=1.0, line={"color": colors.border, "width": 1, "dash": "dot"})
    figure.update_layout(
        showlegend=True, margin={"t": 30}, yaxis={"tickformat": ".3~f"},
        legend={"orientation": "h", "y": 1.0, "x": 0, "yanchor": "bottom", "bgcolor": "rgba(0,0,0,0)", "font": {"size": 11}},
    )  # fmt: skip
    return figure


def _words(made: Comparison) -> str:
    ends = [f"{side.name} {float(side.level[-1]):.3f}" for side in made.sides if len(side.level)]
    return f"Growth of 1: {', '.join(ends)}"


def statistics(made: Comparison) -> None:
    """A row a statistic, a column a run with its interval, and each difference with its own."""
    rows = []
    for name, label in labels().items():
        unit = DEFINITIONS[name].unit
        row = {"statistic": label}
        for k, side in enumerate(made.sides):
            row[f"run{k}"] = written(unit, side.figures[name].value) + _between(unit, side.intervals.get(name))
        for k, against in enumerate(made.against, 1):
            gap = against.gaps.get(name)
            row[f"gap{k}"] = (
                "" if gap is None or isinstance(gap, str) else written(unit, gap.value, sign=True) + _between(unit, gap)
            )
        rows.append(row)
    frame = pd.DataFrame(rows)
    tables.heading(
        "Statistics", "compare", frame, "with 90 % intervals; a difference whose interval holds zero is none"
    )
    columns = {"statistic": tables.text("Statistic")}
    columns |= {f"run{k}": tables.figure(side.name) for k, side in enumerate(made.sides)}
    columns |= {f"gap{k}": tables.figure(f"{made.sides[k].name} − first") for k in range(1, len(made.sides))}
    tables.table(frame, columns, key="compare_statistics", height=tables.tall(len(rows), 18))


def _between(unit: str, one: Any) -> str:
    if one is None or isinstance(one, str):
        return ""
    return f"  ({written(unit, one.low)} to {written(unit, one.high)})"


def settings(made: Comparison) -> None:
    """Only what differs."""
    if not made.config:
        st.caption("Their settings are the same.")
        return
    rows = [
        {
            "setting": one.name,
            **{f"run{k}": formats.DASH if value is None else str(value) for k, value in enumerate(one.values)},
        }
        for one in made.config
    ]
    frame = pd.DataFrame(rows)
    tables.heading("Settings that differ", "compare_settings", frame)
    columns = {
        "setting": tables.text("Setting"),
        **{f"run{k}": tables.text(side.name) for k, side in enumerate(made.sides)},
    }
    tables.table(frame, columns, key="compare_settings")


def trades(made: Comparison, name: str, against: Against) -> None:
    """Trades that only one made, or that came out differently."""
    differing = against.differing
    count = len(against.pairs)
    if not differing:
        st.caption(f"{name}: all {count:,} trades are the same.")
        return
    money = float(np.sum([pair.money for pair in differing]))
    frame = pd.DataFrame([_pair(pair) for pair in differing])
    tables.heading(f"{name}: {len(differing):,} of {count:,} trades differ", f"compare_trades_{against.id}", frame)
    st.caption(f"Together they make {formats.number(money, sign=True)} of difference.")
    shown = frame.copy()
    shown["ts"] = tables.utc(frame["ts"])
    columns = {
        "ts": tables.moment("Entry"),
        "symbol": tables.text("Symbol"),
        "made": tables.text("Made by"),
        "first": tables.amount(made.sides[0].name, sign=True),
        "other": tables.amount(name, sign=True),
        "money": tables.amount("Difference", sign=True),
    }
    tables.table(shown, columns, key=f"compare_trades_{against.id}", height=tables.tall(len(frame), 10))


def _pair(pair: Any) -> dict[str, Any]:
    made = "both" if pair.one and pair.other else "the first alone" if pair.one else "this one alone"
    known = pair.one or pair.other or {}
    pnl = [None if side is None else float(side["pnl"]) for side in (pair.one, pair.other)]
    return {
        "ts": pair.ts,
        "symbol": known.get("symbol", ""),
        "made": made,
        "first": pnl[0],
        "other": pnl[1],
        "money": pair.money,
    }
