"""Walk-forward: parameters chosen on one span and traded on the next. What is left of what the search found?"""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import pandas as pd
import streamlit as st

from app import formats, jobs, lab_charts, launcher, settings, tables, ui, walk_charts
from app.charts import CONFIG
from app.forms import declared, from_text
from app.palette import Palette
from app.read import research_walk
from app.rooms import FOLDER
from app.settings import Settings
from app.thin import thin
from app.tiles import Tile, numbers
from db.errors import StorageError
from db.session import data_folder
from engine.analytics.table import DEFINITIONS
from engine.market.store import Store
from engine.research.jobs import JobView
from engine.research.space import Space
from engine.research.stock import DataError, Stocked, stock
from engine.research.stored import NoSuchAccount, account_of_run
from engine.research.study import Study
from engine.research.walk_forward_study import Ask, candidates_of
from engine.strategies import catalog
from engine.strategies.base import StrategyError

PAGE = {"group": "Research", "title": "Walk-forward", "place": 4, "needs_run": False}

OBJECTIVES = ("sharpe", "sortino", "calmar", "total_return", "profit_factor", "expectancy", "sqn")
AXES = 4


def main() -> None:
    """What is walked on the left, what came of it on the right."""
    page = ui.current_if_any()
    colors = page.colors if page is not None else ui.colors()
    st.html(lab_charts.STYLE)
    ui.title("Walk-forward", "Parameters are chosen on one span and traded on the next: only what was traded counts.")
    found = stock(Store(data_folder() / "candles"))
    with st.container(key="lab"):
        left, right = st.columns([1.0, 3.4], gap="medium")
    with left, st.container(key="lab_left"), st.container(key="lab_form"):
        form(found)
    with right, st.container(key="lab_middle"):
        job = chosen_job()
        if job is not None and job.state == "done":
            result(job, colors)


# ---- the form ----------------------------------------------------------------------------------------------------------
def form(found: list[Stocked]) -> None:
    """Strategy, market, ranges, folds, what is chosen by; and the button."""
    if not found:
        ui.empty("No candles are stored yet", "Fetch some on the page Data, or import a file.", leads="data")
        return
    now = market(launcher.first_values(tuple(catalog.available()), found), found)
    try:
        study = study_of(now, found)
        space = Space(study)
    except (DataError, StrategyError, ValueError) as error:
        st.warning(str(error))
        return
    axes = ranges(space, now.strategies[0])
    how = folds()
    days = (study.to_ts - study.from_ts) / 86_400_000
    try:
        count = len(candidates_of(study, axes, how.draws))
    except ValueError as error:
        st.warning(str(error))
        return
    seen = "the last fifth stays sealed" if how.sealed else "the sealed fifth is opened, and that is counted"
    st.caption(f"{formats.number(days, 0)} days, {seen}. Costs, size and exits are those of the page Backtest.")
    if st.button(f"Walk {count:,} sets through {how.folds} folds", type="primary", key="walk_do", width="stretch"):
        begin(study, axes, how, settings.title(now))


def market(start: Settings, found: list[Stocked]) -> Settings:
    known = list(catalog.available())
    first = start.strategies[0] if start.strategies else known[0]
    name = st.selectbox("Strategy", known, known.index(first), format_func=formats.strategy, key="walk_strategy")
    pairs = list(dict.fromkeys((one.series.exchange, one.series.symbol) for one in found))
    mine = (start.exchange, start.symbols[0] if start.symbols else "")
    exchange, symbol = st.selectbox(
        "Market", pairs, pairs.index(mine) if mine in pairs else 0, format_func=lambda one: f"{one[1]} · {one[0]}",
        key="walk_market", help="candles that are stored; the page Data fetches more",
    )  # fmt: skip
    steps = list(settings.STEPS)
    timeframe = st.selectbox("Timeframe", steps, steps.index(start.timeframe), key="walk_timeframe")
    periods = [name for name in settings.PERIODS if name != "custom"]
    period = st.segmented_control(
        "Period", periods, default=start.period if start.period in periods else "all", key="walk_period",
        format_func=settings.PERIODS.__getitem__, help="counted back from the newest stored candle",
    )  # fmt: skip
    return replace(
        start,
        strategies=(name,),
        exchange=exchange,
        symbols=(symbol,),
        timeframe=timeframe,
        period=period or "all",
        fills="",
    )


def study_of(now: Settings, found: list[Stocked]) -> Study:
    """Over all of the period; the parameters that are not varied stay as the page Backtest has them."""
    series, missing = launcher.series_of(now, found)
    if missing:
        raise DataError(
            f"no candles of {missing[0]} are stored that make {now.timeframe} bars: fetch them on the page Data"
        )
    name = now.strategies[0]
    typed = now.params.get(name, {})
    params = {f.name: from_text(f, str(typed.get(f.name, f.default))) for f in declared(catalog.load(name).Params)}
    first, last = settings.span(now, *launcher.stretch(series))
    return settings.study_of(replace(now, params={name: params}), first, last, {})


