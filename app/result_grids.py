"""Tables of coloured cells: months, days, hours of the week, correlations. Numbers in, plotly figures out.

No database, no Streamlit. Colour goes from loss over nothing to gain; a number or a hover says the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from app import formats
from app.lab_charts import base
from app.palette import Palette
from app.result_charts import HALF, SLIM
from engine.analytics.calendar import Months, Week

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


ACROSS = {"side": "top", "showline": False, "zeroline": False, "ticks": "", "fixedrange": True, "tickangle": 0}
DOWN = {"autorange": "reversed", "side": "left", "ticks": "", "showgrid": False, "ticksuffix": "  ", "fixedrange": True}
"""The axes of a table of cells."""


def diverging(colors: Palette) -> list[list[Any]]:
    """From loss over nothing to gain."""
    return [
        [0.0, mixed(colors.loss, colors.ground, 0.72)],
        [0.5, colors.panel],
        [1.0, mixed(colors.gain, colors.ground, 0.72)],
    ]


def mixed(color: str, other: str, share: float) -> str:
    """So much of a colour in another: what a number can be read on."""
    parts = [(int(color[i : i + 2], 16), int(other[i : i + 2], 16)) for i in (1, 3, 5)]
    return "#" + "".join(f"{round(a * share + b * (1 - share)):02x}" for a, b in parts)


def months(made: Months, colors: Palette) -> go.Figure:
    """Years down, months across, the year's total at the end; each cell says its number."""
    table = np.column_stack([made.returns, np.full(len(made.years), np.nan), made.total]) * 100
    return matrix(
        table,
        [*formats.MONTHS, " ", "year"],
        [str(year) for year in made.years],
        colors,
        ending=" %",
        sign=True,
        height=64 + 30 * len(made.years),
        skip=12,
    )


def matrix(
    table: Any,
    across: Sequence[str],
    down: Sequence[str],
    colors: Palette,
    *,
    ending: str = "",
    digits: int = 1,
    sign: bool = False,
    height: int = HALF,
    skip: int | None = None,
    scale: Any = None,
    most: float | None = None,
    hover: str = "%{y} %{x}",
    top: bool = True,
    words: bool = True,
) -> go.Figure:
    """A table as coloured cells with their numbers in them; NaN is an empty cell."""
    values = np.asarray(table, np.float64)
    known = np.delete(values, skip, axis=1) if skip is not None else values
    reach = most or (float(np.nanmax(np.abs(known))) if np.isfinite(known).any() else 1.0) or 1.0
    text = np.where(np.isfinite(values), _numbers(values, digits, sign), "")
    figure = base(colors, height)
    figure.add_heatmap(
        z=values,
        x=list(across),
        y=list(down),
        text=text,
        texttemplate="%{text}" if words else None,
        textfont={"size": 11, "color": colors.text},
        zmin=-reach,
        zmax=reach,
        colorscale=scale or diverging(colors),
        showscale=False,
        xgap=2,
        ygap=2,
        hoverongaps=False,
        hovertemplate=f"{hover}: %{{z:{'+' if sign else ''},.{digits}f}}{ending}<extra></extra>",
    )
    figure.update_layout(
        hovermode="closest",
        dragmode=False,
        margin={"t": 24 if top else 8, "b": 8 if top else 40},
        xaxis={**ACROSS, "side": "top" if top else "bottom", "type": "category", "tickangle": 0 if top else None},
        yaxis={**DOWN, "type": "category"},
    )
    return figure


def _numbers(values: Any, digits: int, sign: bool) -> Any:
    """Short numbers for cells, with a true minus."""
    signed = "+" if sign else ""
    near = np.where(np.abs(values) < 0.5 * 10.0**-digits, 0.0, values)  # no minus before zeros
    write = np.vectorize(lambda v: f"{v:{signed if v else ''},.{digits}f}".replace("-", "\u2212"), otypes=[object])
    return write(near)


def year_of_days(days: Any, values: Any, colors: Palette, *, ending: str, sign: bool = True) -> go.Figure:
    """A calendar: weeks across, weekdays down, a day's result as its colour."""
    day = np.asarray(days, np.int64)
    column, row = (day + 3) // 7, (day + 3) % 7
    first = int(column[0])
    weeks = int(column[-1]) - first + 1
    table, words = np.full((7, weeks), np.nan), np.full((7, weeks), "", object)
    table[row, column - first] = values
    words[row, column - first] = np.array([str(one) for one in day.astype("datetime64[D]")], object)
    reach = float(np.nanpercentile(np.abs(table), 98)) or 1.0
    figure = base(colors, SLIM + 12)
    figure.add_heatmap(
        z=table,
        x=np.arange(weeks),
        y=list(DAYS),
        customdata=words,
        zmin=-reach,
        zmax=reach,
        colorscale=diverging(colors),
        showscale=False,
        xgap=2,
        ygap=2,
        hoverongaps=False,
        hovertemplate=f"%{{customdata}} %{{y}}: %{{z:{'+' if sign else ''},.2f}}{ending}<extra></extra>",
    )
    monday = (np.arange(first, first + weeks) * 7 - 3).astype("datetime64[D]")
    month = monday.astype("datetime64[M]").astype(np.int64)
    starts = np.flatnonzero(np.diff(month, prepend=month[0] - 1))
    starts = starts[np.diff(starts, append=starts[-1] + 99) > 2] if starts.size > 1 else starts
    every = max(1, len(starts) // 26)
    figure.update_layout(
        hovermode="closest",
        dragmode=False,
        margin={"t": 22, "b": 4},
        xaxis={
            **ACROSS,
            "range": [-0.5, max(weeks, 40) - 0.5],
            "tickvals": starts[::every].tolist(),
            "ticktext": [_month(month[i]) for i in starts[::every]],
        },
        yaxis={**DOWN, "tickvals": ["Mon", "Wed", "Fri", "Sun"]},
    )
    return figure


def _month(number: int) -> str:
    year, month = divmod(int(number), 12)
    return f"{formats.MONTHS[month]} {year + 1970}" if month == 0 else formats.MONTHS[month]


def hours(made: Week, values: Any, colors: Palette, *, ending: str, what: str) -> go.Figure:
    """Weekdays down, hours across; colour is the result of the trades entered then."""
    table = np.where(made.count > 0, values, np.nan)
    reach = float(np.nanpercentile(np.abs(table), 97)) if np.isfinite(table).any() else 1.0
    figure = base(colors, SLIM + 60)
    figure.add_heatmap(
        z=table,
        x=[f"{hour:02d}" for hour in range(24)],
        y=list(DAYS),
        customdata=made.count,
        zmin=-(reach or 1),
        zmax=reach or 1,
        colorscale=diverging(colors),
        showscale=False,
        xgap=2,
        ygap=2,
        hoverongaps=False,
        hovertemplate=f"%{{y}} %{{x}} h: {what} %{{z:+,.2f}}{ending}, %{{customdata}} trades<extra></extra>",
    )
    figure.update_layout(
        hovermode="closest",
        dragmode=False,
        margin={"t": 22, "b": 4},
        xaxis={**ACROSS, "type": "category", "dtick": 2},
        yaxis={**DOWN, "type": "category"},
    )
    return figure
