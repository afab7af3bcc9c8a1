"""Doubt on screen: the sentence with its grade, and every test behind it. What is reckoned stands in engine.research.doubt.

The random entries take a second or two: they are weighed after everything else has been drawn, once for each result, and a
person who goes on setting something ends the weighing at once.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import pandas as pd
import streamlit as st

from app import doubt_charts, formats, jobs, tables
from app.charts import CONFIG
from app.palette import Palette
from app.tiles import Tile, halves, numbers
from db.errors import StorageError
from db.session import data_folder
from engine.analytics.carlo import Fan
from engine.analytics.table import DEFINITIONS
from engine.analytics.values import Figure, Undefined
from engine.research import seal
from engine.research.doubt import Doubt, Searched, doubt, searched
from engine.research.lineage import Lineage, count_setup, data_set_of, lineage_of, strategies_of
from engine.research.random_entries import RandomEntries, random_entries
from engine.research.searched import matrix_of, search_of
from engine.research.study_result import StudyResult

AT_ONCE = 400_000
"""Up to so many bars the entries are weighed by themselves; above, when asked to."""
METHODS = {
    "order": "another order",
    "blocks": "drawn in blocks",
    "skipped": "one in ten missed",
    "worse fills": "worse fills",
}
ASKS = {
    "sample": "Enough trades and days?",
    "days": "Luck, by days",
    "trades": "Luck, by trades",
    "t": "Mean trade far from zero?",
    "without the best": "Left without the best trade?",
    "random entries": "Better than random entries?",
    "hold": "Better than holding, for its risk?",
    "overfitting": "Overfitted?",
}


# ---- what is known -----------------------------------------------------------------------------------------------------
def tried(done: StudyResult) -> tuple[Lineage | None, int]:
    """(what was ever tried on these candles, this study counted once; how often their sealed part was opened). None, 0 where
    there is no database to count in."""
    setup, start, end = done.setup, done.played.start, done.played.end
    counted: set[str] = st.session_state.setdefault("lab_counted", set())
    key = identity(done)
    try:
        engine = jobs.writer()
        if key not in counted:
            count_setup(engine, setup, start, end, done.account.returns)
            counted.add(key)
        names = strategies_of(setup)
        opened = seal.openings(engine, sorted({slot.symbol for slot in setup.slots}), names, start, end)
        return lineage_of(engine, names, data_set_of(setup, start, end)), len(opened)
    except StorageError:
        return None, 0


def identity(done: StudyResult) -> str:
    return f"{done.study.key()} {done.data_hash}"


@st.cache_resource(show_spinner=False)
def _weights() -> OrderedDict[str, RandomEntries | str]:
    """By result: its random entries, or why there are none. Shared by all tabs."""
    return OrderedDict()


def weighed(done: StudyResult) -> RandomEntries | str | None:
    """What is known of the random entries; None where they were not weighed yet."""
    return _weights().get(identity(done))


def weigh(done: StudyResult, said: Callable[[float], None]) -> None:
    """Enter at random, 1,000 times; `said` is told the share done, and ends it by raising."""
    try:
        found: RandomEntries | str = random_entries(done.setup, done.played, done.candles, progress=said)
    except Undefined as why:
        found = str(why)
    known = _weights()
    known[identity(done)] = found
    while len(known) > 64:
        known.popitem(last=False)


def judged(done: StudyResult, found: Lineage | None, openings: int, *, fans: bool = False) -> Doubt:
    """Every reason to doubt that is known by now."""
    random = weighed(done)
    trials = found.trials if found is not None else 1
    state = random if isinstance(random, str) else "weighed" if random is not None else ""
    return _judged(identity(done), trials, openings, state, fans, done, found)


@st.cache_data(show_spinner=False, max_entries=64)
def _judged(
    key: str, trials: int, openings: int, state: str, fans: bool, _done: StudyResult, _found: Lineage | None
) -> Doubt:
    random = weighed(_done)
    return doubt(
        _done.account, _found, None, random if isinstance(random, RandomEntries) else None, openings=openings,
        why_no_random=random if isinstance(random, str) else "not weighed yet", fans=fans, known=_search(_done, trials),
    )  # fmt: skip


def _search(done: StudyResult, trials: int) -> Searched | None:
    """The sweep that this may have been chosen from."""
    try:
        job = search_of(jobs.writer(), done.setup, done.played.start, done.played.end)
    except StorageError:
        return None
    return None if job is None else _searched(job.uuid, str(job.result["file"]), trials, job)


@st.cache_data(show_spinner=False, max_entries=8)
def _searched(uuid: str, file: str, trials: int, _job: Any) -> Searched | None:
    matrix = matrix_of(_job, data_folder() / "sweeps")
    return None if matrix is None else searched(matrix, trials)


# ---- the sentence ------------------------------------------------------------------------------------------------------
def sentence(made: Doubt, found: Lineage | None, note: str = "") -> None:
    """The grade and the sentence; how often the sealed part was opened, where it matters."""
    grade = made.verdict.grade
    st.html(f'<span class="ek-grade {grade}">{formats.GRADES[grade]}</span>')
    st.markdown(formats.sentence(made.verdict.sentence) + (f" :gray[{note}]" if note else ""))
    if made.openings or (found is not None and found.searched):
        st.caption(seal.sentence(made.openings))


def looks_ahead(done: StudyResult) -> None:
    """A result of a strategy that knew the future is worth nothing, and that is said first; so is a warm-up too short."""
    found = done.look_ahead
    if not found:
        return
    early = all(" warm-up of " in text for text in found)
    words = (
        ":red[**The declared warm-up is too short.**] An engine that starts later decides otherwise than this backtest:"
        if early
        else ":red[**The strategy looks ahead: this result is worth nothing.**] With later bars taken away it says other things:"
    )
    more = f" ({len(found):,} places in all)" if len(found) > 1 else ""
    with st.container(border=True, key="look_ahead"):
        st.markdown(words)
        st.text(found[0])
        st.caption(f"Its data was cut short at some forty bars{more}. `run_engine.py check` looks everywhere.")


# ---- the evidence ------------------------------------------------------------------------------------------------------
def evidence(done: StudyResult, made: Doubt, found: Lineage | None, colors: Palette) -> None:
    """Every test behind the sentence, with what it was made from."""
    if found is not None:
        origins = ", ".join(f"{count:,} by {formats.words(name)}" for name, count in found.origins.items())
        st.caption(
            f"{formats.many(found.trials, 'variant')} tried on this data ({origins}); {found.elsewhere:,} on other data. "
            f"{seal.sentence(made.openings)}"
        )
    _figures(made)
    frame = _tests(made)
    tables.heading("Tests", "evidence", frame)
    words = tables.text("What was found", width="large")
    columns = {"test": tables.text("Test"), "result": tables.text("Result", width=90), "found": words}
    tables.table(frame, columns, key="evidence", height=tables.tall(len(frame)))
    left, right = halves("doubt")
    with left:
        _random(made, colors)
    with right:
        _carlo(made, colors)
    _ranges(made)


def _tests(made: Doubt) -> pd.DataFrame:
    names = {True: "passed", False: "failed", None: "not made"}
    rows = [
        {"test": ASKS.get(check.name, check.name), "result": names[check.passed], "found": check.text}
        for check in made.verdict.checks
    ]
    return pd.DataFrame(rows)


def _figures(made: Doubt) -> None:
    overfit = made.pbo
    numbers(
        [
            _tile("Probabilistic Sharpe", made.psr, 2, "probability that the true Sharpe is above zero"),
            _tile("Deflated Sharpe", made.deflated_sharpe, 2, f"the same above what luck shows after {made.trials:,} variants; "
                  "0.95 passes"),
            _tile("Overfitting", overfit, 2, "probability of overfitting: how often the best of one half of the days is below "
                  "the middle in the other; of the sweep over these candles", share=True),
            _tile("Track record", made.min_track_record, 0, "days needed for this Sharpe to be above zero with 95 %", " d",
                  "at least"),
            _tile("t of the trades", made.t_value, 2, "of the mean trade; 3 is asked for where many things were tried"),
            _tile("p of the trades", made.p_value, 3, "two-sided, of the mean trade: one test, without what was tried"),
        ],
        "doubt",
    )  # fmt: skip


def _tile(
    label: str, figure: Figure, digits: int, words: str, unit: str = "", note: str = "", *, share: bool = False
) -> Tile:
    if figure.value is None:
        return Tile(label, formats.DASH, None, f"{words}. No value: {figure.reason}")
    text = formats.percent(float(figure.value), 0) if share else formats.number(float(figure.value), digits) + unit
    return Tile(label, text, note or None, words)


def _random(made: Doubt, colors: Palette) -> None:
    tables.section("Entered at random, 1,000 times", "doubt_random", "the same exits, sizes and number of trades")
    if made.random is None:
        st.caption(f"Not drawn: {made.why_no_random}.")
        return
    figure = doubt_charts.entries(made.random.returns, made.random.own, colors)
    share = formats.percent(made.random.beaten, 0)
    st.plotly_chart(
        figure, theme=None, key="doubt_entries", config=CONFIG, alt=f"better than {share} of the random runs"
    )
    st.caption(f"Better than {share} of them; 95 % is asked for. What is left over is what the timing is worth.")


def _carlo(made: Doubt, colors: Palette) -> None:
    tables.section("The same trades, a thousand times over", "doubt_carlo")
    method = st.segmented_control(
        "Method", list(METHODS), default="order", format_func=METHODS.__getitem__, key="doubt_method",
        label_visibility="collapsed",
    ) or "order"  # fmt: skip
    found = made.fans.get(method, "not drawn")
    if not isinstance(found, Fan):
        st.caption(f"Not drawn: {found}.")
        return
    figure = doubt_charts.fan(found.steps, found.levels, found.ruin_at, colors)
    words = (
        f"Risk of ruin (half the account lost): {formats.percent(found.ruin)}. {formats.percent(found.lost, 0)} of the runs end "
        f"below their start; a drawdown to plan for, 1 run in 20: {formats.percent(found.fall_at(0.95))}."
    )
    st.plotly_chart(figure, theme=None, key=f"doubt_fan_{method}", config=CONFIG, alt=words)
    st.caption(words)


def _ranges(made: Doubt) -> None:
    rows = []
    for name, one in made.intervals.items():
        definition = DEFINITIONS.get(name)
        label = definition.label if definition is not None else "Mean day"
        fraction = definition is None or definition.unit == "fraction"
        write = (lambda v: formats.percent(v, 2)) if fraction else formats.number
        if isinstance(one, str):
            rows.append(
                {"statistic": label, "value": formats.DASH, "low": formats.DASH, "high": formats.DASH, "note": one}
            )
        else:
            low, high = write(one.low), write(one.high)
            note = "zero lies inside: it may be nothing" if one.low < 0 < one.high else ""
            rows.append({"statistic": label, "value": write(one.value), "low": low, "high": high, "note": note})
    frame = pd.DataFrame(rows)
    tables.heading("90 % intervals", "intervals", frame, "stationary block bootstrap of the days")
    columns = {
        "statistic": tables.text("Statistic"),
        "value": tables.figure("Value"),
        "low": tables.figure("From"),
        "high": tables.figure("To"),
        "note": tables.text("Mind", width="large"),
    }
    tables.table(frame, columns, key="intervals", height=tables.tall(len(frame)))
