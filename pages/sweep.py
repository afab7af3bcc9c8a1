"""Sweep: how does the result hang on the parameters, and is what looks best more than the best of many?"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from app import formats, jobs, lab_charts, launcher, numbers, settings, sweep_views, tables, ui
from app.charts import CONFIG
from app.forms import declared, from_text
from app.palette import Palette
from app.read import research_sweep
from app.rooms import FOLDER
from app.settings import Settings
from db.errors import StorageError
from db.session import data_folder
from engine.analytics.table import DEFINITIONS
from engine.market.store import Store
from engine.research import work_sweep
from engine.research.jobs import JobView
from engine.research.optimise import Search, front_of, ranked, search_of
from engine.research.space import Space
from engine.research.stock import DataError, stock
from engine.research.study import Study
from engine.research.sweep_doubt import Judged, never_trades
from engine.research.sweep_table import Table
from engine.strategies import catalog
from engine.strategies.base import StrategyError

PAGE = {"group": "Research", "title": "Sweep", "place": 3, "needs_run": False}

SHOWN = 200
AXES = 4
FIELDS = {"slippage_bps": "slippage", **{n: n for n in ("stop", "target", "trail", "breakeven", "time_stop", "size", "maker",
          "taker", "delay", "max_positions", "max_gross")}}  # fmt: skip


def main() -> None:
    """What is varied on the left, what came of it on the right."""
    page = ui.current_if_any()
    colors = page.colors if page is not None else ui.colors()
    st.html(lab_charts.STYLE)
    ui.title("Sweep", "Many parameter sets over the same candles. The last fifth of them stays sealed: no set sees it.")
    store = Store(data_folder() / "candles")
    with st.container(key="lab"):
        left, right = st.columns([1.0, 3.4], gap="medium")
    with left, st.container(key="lab_left"), st.container(key="lab_form"):
        form(store)
    with right, st.container(key="lab_middle"):
        job = chosen_job()
        if job is not None and job.state == "done":
            sweep_views.opening()
            result(job, store, colors)
        elif job is not None:
            sweep_views.again(job)


def base() -> Settings | None:
    """What is varied around: what the page Backtest was set to last, or its beginning."""
    found = stock(Store(data_folder() / "candles"))
    if not found:
        return None
    return launcher.first_values(tuple(catalog.available()), found)


def form(store: Store) -> None:
    """Axes around the backtest's settings, how many sets that makes, and the button."""
    start = base()
    if start is None:
        ui.empty(
            "No candles are stored yet",
            "Fetch some on the page Data; then set a backtest up, and vary it here.",
            leads="data",
        )
        return
    st.caption(f"Around {settings.title(start)}, {settings.PERIODS[start.period]}, as the page Backtest is set.")
    try:
        study = _study(start, store)
        space = Space(study)
    except (DataError, StrategyError, ValueError) as error:
        st.warning(str(error))
        return
    names = list(space.dimensions)
    begin = [name for name in space.parameters if space.parameters[name].kind == "int"][:2] or names[:1]
    varied = st.multiselect(
        "Vary", names, begin, max_selections=AXES, key="sweep_vary", help="parameters, costs, size and exits"
    )
    axes = [f"{name}={axis_field(space, name)}" for name in varied]
    try:
        draws, search = sweep_views.method()
        count = work_sweep.size_of(study, axes, draws, search)
    except ValueError as error:
        st.warning(str(error))
        return
    sure = sweep_views.agreed(count)
    what = f"{count:,} {'trials' if search else 'sets'}"
    if st.button(f"{'Search' if search else 'Sweep'} {what}", type="primary", key="sweep_do", width="stretch",
                 disabled=not sure):  # fmt: skip
        _ask(start, study, axes, draws, search, what)


def _ask(start: Settings, study: Study, axes: list[str], draws: int, search: Search | None, what: str) -> None:
    """A job for it, which this page then follows."""
    args = {"study": study.to_json(), "axes": axes, "draws": draws, "address": settings.to_address(start),
            "search": search.to_json() if search else None}  # fmt: skip
    how = f"{sweep_views.METHODS[search.method]}, " if search else ""
    try:
        ui.to_url(job=jobs.ask("sweep", args, f"{settings.title(start)}: {how}{what}"))
    except StorageError as error:
        st.warning(str(error))
        return
    st.rerun()


