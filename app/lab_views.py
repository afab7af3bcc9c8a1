"""A backtest's result on screen: which stretch is shown, the market with its trades, the curve, and what stands below them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from app import charts, formats, lab_charts, numbers, tables, ui
from app.palette import Palette
from app.read import research
from app.thin import thin
from engine.research.study_result import StudyResult

DAY_MS = 86_400_000
WINDOWS = {"all": "whole period", "30": "last 30 d", "7": "last 7 d", "1": "last day"}
PAGE_SIZE = 100
Ranges = numbers.Intervals


def shown_window(done: StudyResult, save: Callable[[], None]) -> tuple[int, int, str]:
    """What the charts show: a stretch, or around a trade; and which market. `save` is what the button beside it does."""
    start, end = done.played.start, done.played.end
    symbols = list(done.candles)
    trade = ui.in_url("trade", "", str.isdigit)
    options = {**WINDOWS, **({"trade": f"trade {trade}"} if trade else {})}
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center", key="shown"):
        kept = st.session_state.get("lab_window")
        if kept not in options:
            st.session_state["lab_window"] = "trade" if trade else "all"
        window = st.segmented_control(
            "Shown", list(options), format_func=options.__getitem__, key="lab_window", label_visibility="collapsed"
        )
        symbol = symbols[0]
        if len(symbols) > 1:
            symbol = st.selectbox("Market", symbols, key="lab_shown_symbol", label_visibility="collapsed", width=150)
        if st.button("Save as run", key="lab_save", help="stores it with all its trades, for every results page"):
            save()
    if window == "trade":
        around = _around(done, int(trade))
        if around is not None:
            return around
    days = int(window) if window in ("30", "7", "1") else 0
    return (max(start, end - days * DAY_MS) if days else start), end, symbol


def _around(done: StudyResult, seq: int) -> tuple[int, int, str] | None:
    """A trade with as much again before and after it, at least 30 bars."""
    trades = closed(done)
    at = np.flatnonzero(trades["seq"] == seq)
    if not at.size:
        return None
    row = int(at[0])
    first, last, symbol = int(trades["entry_ts"][row]), int(trades["exit_ts"][row]), str(trades["symbol"][row])
    air = max(last - first, 30 * done.setup.slots[0].timeframe_ms)
    return max(done.played.start, first - air), min(done.played.end, last + air), symbol


def closed(done: StudyResult) -> research.Columns:
    return research.trades(done.played, done.setup.instruments, done.setup.slots)


def picture(done: StudyResult, symbol: str, first: int, last: int, colors: Palette) -> None:
    """Candles, what was traded, and what the strategy plots."""
    bars = research.market(done.candles[symbol], first, last)
    if not len(bars["ts"]):
        st.caption(f"{symbol} has no candles in this stretch.")
        return
    inside, count = research.window(closed(done), symbol, first, last)
    over: dict[str, Any] = {}
    below: dict[str, Any] = {}
    for slot, played in zip(done.setup.slots, done.played.slots, strict=True):
        if slot.symbol != symbol:
            continue
        name = f"{formats.strategy(slot.strategy)}: " if len(done.setup.slots) > len(done.candles) else ""
        lines = research.overlays(played.bars.ts, slot.timeframe_ms, played.signals.plot, first, last)
        for label, (ts, values) in lines.items():
            (over if research.on_price(values, bars["close"]) else below)[name + label] = (ts, values)
    figure = lab_charts.market(bars, inside, over, below, colors, lines=count <= 80, span=(first, last))
    words = f"{symbol}, {len(bars['ts'])} candles of {formats.timeframe(bars['step'])}, {count} trades"
    st.plotly_chart(figure, theme=None, key="lab_market", config=charts.CONFIG, alt=words)
    few = f"; the {research.SHOWN_TRADES} largest of {count:,} trades" if count > research.SHOWN_TRADES else ""
    st.caption(f"{symbol} in candles of {formats.timeframe(bars['step'])}{few}. ▲ ▼ entry, ● won, ✕ lost.")


def equity(done: StudyResult, first: int, last: int, colors: Palette) -> None:
    """The account's curve with drawdown, and what holding would have done."""
    whole = research.curve(done.played)
    line = _cut(whole, first, last)
    if not len(line["ts"]):
        return
    kept = thin(line["equity"])
    curve = {name: values[kept] for name, values in line.items()}
    trades = closed(done)
    quote, start = done.setup.account.quote, float(done.setup.account.cash)
    near = (trades["exit_ts"] >= first) & (trades["exit_ts"] < last)
    few = near if near.sum() <= 200 else np.zeros(near.size, bool)
    marks = {"ts": trades["exit_ts"][few], "pnl": trades["pnl"][few], "symbol": trades["symbol"][few]}
    figure = charts.equity(curve, marks, (), (), colors, quote=quote, start=start)
    lines = {}
    for symbol, held in done.holds.items():
        part = _cut({"ts": held.ts, "equity": held.equity}, first, last)
        at = np.unique(np.linspace(0, len(part["ts"]) - 1, 500).astype(int))
        lines[f"hold {symbol}"] = {name: values[at] for name, values in part.items()}
    if len(lines) > 1:
        part = _cut({"ts": done.market.ts, "equity": done.market.equity}, first, last)
        at = np.unique(np.linspace(0, len(part["ts"]) - 1, 500).astype(int))
        lines = {"hold all, equal parts": {name: values[at] for name, values in part.items()}}
    lab_charts.with_benchmarks(figure, lines, colors)
    figure.update_xaxes(range=lab_charts.between(first, last))
    st.plotly_chart(figure, theme=None, key="lab_equity", config=charts.CONFIG, alt=charts.describe_curve(curve, quote))
    st.caption(
        f"Equity in {quote} over drawdown. Thin: bought once and held, fee paid. Dotted: {formats.money(start)} cash."
    )


