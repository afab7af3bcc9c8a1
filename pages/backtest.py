"""Backtest: what would these strategies have earned on these candles, at these costs?"""

from __future__ import annotations

from functools import partial
from typing import Any

import streamlit as st

from app import doubt_views, formats, jobs, lab_charts, lab_play, lab_views, launcher, numbers, settings, try_view, ui
from app.clock import now_ms
from app.palette import Palette
from app.rooms import FOLDER
from app.settings import Settings
from db.errors import StorageError
from db.session import data_folder
from engine.market.store import Store
from engine.research.lineage import Lineage
from engine.research.stock import DataError, Stocked, stock
from engine.research.study import Study
from engine.research.study_result import StudyResult
from engine.strategies import catalog
from engine.strategies.base import StrategyError

PAGE = {"group": "Research", "title": "Backtest", "place": 1, "needs_run": False}

DAY_MS = 86_400_000
LONG_BARS = 3_000_000


def main() -> None:
    """Form, chart and numbers; below them the trades and every statistic."""
    page = ui.current_if_any()
    colors = page.colors if page is not None else ui.colors()
    st.html(lab_charts.STYLE)
    ui.title("Backtest", "What these strategies would have earned, by the rules the engine trades by.")
    store = Store(data_folder() / "candles")
    found = stock(store)
    with st.container(key="lab"):
        left, middle, right = st.columns([1.0, 2.7, 1.05], gap="medium")
    with left, st.container(key="lab_left"), st.container(key="lab_form"):
        chosen, good = launcher.form(tuple(catalog.available()), found)
        ui.to_url(**settings.to_address(chosen))
    with middle, st.container(key="lab_middle"):
        pending()
        if not good:
            ui.empty("Nothing to show yet", "What the form marks has to be put right first.")
        if good and page is not None:
            try_view.beside(page, chosen, found, store)
        done = result(chosen, found, store) if good else None
        if done is not None:
            known = doubt_views.tried(done)
            place = answer(done, chosen, known, colors)
    if done is None:
        return
    with right, st.container(key="lab_right"):
        numbers.panel(done.figures, ranges(done))
    wanted = lab_views.below(done, ranges(done), colors)
    weigh(done, known, place)
    if wanted:
        doubt_views.evidence(done, doubt_views.judged(done, *known, fans=True), known[0], colors)


def pending() -> None:
    """Jobs of this page: being done, or ended a moment ago."""
    for job in jobs.recent("backtest", "fetch", limit=6):
        if job.open:
            jobs.watch(job.uuid)
    mine = jobs.job(st.session_state.get("lab_job", ""))
    if mine is None or mine.open:
        return
    jobs.ended(mine)
    name = str(mine.result.get("run", ""))
    if mine.state == "done" and name:
        stored(name)


def stored(name: str) -> None:
    """The run is a run like any other: where to look at it."""
    with st.container(border=True, horizontal=True, vertical_alignment="center", key="stored"):
        st.markdown("Stored as")
        st.text(name)
        for page, title in (("trades", "Trades"), ("overview", "Overview"), ("runs", "Runs")):
            if st.button(title, key=f"open_{page}", type="tertiary"):
                open_run(page, name)


def open_run(page: str, name: str) -> None:
    st.session_state["run"] = name
    st.switch_page(str(FOLDER / f"{page}.py"), query_params={"run": name})


def result(chosen: Settings, found: list[Stocked], store: Store) -> StudyResult | None:
    """What came of the settings, from the cache or in this moment; None where something is missing, which is then said."""
    series = needed(chosen, found)
    if series is None:
        return None
    first, last = settings.span(chosen, *launcher.stretch(series))
    if first >= last:
        ui.empty("The period is empty", "Its last day lies before its first, or before the first stored candle.")
        return None
    try:
        study = lab_play.study_of(chosen, first, last, store, series)
        bars = sum(one.series.quality.rows for one in series) * len(chosen.strategies)
        share = (last - first) / max(launcher.stretch(series)[1] - launcher.stretch(series)[0], 1)
        if bars * min(share, 1.0) > LONG_BARS:
            long(study, int(bars * share))
            return None
        return lab_play.played(study, chosen, store, series)
    except (DataError, StrategyError, ValueError) as error:
        ui.empty("This cannot be run", str(error))
        return None


def needed(chosen: Settings, found: list[Stocked]) -> list[Stocked] | None:
    """The series that orders will be filled on; None, with a button that fetches them, where one is not stored."""
    series, missing = launcher.series_of(chosen, found)
    if not missing:
        return series
    timeframe = chosen.fills or ("1m" if settings.STEPS[chosen.timeframe] <= 3_600_000 else chosen.timeframe)
    offer(chosen, missing, timeframe)
    return None