def ranges(space: Space, strategy: str) -> list[str]:
    """What is varied, and from where to where."""
    names = list(space.dimensions)
    begin = [name for name in space.parameters if space.parameters[name].kind == "int"][:2] or names[:1]
    varied = st.multiselect(
        "Vary", names, begin, max_selections=AXES, key=f"walk_vary_{strategy}", help="parameters, costs, size and exits"
    )
    axes = []
    for name in varied:
        one = space.dimensions[name]
        text = st.text_input(
            name, launcher.suggested(one), key=f"walk_axis_{strategy}_{name}",
            help=f"{one.words or name}: {one.allowed}. Write from:to:step, or values with commas",
        )  # fmt: skip
        axes.append(f"{name}={text.strip()}")
    return axes


def folds() -> Ask:
    left, right = st.columns(2)
    count = left.number_input("Folds", 2, 50, 6, key="walk_folds", help="tests of equal length, one after another")
    train = right.number_input(
        "First training %", 10, 90, 40, 5, key="walk_train", help="of the span, before the first test"
    )
    kind = st.segmented_control(
        "Training span", ["rolling", "anchored"], default="rolling", key="walk_kind",
        help="rolling: always as long as the first; anchored: everything before the test",
    )  # fmt: skip
    metric = st.selectbox(
        "Choose by", OBJECTIVES, format_func=lambda name: DEFINITIONS[name].label, key="walk_metric",
        help="the statistic that is highest in training is taken",
    )  # fmt: skip
    opened = st.toggle(
        "Open the sealed part", key="walk_open", help="walks into the last fifth too; each opening is counted and shown"
    )
    return Ask(int(count), train / 100, anchored=kind == "anchored", metric=str(metric), sealed=not opened)


def begin(study: Study, axes: list[str], how: Ask, title: str) -> None:
    try:
        args = {"study": study.to_json(), "axes": axes, "ask": asdict(how)}
        ui.to_url(job=jobs.ask("walk_forward", args, f"{title}: {how.folds} folds"))
    except StorageError as error:
        st.warning(str(error))
        return
    st.rerun()


# ---- the result --------------------------------------------------------------------------------------------------------
def chosen_job() -> JobView | None:
    """The one in the address, else the newest."""
    nothing = (
        "Nothing was walked yet",
        "Choose what to vary, then press Walk. A worker does it; this page may be closed, and a walk that was ended goes on.",
    )
    return jobs.choose("walk_forward", "Walk", _job_label, nothing)


def _job_label(job: JobView) -> str:
    state = "" if job.state == "done" else f" · {formats.words(job.state)}"
    return f"{formats.when(job.created_ts)} · {job.title}{state}"


def result(job: JobView, colors: Palette) -> None:
    """Verdict, numbers, the stitched curve, the folds, and what each chose."""
    made = job.result
    with st.container(key="verdict"):
        grade = made["doubt"]["grade"]
        st.html(f'<span class="ek-grade {grade}">{formats.GRADES[grade]}</span>')
        st.markdown(formats.sentence(research_walk.sentence(made)))
        st.caption(formats.sentence(made["doubt"]["verdict"]))
    figures(made)
    curve(made, colors)
    listing(made)
    steady(made, colors)


def figures(made: Any) -> None:
    """What was earned, then what speaks against it."""
    _earned(made)
    _doubted(made)
    if openings := made["doubt"]["seal_openings"]:
        st.caption(f"The sealed part of these candles was opened {openings:,} times: it is part of the search by now.")


def _earned(made: Any) -> None:
    inside, outside = (research_walk.growth(made["folds"], which) for which in ("train", "test"))
    kept = made["efficiency"]
    numbers(
        [
            Tile(
                "Efficiency",
                formats.DASH if kept is None else formats.percent(kept, 0),
                None,
                made["why_no_efficiency"]
                or "growth a year in the tests over growth a year in training; half is respectable",
            ),
            Tile(
                "Training, a year",
                percent(inside),
                None,
                "of the chosen sets, all folds together; they were chosen for it",
            ),
            Tile("Tests, a year", percent(outside), None, "what was traded on days that the choice had not seen"),
            Tile("Return", percent(made["total_return"]), None, "of the stitched account, fees and slippage paid"),
            Tile(
                "Sharpe",
                number(made["sharpe"]),
                between(made["doubt"], "sharpe"),
                "of the stitched account's days; 90 % interval",
            ),
        ],
        "walk",
    )


