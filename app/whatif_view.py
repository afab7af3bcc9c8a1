"""What if, on screen: a stored run's study again under other costs, sizes and limits, beside what it was. Nothing is stored."""

from __future__ import annotations

import threading
from typing import Any

import plotly.graph_objects as go
import streamlit as st

from app import charts, formats, lab_charts, ui
from app.palette import Palette
from app.thin import thin
from app.tiles import Tile, numbers
from db.session import data_folder
from engine.market.store import Store
from engine.research.stock import DataError
from engine.research.study import Study
from engine.research.study_result import StudyResult
from engine.research.whatif import Again, Changes
from engine.strategies.base import StrategyError

SHOWN = (
    ("total_return", "Return", formats.percent),
    ("sharpe", "Sharpe", formats.number),
    ("max_drawdown", "Drawdown", formats.percent),
    ("profit_factor", "Profit factor", formats.number),
    ("fees", "Fees", formats.number),
)


@st.fragment
def what_if(study: Study, colors: Palette) -> None:
    """Sliders, then both results; only this part is drawn again when one moves."""
    changes = _sliders(study)
    try:
        was, now = (_asked(study, one) for one in (Changes(), changes))
    except (DataError, StrategyError, ValueError) as error:
        ui.empty("It cannot be run again", str(error))
        return
    numbers([*(_tile(name, label, tell, was, now) for name, label, tell in SHOWN), _trades(was, now)], "whatif")
    st.plotly_chart(
        _curves(was, now if changes else None, colors), theme=None, key="whatif_curves", config=charts.CONFIG,
        alt="Equity as it was, and as it would have been",
    )  # fmt: skip
    words = f"played again in {now.seconds * 1000:,.0f} ms"
    st.caption(words if changes else f"{words}; move a slider to see what would have been")


def _sliders(study: Study) -> Changes:
    """What differs from the study; what was not moved is left alone."""
    setup = study.setup
    taker = float(setup.instruments[0].taker)
    waits = setup.account.delay_ms // min(slot.timeframe_ms for slot in setup.slots)
    with st.grid("auto", min_column_width=150, gap="small", key="whatif_sliders"):
        fee = st.slider("Taker fee %", 0.0, 2.0, round(taker * 100, 4), 0.01, key="whatif_taker")
        slip = st.slider("Slippage bp", 0.0, 50.0, float(min(setup.account.slippage_bps, 50.0)), 0.5, key="whatif_slip")
        late = st.slider("Delay, bars", 0, max(10, waits), waits, 1, key="whatif_late")
        size = st.slider("Size ×", 0.1, 3.0, 1.0, 0.1, key="whatif_size")
        most = st.slider(
            "Positions at once", 1, max(8, setup.account.max_positions), setup.account.max_positions, key="whatif_most"
        )
    thresholds = {}
    if setup.breakers:
        with st.expander("Breakers"):
            for spec in setup.breakers:
                if spec.kind != "consecutive_losses":
                    label = f"{formats.words(spec.name)} %"
                    value = st.slider(
                        label, 0.0, 100.0, spec.threshold * 100, 0.5, key=f"whatif_{spec.name}", help="0 = off"
                    )
                    if abs(value / 100 - spec.threshold) > 1e-9:
                        thresholds[spec.name] = value / 100
    return Changes(
        taker=None if abs(fee / 100 - taker) < 1e-9 else round(fee / 100, 8),
        slippage_bps=None if slip == min(setup.account.slippage_bps, 50.0) else slip,
        delay_bars=None if late == waits else late,
        size_times=None if size == 1.0 else size,
        max_positions=None if most == setup.account.max_positions else most,
        thresholds=thresholds or None,
    )


@st.cache_resource(show_spinner="Reading its candles", max_entries=3)
def _ready(key: str, _study: Study) -> tuple[Again, threading.Lock]:
    return Again(_study, Store(data_folder() / "candles")), threading.Lock()


def _asked(study: Study, changes: Changes) -> StudyResult:
    """Played again in milliseconds; sessions that ask about the same study wait for each other."""
    again, alone = _ready(study.key(), study)
    with alone:
        return again.ask(changes)


def _tile(name: str, label: str, tell: Any, was: StudyResult, now: StudyResult) -> Tile:
    before, after = (done.figures[name].value for done in (was, now))
    return Tile(label, tell(after), None if before == after else f"was {tell(before)}")


def _trades(was: StudyResult, now: StudyResult) -> Tile:
    before, after = (done.played.reports.trades.size for done in (was, now))
    return Tile("Trades", f"{after:,}", None if before == after else f"was {before:,}")


def _curves(was: StudyResult, now: StudyResult | None, colors: Palette) -> go.Figure:
    """Equity as it was, grey once there is another to compare."""
    figure = lab_charts.base(colors, charts.CURVE_HEIGHT)
    lines = [("as it was", was, colors.accent if now is None else colors.muted)]
    if now is not None:
        lines.append(("with the changes", now, colors.accent))
    for name, done, color in lines:
        curve = done.played.reports.equity
        kept = thin(curve["equity"], 1200)
        figure.add_scatter(
            x=charts.moments(curve["ts"][kept]), y=curve["equity"][kept], mode="lines", name=name,
            line={"color": color, "width": 1.5}, hovertemplate=f"{name} %{{y:,.2f}}<extra></extra>",
        )  # fmt: skip
    figure.update_layout(
        showlegend=now is not None, margin={"t": 30},
        legend={"orientation": "h", "y": 1.0, "x": 0, "yanchor": "bottom", "bgcolor": "rgba(0,0,0,0)", "font": {"size": 11}},
    )  # fmt: skip
    return figure