def axis_field(space: Space, name: str) -> str:
    """from:to:step, or values."""
    one = space.dimensions[name]
    return st.text_input(name, _suggested(one), key=f"sweep_axis_{name}", help=f"{one.words or name}: {one.allowed}. Write "
                         "from:to:step, or values with commas").strip()  # fmt: skip


def _suggested(one: Any) -> str:
    if one.kind == "choice":
        return ",".join(str(choice) for choice in one.choices)
    now = float(one.default or 0) or 10.0
    low, high = (
        max(now / 2, one.low if one.low is not None else 0),
        min(now * 3, one.high if one.high is not None else now * 3),
    )
    if one.kind == "int":
        step = max(int((high - low) / 12), 1)
        return f"{max(int(low), 1)}:{int(high)}:{step}"
    step = float(f"{(high - low) / 10:.1g}") or 0.1
    return f"{float(f'{max(low, step):.2g}'):g}:{float(f'{high:.2g}'):g}:{step:g}"


def _study(start: Settings, store: Store) -> Study:
    """The base study over the whole period that is set."""
    mine = [one for one in stock(store) if one.series.exchange == start.exchange and one.series.symbol in start.symbols]
    if not mine:
        raise DataError(
            f"no candles of {', '.join(start.symbols)} from {start.exchange} are stored: fetch them on the page Data"
        )
    ends = [(one.series.quality.end or 0) + one.series.quality.timeframe_ms for one in mine]
    first, last = settings.span(start, min(one.series.quality.start or 0 for one in mine), max(ends))
    params = {
        name: {f.name: from_text(f, str(start.params.get(name, {}).get(f.name, f.default)))
               for f in declared(catalog.load(name).Params)}
        for name in start.strategies
    }  # fmt: skip
    return settings.study_of(replace(start, params=params), first, last, {})


def chosen_job() -> JobView | None:
    """The one in the address, else the newest."""
    nothing = (
        "Nothing was swept yet",
        "Choose what to vary, then press Sweep. A worker runs the sets; this page may be closed meanwhile.",
    )
    return jobs.choose("sweep", "Sweep", _job_label, nothing)


def _job_label(job: JobView) -> str:
    return f"{formats.when(job.created_ts)} · {job.title} · {job.state}"


def result(job: JobView, store: Store, colors: Palette) -> None:
    """The chosen statistic over all sets: map, table, lines, scatter."""
    try:
        table = work_sweep.table_of(job.result, data_folder() / "sweeps")
    except OSError:
        ui.empty("The table of this sweep is gone", "Its file in the data folder was deleted; run it again.")
        return
    metric = st.segmented_control(
        "Statistic", list(research_sweep.METRICS)[:7], default="sharpe", format_func=research_sweep.METRICS.__getitem__,
        key="sweep_metric", label_visibility="collapsed",
    ) or "sharpe"  # fmt: skip
    order = ranked(table, metric)
    known = order[np.isfinite(table.column(metric)[order].astype(float))]
    if not known.size:
        nothing(job, table, metric, store)
        return
    headline(job, table, int(known[0]), metric, store)
    names = research_sweep.varied(table)
    clicked = field(table, names, metric, colors) if len(names) > 1 else None
    picked = listing(table, known, metric)
    picked = clicked if picked is None else picked
    open_set(job, table, picked if picked is not None else int(known[0]), named=picked is not None)
    two = search_of(table)
    with st.expander("Lines through all sets, and any two statistics", expanded=two is not None and len(two.names) > 1):
        lines(table, names, metric, colors)


def nothing(job: JobView, table: Table, metric: str, store: Store) -> None:
    """Why there is nothing to see."""
    if not len(table):
        ui.empty(
            "No set was run", f"All {table.total:,} break a constraint between the parameters: choose other values."
        )
        return
    made = _judged(job.uuid, 0, store, job) if never_trades(table) else None
    why = (
        made.silence
        if made is not None
        else "Too few trades or days for it: choose another statistic, or a longer period."
    )
    ui.empty(f"No set has a {research_sweep.METRICS[metric]}", why)


