"""Statistics on screen: the ones a person looks at first, all of them, and what other tools would print. Figures in, tables out.

The convention of each stands on hover; what says little is grey, with why; what has no value is a dash, with why.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from app import formats, tables
from engine.analytics.definitions import Account
from engine.analytics.intervals import Intervals, intervals
from engine.analytics.others import others
from engine.analytics.table import DEFINITIONS
from engine.analytics.values import Figure

__all__ = ["FIRST", "SHORT", "Intervals", "everything", "frame", "intervals", "other_tools", "panel", "written"]

FIRST = (
    "total_return", "hold_return", "sharpe", "sortino", "max_drawdown", "cagr", "trades", "win_rate", "profit_factor",
    "expectancy", "exposure", "fees", "without_best", "ambiguous_trades",
)  # fmt: skip
SHORT = {
    "total_return": "Return",
    "hold_return": "Buy and hold",
    "max_drawdown": "Drawdown",
    "cagr": "Return a year",
    "trades": "Trades",
    "expectancy": "A trade",
    "exposure": "In the market",
    "without_best": "Without best",
    "ambiguous_trades": "Ambiguous",
}
SIGNED = {
    "total_return",
    "hold_return",
    "cagr",
    "max_drawdown",
    "net_profit",
    "expectancy",
    "over_hold",
    "without_best",
}


def written(unit: str, value: float | None, *, sign: bool = False) -> str:
    """A value as its unit is read."""
    if value is None:
        return formats.DASH
    if unit == "fraction":
        return formats.percent(value, sign=sign)
    if unit == "count":
        return formats.number(value, 0)
    if unit == "seconds":
        return formats.duration(value * 1000)
    if unit == "days":
        return f"{formats.number(value, 0)} d"
    return formats.number(value, sign=sign)


def panel(figures: Mapping[str, Figure], ranges: Intervals) -> None:
    """The numbers looked at first, two in a row."""
    with st.grid("auto", min_column_width=96, gap="small", key="lab_numbers"):
        for name in FIRST:
            if name in figures:
                with st.container(key=f"{'few' if figures[name].few else 'sure'}_{name}"):
                    _metric(figures[name], ranges.get(name))


def _metric(figure: Figure, between: tuple[float, float] | None) -> None:
    definition = DEFINITIONS[figure.name]
    said = [definition.sentence, *(part for part in (figure.reason, figure.few) if part)]
    note = None
    if between is not None:
        low, high = (written(definition.unit, end) for end in between)
        note = f"{low.removesuffix(' %')} to {high}"
        said.append(f"90 % interval {low} to {high}, by block bootstrap of the days")
    st.metric(
        SHORT.get(figure.name, definition.label), written(definition.unit, figure.value, sign=figure.name in SIGNED), note,
        help=". ".join(part.rstrip(".") for part in said), delta_color="off", delta_arrow="off",
    )  # fmt: skip


def frame(figures: Mapping[str, Figure], ranges: Intervals) -> pd.DataFrame:
    """Every statistic, one a row."""
    rows = []
    for name, figure in figures.items():
        definition = DEFINITIONS[name]
        low, high = ranges.get(name, (None, None))
        between = f"{written(definition.unit, low)} to {written(definition.unit, high)}" if low is not None else ""
        rows.append(
            {
                "statistic": definition.label,
                "shown": written(definition.unit, figure.value),
                "between": between,
                "note": figure.reason or figure.few or "",
                "convention": definition.sentence,
                "name": name,
                "value": figure.value,
                "low": low,
                "high": high,
                "source": definition.source,
            }
        )
    return pd.DataFrame(rows)


def everything(figures: Mapping[str, Figure], ranges: Intervals) -> None:
    """The table of all, with downloads."""
    made = frame(figures, ranges)
    tables.heading("Statistics", "statistics", made)
    columns = {
        "statistic": tables.text("Statistic"),
        "shown": tables.figure("Value"),
        "between": tables.figure("90 % interval", "stationary block bootstrap of the days"),
        "note": tables.text("Mind"),
        "convention": tables.text("How it is reckoned", width="large"),
    }
    tables.table(made, columns, key="statistics", height=420)


def other_tools(account: Account) -> None:
    """What others would print for the same account, and why that differs."""
    made = pd.DataFrame([vars(line) for line in others(account)])
    made["shown"] = [written(unit, value) for unit, value in zip(made["unit"], _values(made["value"]), strict=True)]
    made["ours"] = [DEFINITIONS[name].label if name in DEFINITIONS else "" for name in made["ours"]]
    with tables.section("Other tools would print", "others"):
        tables.downloads(made, "others")
    columns = {
        "tool": tables.text("Tool"),
        "name": tables.text("Calls it"),
        "shown": tables.figure("Prints"),
        "ours": tables.text("Nearest of ours"),
        "why": tables.text("Why it differs", width="large"),
    }
    tables.table(made, columns, key="others", height=420)


def _values(column: Any) -> Sequence[float | None]:
    return [None if pd.isna(value) else float(value) for value in column]
