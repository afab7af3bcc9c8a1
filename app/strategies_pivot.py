"""The pivot of the strategies page: closed trades by any two of their sides; a cell leads to its trades."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st

from app import formats, tables, ui
from app.palette import Palette
from app.period import Period
from app.result_data import Result
from app.units import WORDS, Units
from db.queries import Column
from engine.analytics import attribution
from engine.analytics.calendar import HOUR

TRADES = Path(__file__).parent.parent / "pages" / "trades.py"
SIDES = {
    "strategy": "strategy",
    "symbol": "symbol",
    "exit": "exit reason",
    "side": "side",
    "hour": "hour of entry",
    "weekday": "weekday of entry",
}
SHOWS = {"pnl": "P&L", "count": "trades", "won": "won, %", "mean": "mean"}
DAYS = ("1 Mon", "2 Tue", "3 Wed", "4 Thu", "5 Fri", "6 Sat", "7 Sun")


def draw(page: ui.Page, found: Result, span: Period, units: Units, inside: Column) -> None:
    """The table, and the way to a cell's trades."""
    with tables.section("Pivot", "pivot", "Closed trades; choose a cell to see its trades"):
        with st.container(horizontal=True, gap="small", width="content"):
            down, across, shows = (
                _pick("down", SIDES, "strategy"),
                _pick("across", SIDES, "exit"),
                _pick("shows", SHOWS, "pnl"),
            )
            files = st.empty()
    rows, at = coded(found, down, units)
    columns, to = coded(found, across, units)
    values, ending = _values(found, units)
    known = inside & np.isfinite(values)
    made = attribution.pivot_coded(rows, at[known], columns, to[known], values[known])
    seen_rows, seen_columns = np.flatnonzero(made.count.any(axis=1)), np.flatnonzero(made.count.any(axis=0))
    if not seen_rows.size:
        st.caption("No trade of this time has such a result.")
        return
    table = _table(made, shows)[np.ix_(seen_rows, seen_columns)]
    frame = tables.frame_of({"": [_said(down, rows[i]) for i in seen_rows]}, [""])
    for k, j in enumerate(seen_columns):
        frame[_said(across, columns[j])] = table[:, k]
    with files.container():
        tables.downloads(frame, "pivot")
    cell = _chosen(frame, SIDES[down].capitalize(), shows, ending, page.colors)
    if cell is not None:
        row, column = seen_rows[cell[0]], seen_columns[cell[1]]
        st.switch_page(str(TRADES), query_params=address(page, span, {down: rows[row], across: columns[column]}))


def _chosen(frame: Any, side: str, shows: str, ending: str, colors: Palette) -> tuple[int, int] | None:
    """The table, drawn; (row, column) of the cell that was clicked, the column of names not counted."""
    signed, names = shows in ("pnl", "mean"), list(frame.columns[1:])
    digits = 0 if shows in ("count", "won") else 2
    shown = {name: tables.amount(name, ending, digits=digits, sign=signed) for name in names}
    look = tables.colored(frame, names, colors) if signed else frame
    state: Any = st.dataframe(
        look,
        key="pivot",
        hide_index=True,
        column_config={"": tables.text(side), **shown},
        row_height=29,
        on_select="rerun",
        selection_mode="single-cell",
        placeholder="\u2013",
    )
    cells = state["selection"]["cells"]
    return (int(cells[0][0]), names.index(cells[0][1])) if cells and cells[0][1] in names else None


def _pick(name: str, options: dict[str, str], default: str) -> str:
    asked = ui.in_url(name, default, options.__contains__)
    picked = st.selectbox(
        name,
        list(options),
        list(options).index(asked),
        format_func=options.__getitem__,
        key=f"{name}_pick",
        label_visibility="collapsed",
        width=150,
    )
    ui.to_url(**{name: "" if picked == default else picked})
    return str(picked)


def coded(found: Result, side: str, units: Units) -> tuple[list[str], Column]:
    """(names, int64[trades]): which of the names each trade has; a name is what the trades page's address takes."""
    trades = found.trades
    if side in ("strategy", "symbol"):
        names = sorted({str(slot[side]) for slot in found.slots})
        place = {slot["id"]: names.index(str(slot[side])) for slot in found.slots}
        ids = np.array(sorted(place), np.int64)
        return names, np.array([place[int(i)] for i in ids], np.int64)[np.searchsorted(ids, trades["slot_id"])]
    if side == "exit":
        names, which = np.unique(trades["exit_reason"].astype(str), return_inverse=True)
        return names.tolist(), which
    if side == "side":
        return ["long", "short"], (trades["direction"] < 0).astype(np.int64)
    hours = units.local(trades["entry_ts"]) // HOUR
    return (
        ([f"{hour:02d}" for hour in range(24)], hours % 24) if side == "hour" else (list(DAYS), (hours // 24 + 3) % 7)
    )


def _said(side: str, name: str) -> str:
    return {"strategy": formats.strategy, "exit": formats.exit_reason}.get(side, str)(name)


def _values(found: Result, units: Units) -> tuple[Column, str]:
    trades = found.account.trades
    return trades.pnl * units.each(trades, found.account.curve.start), WORDS[units.unit]


def _table(made: attribution.Pivot, shows: str) -> Any:
    some = made.count > 0
    with np.errstate(divide="ignore", invalid="ignore"):
        choices = {
            "pnl": made.total,
            "count": made.count,
            "won": made.wins / made.count * 100,
            "mean": made.total / made.count,
        }
    return np.where(some, choices[shows], np.nan)


def address(page: ui.Page, span: Period, chosen: dict[str, str]) -> dict[str, str]:
    """The trades page's address for a cell; hours and weekdays have no filter there and are left out."""
    query = {name: value for name, value in chosen.items() if name in ("strategy", "symbol", "exit", "side")}
    if not span.whole:
        query |= {"from": _day(span.since), "to": _day(span.until)}
    return {"run": str(page.run["name"]), **query}


def _day(ts: int) -> str:
    return datetime.fromtimestamp(ts / 1000, UTC).strftime("%Y-%m-%d")