def headline(job: JobView, table: Table, best: int, metric: str, store: Store) -> None:
    """The highest set with what it was chosen from: no set is called best without that."""
    judged = _judged(job.uuid, best, store, job)
    left = f"{len(table):,} sets run, {table.excluded:,} broke a constraint, {table.failed:,} could not be run"
    search = search_of(table)
    if search is not None:
        left += f", {table.total - table.excluded - len(table):,} asked for again"
    if judged is None:
        st.caption(left)
        return
    made = judged.doubt
    words = {"none": "NO EDGE SHOWN", "weak": "WEAK", "fair": "FAIR", "strong": "STRONG"}[made.verdict.grade]
    with st.container(key="verdict"):
        st.html(f'<span class="ek-grade {made.verdict.grade}">{words}</span>')
        value = _shown(metric, table.column(metric)[best])
        st.markdown(f"Highest {research_sweep.METRICS[metric]} of all: **{value}** at {_point(table.point(best))}")
        st.markdown(made.verdict.sentence.replace("$", r"\$").replace("~", r"\~"))
    figures = (made.deflated_sharpe, made.psr, made.pbo, made.min_track_record)
    parts = [f"{_labels(one.name)} {_shown(one.name, one.value)}" for one in figures]
    st.caption(f"{made.trials:,} variants were ever tried on these candles · {' · '.join(parts)} · {left}")


def _labels(name: str) -> str:
    known = {
        "deflated_sharpe": "deflated Sharpe",
        "pbo": "probability of overfitting",
        "psr": "probability of a true Sharpe",
    }
    return known.get(name, DEFINITIONS[name].label.lower() if name in DEFINITIONS else formats.words(name))


def _shown(name: str, value: Any) -> str:
    unit = (
        DEFINITIONS[name].unit if name in DEFINITIONS else "fraction" if name in ("deflated_sharpe", "pbo") else "ratio"
    )
    return numbers.written(unit, None if value is None else float(value))


def _point(point: dict[str, Any]) -> str:
    return ", ".join(
        f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}" for name, value in point.items()
    )


@st.cache_data(show_spinner="Doubting the highest", max_entries=64)
def _judged(uuid: str, row: int, _store: Store, _job: JobView) -> Judged | None:
    table = work_sweep.table_of(_job.result, data_folder() / "sweeps")
    study = Study.from_json(_job.args["study"])
    try:
        return work_sweep.doubted(study, table.point(row), table, _job.result, _store, jobs.writer())
    except (DataError, StrategyError, StorageError, ValueError):
        return None


def field(table: Table, names: list[str], metric: str, colors: Palette) -> int | None:
    """Two parameters at a time; the peak, and how it looks beside its neighbours. The set of a clicked cell, or None."""
    with st.container(horizontal=True, key="sweep_plane"):
        x = st.selectbox("Across", names, 0, key="sweep_x", width=160)
        rest = [name for name in names if name != x]
        y = st.selectbox("Up", rest, 0, key="sweep_y", width=160)
        drawn = st.segmented_control("Drawn as", ["Cells", "Contour"], default="Cells", key="sweep_drawn") or "Cells"
    cells = research_sweep.plane(table, x, y, metric)
    found = research_sweep.plateau(cells["z"])
    label = research_sweep.METRICS[metric]
    peak = found[0] if found else None
    figure = lab_charts.plane(cells, peak, (x, y, label), colors, contour=drawn == "Contour")
    state: Any = st.plotly_chart(
        figure, theme=None, key=f"sweep_map_{x}_{y}_{metric}_{drawn}", config=CONFIG, alt=f"{label} by {x} and {y}",
        on_select="rerun", selection_mode="points",
    )  # fmt: skip
    if found is not None:
        others = "" if len(names) == 2 else "; each cell is the median over the other parameters"
        st.caption(
            f"Peak {_shown(metric, found[1])}, its neighbours' median {_shown(metric, found[2])}: a peak that stands alone is "
            f"luck more often than not{others}. Click a cell to choose its highest set."
        )
    points = state["selection"]["points"] if state else []
    chosen = points[0].get("customdata") if points else None
    number = chosen[0] if isinstance(chosen, list) else chosen
    return int(number) if number is not None and 0 <= int(number) < len(table) else None