def _cut(line: dict[str, Any], first: int, last: int) -> dict[str, Any]:
    inside = slice(int(np.searchsorted(line["ts"], first)), int(np.searchsorted(line["ts"], last, "right")))
    return {name: values[inside] for name, values in line.items()}


TRADE_COLUMNS = {
    "seq": tables.COLUMN.NumberColumn("#", width=50),
    "exit": tables.moment("Closed"),
    "slot": tables.text("Strategy"),
    "side": tables.text("Side", width=70),
    "pnl": tables.amount("P&L", "net of fees", sign=True),
    "pnl_pct": tables.fraction("P&L %", "of the entry's notional", sign=True),
    "exit_reason": tables.text("Exit"),
    "held": tables.text("Held"),
    "entry_price": tables.figure("Entry"),
    "exit_price": tables.figure("Exit price"),
    "fees": tables.amount("Fees"),
    "mae": tables.fraction("Worst", "maximum adverse excursion"),
    "mfe": tables.fraction("Best", "maximum favourable excursion"),
}


def below(done: StudyResult, ranges: Ranges, colors: Palette) -> bool:
    """Trades, every statistic, other tools: one at a time, so that a slider answers at once. True where the evidence is wanted,
    which is drawn when all of it is known."""
    options = {
        "trades": "Trades",
        "statistics": "All statistics",
        "others": "Other tools would print",
        "checks": "Evidence",
    }
    view = st.segmented_control(
        "View",
        list(options),
        default="trades",
        format_func=options.__getitem__,
        key="lab_view",
        label_visibility="collapsed",
    )
    if view == "statistics":
        numbers.everything(done.figures, ranges)
    elif view == "others":
        numbers.other_tools(done.account)
    elif view != "checks":
        listing(done, colors)
    return bool(view == "checks")


def listing(done: StudyResult, colors: Palette) -> None:
    raw = closed(done)
    count = len(raw["seq"])
    tables.heading(f"{count:,} closed trades", "lab_trades", partial(pd.DataFrame, raw))
    if not count:
        st.caption(done.why_no_trades or "None.")
        return
    pages = -(-count // PAGE_SIZE)
    number = st.pagination(pages, key="lab_page") if pages > 1 else 1
    part = {name: values[::-1][(number - 1) * PAGE_SIZE : number * PAGE_SIZE] for name, values in raw.items()}
    frame = pd.DataFrame(part)
    frame["exit"] = tables.utc(part["exit_ts"])
    frame["slot"] = [formats.slot(s, y) for s, y in zip(part["strategy"], part["symbol"], strict=True)]
    frame["held"] = [formats.duration(ms) for ms in part["exit_ts"] - part["entry_ts"]]
    frame["exit_reason"] = [formats.exit_reason(code) for code in part["exit_reason"]]
    tables.written(frame, entry_price=formats.price, exit_price=formats.price)
    for name in ("pnl_pct", "mae", "mfe"):
        frame[name] = frame[name] * 100
    colored = tables.colored(frame, ["pnl", "pnl_pct"], colors)
    chosen = tables.table(
        colored, TRADE_COLUMNS, key=f"lab_trades_{done.study.key()}_{number}", height=400, select=True
    )
    if chosen is not None and chosen < len(frame):
        seq = str(int(part["seq"][chosen]))
        if st.query_params.get("trade") != seq:
            ui.to_url(trade=seq)
            st.session_state.pop("lab_window", None)
            st.rerun()
    st.caption("Select a trade to see it in the chart.")