def _doubted(made: Any) -> None:
    doubt, ahead = made["doubt"], research_walk.ahead_of(made["folds"])
    numbers(
        [
            Tile("Drawdown", percent(made["max_drawdown"]), None, "deepest of the stitched account"),
            Tile("Better than", formats.DASH if ahead is None else formats.percent(ahead, 0), "of the other sets",
                 "of all sets, those that the chosen one left behind in the tests, on average; 50 % is what chance gives"),
            Tile("Deflated Sharpe", number(doubt["deflated_sharpe"]), f"{doubt['trials']:,} tried",
                 "probability of a true Sharpe above what luck shows after so many trials; 0.95 and more passes"),
            Tile("Overfitting", formats.DASH if doubt["pbo"] is None else formats.percent(doubt["pbo"], 0), None,
                 doubt["undefined"].get("pbo") or "how often the best of one half of the days is below the middle in the other"),
            Tile("Trades", f"{made['trades'] or 0:,}", None, "closed in the tests"),
        ],
        "walk_doubt",
    )  # fmt: skip


def percent(value: float | None) -> str:
    return formats.DASH if value is None else formats.percent(value, sign=True)


def number(value: float | None) -> str:
    return formats.DASH if value is None else formats.number(value)


def between(doubt: Any, name: str) -> str | None:
    one = doubt["intervals"].get(name)
    return None if one is None else f"{formats.number(one['low'])} to {formats.number(one['high'])}"


def curve(made: Any, colors: Palette) -> None:
    """The stitched run, from the database like any other."""
    with tables.section("Out of sample, fold after fold", "walk_curve"):
        for page, title in (("trades", "Open its trades"), ("overview", "Open the run")):
            if st.button(title, key=f"walk_open_{page}", type="tertiary"):
                st.session_state["run"] = made["run"]
                st.switch_page(str(FOLDER / f"{page}.py"), query_params={"run": made["run"]})
    try:
        account = account_of_run(jobs.writer(), int(made["run_id"]))
    except (NoSuchAccount, StorageError):
        st.caption("The stitched run was deleted.")
        return
    kept = thin(account.curve.equity)
    ts, equity = account.curve.ts[kept], account.curve.equity[kept]
    figure = walk_charts.stitched(ts, equity, None, made["folds"], account.curve.start, "", colors)
    words = research_walk.sentence(made)
    st.plotly_chart(figure, theme=None, key="walk_equity", config=CONFIG, alt=words)
    hold = made["hold_return"]
    held = "" if hold is None else f" Holding the market over the same days: {formats.percent(hold, sign=True)}."
    st.caption(f"Stored as {made['run']}.{held} Fold number and its return stand above each test.")


COLUMNS = {
    "fold": tables.COLUMN.NumberColumn("Fold", width=50),
    "train": tables.moment("Trained from"),
    "test": tables.moment("Tested from"),
    "end": tables.moment("to"),
    "chosen": tables.text("Chosen"),
    "score": tables.amount("In training", "the statistic that was chosen by"),
    "train_growth": tables.fraction("A year, training", sign=True),
    "test_growth": tables.fraction("A year, test", sign=True),
    "test_return": tables.fraction("Test", "return of the test", sign=True),
    "ahead_of": tables.fraction("Better than", "of the other sets, in the test", digits=0),
    "trades": tables.COLUMN.NumberColumn("Trades", width=60),
}


def listing(made: Any) -> None:
    frame = pd.DataFrame(research_walk.rows(made))
    shown = frame.assign(
        train=tables.utc(frame["train_from"]), test=tables.utc(frame["test_from"]), end=tables.utc(frame["test_to"])
    )
    for name in ("train_growth", "test_growth", "test_return", "ahead_of"):
        shown[name] = frame[name].astype(float) * 100
    label = DEFINITIONS[made["metric"]].label
    tables.heading(f"Folds, chosen by {label}", "folds", frame)
    tables.table(shown, COLUMNS, key="folds", height=tables.tall(len(shown)))


def steady(made: Any, colors: Palette) -> None:
    """A choice that jumps about says that the surface is flat or noise."""
    found = research_walk.steadiness(made["folds"])
    left, right = st.columns([1.5, 1], gap="medium")
    with left:
        tables.section("What each fold chose", "walk_steady")
        if not found:
            st.caption("Nothing was varied: the walk shows the settings as they are.")
        else:
            words = "; ".join(f"{name}: {one['usual']} in {one['same']} folds" for name, one in found.items())
            st.plotly_chart(walk_charts.chosen(found, colors), theme=None, key="walk_chosen", config=CONFIG, alt=words)
            worst = min(int(one["same"]) for one in found.values())
            steady_words = "steady" if worst > len(made["folds"]) / 2 else "the choice jumps about, as it does on noise"
            st.caption(f"The usual value was chosen in at least {worst} of {len(made['folds'])} folds: {steady_words}.")
    with right:
        tables.section("Trained, then tested", "walk_spans")
        st.plotly_chart(walk_charts.spans(made["folds"], colors), theme=None, key="walk_spans_chart", config=CONFIG)
        kind = "everything before the test" if made["anchored"] else "a span as long as the first"
        st.caption(f"Grey: trained on {kind}. Blue: tested.")


main()