def listing(table: Table, known: Any, metric: str) -> int | None:
    """The highest sets; the chosen row's number in the table."""
    rows = known[:SHOWN]
    columns = [*table.names, *research_sweep.METRICS]
    frame = pd.DataFrame({name: table.column(name)[rows] for name in columns})
    shown = frame.copy()
    config: dict[str, Any] = {name: tables.text(name) for name in table.names}
    for name, label in research_sweep.METRICS.items():
        unit = DEFINITIONS[name].unit
        if unit == "fraction":
            shown[name] = shown[name] * 100
        config[name] = (
            tables.fraction(label) if unit == "fraction" else tables.amount(label, digits=0 if unit == "count" else 2)
        )
    for name in table.names:
        shown[name] = [f"{value:g}" if isinstance(value, float) else str(value) for value in frame[name]]
    tables.heading(
        f"Highest {min(SHOWN, len(known)):,} by {research_sweep.METRICS[metric]}", "sweep", lambda: table.data.drop_columns(
            [name for name in ("daily",) if name in table.data.column_names]).to_pandas(), "The download holds every set",
    )  # fmt: skip
    row = tables.table(shown, config, key=f"sweep_rows_{metric}", select=True, height=360)
    return int(rows[row]) if row is not None and row < len(rows) else None


def open_set(job: JobView, table: Table, row: int, *, named: bool) -> None:
    """A set as a backtest: on its page, or stored as a run."""
    point = table.point(row)
    with st.container(horizontal=True, vertical_alignment="center", key="sweep_open"):
        st.caption(("Chosen: " if named else "Highest: ") + _point(point))
        if st.button("Open as backtest", key="sweep_backtest"):
            show(job, point)
        if st.button(
            "Open its run", key="sweep_run", type="primary",
            help="stored first, where it is not; over the candles that the sweep saw, the sealed part left out",
        ):  # fmt: skip
            study = work_sweep.set_of(Study.from_json(job.args["study"]), point, job.result)
            sweep_views.open_run(study, f"{study.title}: {_point(point)}")


def show(job: JobView, point: dict[str, Any]) -> None:
    """The page Backtest, set to this point; what it cannot be set to by a field stays as it was."""
    address = {name: text for name, text in dict(job.args["address"]).items() if text}
    strategies = address.get("strategies", "sma_cross").split(",")
    for name, value in point.items():
        if name in FIELDS or name.startswith("slot."):
            address[FIELDS.get(name.removeprefix("slot."), name)] = f"{value}"
        elif name == "fee":
            address |= {"maker": f"{value}", "taker": f"{value}"}
        else:
            number, dot, rest = name.partition(".")
            address |= {f"{one}.{rest if dot and number.isdigit() else name}": f"{value}" for one in strategies}
    for key in [key for key in st.session_state if str(key).startswith("lab_")]:
        del st.session_state[key]
    st.switch_page(str(FOLDER / "backtest.py"), query_params=address)


def lines(table: Table, names: list[str], metric: str, colors: Palette) -> None:
    rows = research_sweep.sample(table, metric)
    values = table.column(metric)[rows].astype(float)
    good = np.isfinite(values)
    columns = {name: table.column(name)[rows][good] for name in names}
    label = research_sweep.METRICS[metric]
    st.plotly_chart(
        lab_charts.parallel(columns, label, values[good], colors), theme=None, key="sweep_lines", config=CONFIG
    )
    left, right = st.columns(2)
    keys, search = list(research_sweep.METRICS), search_of(table)
    first, second = search.names if search is not None and len(search.names) == 2 else ("max_drawdown", "total_return")
    x = left.selectbox(
        "Across", keys, keys.index(first), format_func=research_sweep.METRICS.__getitem__, key="sweep_sx"
    )
    y = right.selectbox("Up", keys, keys.index(second), format_func=research_sweep.METRICS.__getitem__, key="sweep_sy")
    front = front_of(table, search) if search is not None and {x, y} == set(search.names) else np.zeros(0, np.int64)
    figure = lab_charts.against(
        table.column(x)[rows], table.column(y)[rows], table.column("point")[rows],
        (research_sweep.METRICS[x], research_sweep.METRICS[y]), colors, (table.column(x)[front], table.column(y)[front]),
    )  # fmt: skip
    st.plotly_chart(figure, theme=None, key="sweep_scatter", config=CONFIG)
    if front.size:
        st.caption(f"Ringed: the {front.size:,} sets that no other beats in both.")


main()