def offer(chosen: Settings, missing: list[str], timeframe: str) -> None:
    """The way to candles that are not here yet."""
    days = int(chosen.period) if chosen.period.isdigit() else 365
    names = ", ".join(missing)
    ui.empty(
        f"No candles of {names} are stored",
        f"{chosen.timeframe} bars are made of {timeframe} candles or finer from {chosen.exchange}. Fetching is public: no "
        "account is needed. Files you have are imported on the page Data.",
    )
    if st.button(f"Fetch {days} days of {timeframe} from {chosen.exchange}", type="primary", key="lab_fetch"):
        end = now_ms()
        args = {"exchange": chosen.exchange, "symbols": missing, "timeframe": timeframe, "base_url": ""}
        begin(
            "fetch",
            {**args, "start": end - days * DAY_MS, "end": end},
            f"{names} {timeframe}, {days} days from {chosen.exchange}",
        )


def begin(kind: str, args: dict[str, Any], title: str) -> None:
    """Ask for a job and show it."""
    try:
        st.session_state["lab_job"] = jobs.ask(kind, args, title)
    except StorageError as error:
        st.warning(str(error))
        return
    st.rerun()


def long(study: Study, bars: int) -> None:
    """Too much for a page's own run."""
    ui.empty(
        f"About {bars:,} bars: that is a job",
        "It is played and stored by the worker process; this page may be closed meanwhile, and shows it when opened again.",
    )
    if st.button("Run it", type="primary", key="lab_run"):
        begin("backtest", {"study": study.to_json()}, study.title)


def ranges(done: StudyResult) -> dict[str, tuple[float, float]]:
    return _ranges(done.study.key(), done.data_hash, done)


@st.cache_data(show_spinner=False, max_entries=64)
def _ranges(key: str, data: str, _done: StudyResult) -> dict[str, tuple[float, float]]:
    return numbers.intervals(_done.account)


def answer(done: StudyResult, chosen: Settings, known: tuple[Lineage | None, int], colors: Palette) -> Any:
    """The verdict, what it was made with, and the two charts; the place of the verdict, to be drawn again when more is known."""
    with st.container(key="verdict"):
        place = st.empty()
    waiting = doubt_views.weighed(done) is None
    with place.container():
        doubt_views.sentence(
            doubt_views.judged(done, *known), known[0], "Weighing it against random entries." if waiting else ""
        )
    ahead = st.container()
    provenance(done, chosen)
    if done.why_no_trades:
        ui.empty("No trade was closed", done.why_no_trades)
    first, last, symbol = lab_views.shown_window(done, partial(save, done))
    lab_views.picture(done, symbol, first, last, colors)
    lab_views.equity(done, first, last, colors)
    with ahead:
        doubt_views.looks_ahead(done)
    return place


def weigh(done: StudyResult, known: tuple[Lineage | None, int], place: Any) -> None:
    """The random entries, when all else stands; a slider that is moved meanwhile ends this."""
    if doubt_views.weighed(done) is not None:
        return
    before = doubt_views.judged(done, *known)
    bars = sum(len(one) for one in done.candles.values())
    if bars > doubt_views.AT_ONCE:
        with place.container():
            doubt_views.sentence(before, known[0], f"Not weighed against random entries: {bars:,} bars take a while.")
            if not st.button("Weigh it", key="lab_weigh", help="1,000 runs of the same trades, entered at random"):
                return

    def said(share: float) -> None:
        with place.container():
            doubt_views.sentence(before, known[0], f"Weighing it against 1,000 random entries, {share:.0%}.")

    doubt_views.weigh(done, said)
    with place.container():
        doubt_views.sentence(doubt_views.judged(done, *known), known[0])


def save(done: StudyResult) -> None:
    """The worker plays it once more and stores it: a page does not hold a running engine's database up."""
    begin("backtest", {"study": done.study.to_json()}, done.study.title)


def provenance(done: StudyResult, chosen: Settings) -> None:
    """What the result stands on: candles with grade and hash, the time it took, and that costs are real."""
    bars = sum(len(one) for one in done.candles.values())
    one = next(iter(done.candles.values()))
    gaps = sum(quality.gaps for quality in done.quality.values())
    parts = [
        f"{bars:,} candles of {formats.timeframe(one.timeframe_ms)}",
        f"{formats.when(done.played.start)} to {formats.when(done.played.end)} UTC",
        f"data grade {done.grade}" + (f" ({gaps:,} bars missing)" if gaps else ""),
        f"content {done.data_hash[:12]}",
        f"played in {done.seconds * 1000:,.0f} ms",
    ]
    with st.container(horizontal=True, vertical_alignment="center", key="provenance"):
        st.caption(" · ".join(parts))
        if chosen.free:
            st.badge("ZERO COST", color="orange", help="fee or slippage is zero: no exchange is that kind")


main()
