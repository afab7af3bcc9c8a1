"""Tables on screen: one way to draw them, one way to download them. The page says which columns; formats live here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from app import zones
from app.export import FORMATS
from app.palette import Palette

COLUMN = st.column_config


def frame_of(rows: Sequence[Mapping[str, Any]] | Mapping[str, Any], columns: Sequence[str]) -> pd.DataFrame:
    """Rows or columns as a frame with exactly these columns, in this order."""
    return pd.DataFrame(rows if isinstance(rows, Mapping) else list(rows), columns=list(columns))


def utc(values: Any) -> Any:
    """ms UTC as moments; missing stays missing."""
    return pd.to_datetime(pd.Series(values, dtype="float64"), unit="ms", utc=True)


def written(frame: pd.DataFrame, **writers: Callable[[float | None], str]) -> None:
    """Write the named columns out, each with its writer, for columns of kind `figure`."""
    for name, write in writers.items():
        frame[name] = [write(value) for value in frame[name]]


def moment(label: str, help: str | None = None, *, seconds: bool = False) -> Any:
    """A column of times, shown in UTC."""
    return COLUMN.DatetimeColumn(
        label, help=help or "UTC", format="YYYY-MM-DD HH:mm:ss" if seconds else "YYYY-MM-DD HH:mm", timezone="UTC"
    )


def short_moment(label: str) -> Any:
    """A narrow column of times: day and minute, UTC."""
    return COLUMN.DatetimeColumn(label, help="UTC", format="DD MMM HH:mm", timezone="UTC", width=100)


def text(label: str, help: str | None = None, width: Any = None) -> Any:
    """A column of words."""
    return COLUMN.TextColumn(label, help=help, width=width)


def amount(label: str, help: str | None = None, *, digits: int = 2, sign: bool = False) -> Any:
    """A column of money or other numbers; with `sign`, plus and minus are written."""
    return COLUMN.NumberColumn(label, help=help, format=f"%{'+' if sign else ''}.{digits}f")


def fraction(label: str, help: str | None = None, *, digits: int = 2, sign: bool = False) -> Any:
    """A column of percentages (the frame holds percent, not fractions)."""
    return COLUMN.NumberColumn(label, help=help, format=f"%{'+' if sign else ''}.{digits}f %%")


def figure(label: str, help: str | None = None) -> Any:
    """A column of numbers already written out (prices, quantities: each with the digits its size needs)."""
    return COLUMN.TextColumn(label, help=help, alignment="right")


def colored(frame: pd.DataFrame, columns: Sequence[str], colors: Palette) -> Any:
    """The frame with gains and losses in their colours. For pages of a few hundred rows: styling is slow."""

    def color(value: Any) -> str:
        if not isinstance(value, (int, float)) or pd.isna(value) or value == 0:
            return ""
        return f"color: {colors.gain if value > 0 else colors.loss}"

    return frame.style.map(color, subset=[c for c in columns if c in frame.columns])


def section(title: str, key: str, help: str | None = None) -> Any:
    """A heading with room at its right end for buttons; use as a context manager to fill that room."""
    row = st.container(
        horizontal=True, vertical_alignment="bottom", horizontal_alignment="distribute", key=f"section_{key}"
    )
    row.subheader(title, help=help, anchor=False)
    return row


def heading(title: str, name: str, frame: pd.DataFrame | Callable[[], pd.DataFrame], help: str | None = None) -> None:
    """A table's heading, with the downloads of all its rows beside it."""
    with section(title, name, help):
        downloads(frame, name)


def downloads(frame: pd.DataFrame | Callable[[], pd.DataFrame], name: str) -> None:
    """CSV, JSON and Parquet of a frame, made when clicked."""
    with st.popover("Download", type="tertiary", help="every row of this table, as a file", key=f"download_{name}"):
        for label, (write, ending, mime) in FORMATS.items():
            st.download_button(
                label,
                data=_writer(frame, write),
                file_name=f"evenkeel-{name}.{ending}",
                mime=mime,
                on_click="ignore",
                width="stretch",
                key=f"download_{name}_{ending}",
            )


def _writer(frame: Any, write: Callable[[pd.DataFrame], bytes]) -> Callable[[], bytes]:
    return lambda: write(frame() if callable(frame) else frame)


def tall(rows: int, most: int = 12) -> int | str:
    """The height of a table that scrolls from `most` rows on and is no taller than its rows before."""
    return "auto" if rows < most else 29 * (most + 1)


def in_zone(columns: Mapping[str, Any]) -> dict[str, Any]:
    """The columns with times by the clock that the person chose (app.units)."""
    zone = zones.current()
    if zone == "UTC":
        return dict(columns)
    return {name: _zoned(column, zone) for name, column in columns.items()}


def _zoned(column: Any, zone: str) -> Any:
    type_config = column.get("type_config") if isinstance(column, dict) else None
    if not type_config or type_config.get("type") != "datetime":
        return column
    help = zone if column.get("help") in (None, "UTC") else column["help"]
    return {**column, "help": help, "type_config": {**type_config, "timezone": zone}}


def table(
    data: Any, columns: Mapping[str, Any], *, key: str | None = None, height: int | str = "auto", select: bool = False
) -> Any:
    """A table of the given columns. With `select`, the number of the chosen row in it, or None."""
    shared: dict[str, Any] = {
        **{"hide_index": True, "column_config": in_zone(columns), "column_order": list(columns)},
        **{"height": height, "row_height": 29, "width": "stretch", "placeholder": "–"},
    }
    if not select:
        st.dataframe(data, key=key, **shared)
        return None
    state: Any = st.dataframe(data, key=key, on_select="rerun", selection_mode="single-row", **shared)
    chosen = state["selection"]["rows"]
    return int(chosen[0]) if chosen else None
