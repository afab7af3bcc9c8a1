"""Runs: which runs are there, live, paper and backtests, what came of each, and what was thought of it?"""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from app import (
    compare_view,
    data,
    formats,
    jobs,
    notes,
    promote_view,
    report_view,
    result_data,
    tables,
    ui,
    whatif_view,
)
from app.palette import Palette
from app.read import research_runs
from app.rooms import FOLDER
from app.tiles import Tile, halves, numbers
from db.errors import StorageError
from engine.analytics.table import figures as figures_of
from engine.research.compare import MOST, CompareError

PAGE = {"group": "Research", "title": "Runs", "place": 2, "needs_run": False}

KINDS = {"": "every kind", "backtest": "backtests", "paper": "paper", "live": "live", "imported": "imported"}
COLUMNS = {
    "name": tables.text("Run", width="medium"),
    "kind": tables.text("Kind", width=80),
    "total_return": tables.fraction("Return", "of the starting cash, net", sign=True),
    "sharpe": tables.amount("Sharpe", "of daily returns, 365 days a year; of a run that goes on, until now"),
    "max_drawdown": tables.fraction("Drawdown", "deepest, on every stored point"),
    "trades": tables.COLUMN.NumberColumn("Trades", format="localized"),
    "profit_factor": tables.amount("Profit factor"),
    "strategies": tables.text("Strategies"),
    "symbols": tables.text("Symbols"),
    "timeframe": tables.text("Bars", width=60),
    "verdict": tables.text("Verdict", "the newest, in your words"),
    "data_grade": tables.text("Data", "grade of the candles", 60),
    "from": tables.moment("From"),
    "to": tables.moment("To"),
    "params": tables.text("Parameters"),
    "made": tables.moment("Made"),
}
ALIVE = 6  # reckoned at once: each reads its whole curve the first time
LIVING = ("sharpe", "max_drawdown", "profit_factor", "win_rate")
OPEN = {"trades": "Trades", "overview": "Overview"}


def main() -> None:
    """The table; below it the chosen run with its notes."""
    page = ui.current_if_any()
    ui.title("Runs", "Every account and every backtest. Click a column's head to sort; select a row to open it.")
    working()
    try:
        found = research_runs.listed(data.database())
    except StorageError:
        found = []
    if not found:
        ui.empty(
            "There is no run yet",
            "Save a backtest on the page Backtest, or start the engine: each is a run.",
        )
        return
    found = alive(found)
    kept = filtered(found)
    if not kept:
        ui.empty("No run fits these filters", "Widen them; they are kept in the address of this page.")
        return
    chosen = listing(kept, found)
    if chosen is not None:
        detail(chosen)
        again(chosen, page.colors if page is not None else ui.colors())
        comparison(chosen, found, page.colors if page is not None else ui.colors())


def working() -> None:
    """Runs that are being made, and why the newest was not."""
    newest = jobs.recent("backtest", limit=6)
    for job in newest:
        if job.open:
            jobs.watch(job.uuid)
    if newest and newest[0].state == "failed":
        jobs.ended(newest[0])


def alive(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Runs that stored no figures, because they go on, with those of their equity and trades up to now: the newest few."""
    waiting = [run for run in found if run["sharpe"] is None and run["trades"] and run["kind"] in ("paper", "live")]
    now = {run["id"]: _until_now(run) for run in waiting[:ALIVE]}
    return [{**run, **now.get(run["id"], {})} for run in found]


def _until_now(run: dict[str, Any]) -> dict[str, Any]:
    """Only what has a value; what has none keeps its dash."""
    result = result_data.result(data.database(), int(run["id"]))
    made = result_data.kept(
        ("runs", *result.stamp), lambda: {name: one.value for name, one in figures_of(result.account, LIVING).items()}
    )
    return {name: value for name, value in made.items() if value is not None}


def filtered(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """By kind and by words in name, strategy, symbol or verdict; both live in the URL."""
    with st.grid("auto", min_column_width=160, gap="small", key="filters_runs"):
        wanted = ui.in_url("kind", "", KINDS.__contains__)
        kind = st.selectbox(
            "Kind", list(KINDS), list(KINDS).index(wanted), format_func=KINDS.__getitem__, key="runs_kind"
        )
        words = st.text_input(
            "Find", ui.in_url("find", "", lambda _: True), key="runs_find", placeholder="strategy, pair, verdict"
        )
    ui.to_url(kind=kind, find=words)
    parts = words.lower().split()
    return [row for row in found if (not kind or row["kind"] == kind) and all(part in _text(row) for part in parts)]


def _text(row: dict[str, Any]) -> str:
    return " ".join(
        str(row[name] or "") for name in ("name", "strategies", "symbols", "verdict", "params", "kind")
    ).lower()


def listing(kept: list[dict[str, Any]], found: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The table; the chosen run lives in the URL beside the one at the top of the page."""
    raw = pd.DataFrame(kept)
    shown = raw.copy()
    shown["kind"] = [f"{row['kind']}{' demo' if row['demo'] else ''}" for row in kept]
    shown["timeframe"] = [formats.timeframe(ms) if ms else "" for ms in raw["timeframe_ms"]]
    for name, source in (("from", "started_ts"), ("to", "ended_ts"), ("made", "created_ts")):
        shown[name] = tables.utc(raw[source])
    for name in ("total_return", "max_drawdown", "win_rate"):
        shown[name] = pd.to_numeric(raw[name]) * 100
    tables.heading(formats.many(len(kept), "run"), "runs", raw)
    row = tables.table(shown, COLUMNS, key=f"runs_{len(kept)}", select=True, height=tables.tall(len(kept), 13))
    names = [str(one["name"]) for one in found]
    if row is not None and row < len(kept):
        ui.to_url(open=kept[row]["name"])
        return kept[row]
    wanted = ui.in_url("open", "", names.__contains__)
    return found[names.index(wanted)] if wanted else None


def detail(run: dict[str, Any]) -> None:
    """One run: its figures, where to look further, what was written, and again on newest data."""
    with st.container(border=True, key="run_detail"):
        with tables.section("Run", "run_detail"), st.container(horizontal=True, width="content"):
            for page, label in OPEN.items():
                if st.button(label, key=f"open_{page}", help=f"open this run on the page {label}"):
                    st.session_state["run"] = run["name"]
                    st.switch_page(str(FOLDER / f"{page}.py"), query_params={"run": run["name"]})
            report_view.button(data.database(), run, _named(run), f"run_{run['id']}")
            if run["kind"] != "imported" and st.button(
                "Rerun on newest data",
                key="rerun",
                help="a backtest with the same settings over as long a span that ends with the newest candle",
            ):
                rerun(run)
        st.text(run["name"])
        figures(run)
        if run["error"]:
            st.text(run["error"])
        if run["kind"] != "imported":
            promote_view.promote(run)
        left, right = halves("notes")
        with left:
            written(run)
        with right:
            note_form(run)


def _named(run: dict[str, Any]) -> list[str]:
    """Its strategies."""
    return [name for name in str(run["strategies"]).split(", ") if name]


def comparison(run: dict[str, Any], found: list[dict[str, Any]], colors: Palette) -> None:
    """The chosen run beside others; they live in the URL by number."""
    by = {str(row["id"]): row for row in found if row["id"] != run["id"]}
    if not by:
        return
    begin = [number for number in st.query_params.get("with", "").split(",") if number in by]
    others = st.multiselect(
        "Compare with", list(by), begin, format_func=lambda number: str(by[number]["name"]), key=f"compare_{run['id']}",
        max_selections=MOST - 1, help="the chosen run is what the others are measured against",
    )  # fmt: skip
    ui.to_url(**{"with": ",".join(others)})
    if not others:
        return
    numbers_of = [int(run["id"]), *map(int, others)]
    stamp = tuple((by.get(str(n), run)["trades"], by.get(str(n), run)["total_return"]) for n in numbers_of)
    try:
        compare_view.side_by_side(data.database(), numbers_of, stamp, colors)
    except (CompareError, StorageError, ValueError) as error:
        ui.empty("These cannot be compared", str(error))


def again(run: dict[str, Any], colors: Palette) -> None:
    """The same trades under other costs, sizes and limits, for a run whose study is known; a living one as on candles."""
    study = research_runs.study_of(data.database(), int(run["id"])) if run["kind"] != "imported" else None
    if study is not None and st.toggle(
        "What if it had cost more, come later, been smaller?", key=f"whatif_{run['id']}"
    ):
        with st.container(border=True, key="run_whatif"):
            whatif_view.what_if(study, colors)


def figures(run: dict[str, Any]) -> None:
    numbers(
        [
            Tile("Return", formats.percent(run["total_return"], sign=True)),
            Tile(
                "Sharpe",
                formats.number(run["sharpe"]),
                None,
                "of daily returns, 365 days a year; a dash until two days of equity and a move are there",
            ),
            Tile("Drawdown", formats.percent(run["max_drawdown"])),
            Tile("Trades", f"{run['trades']:,}"),
            Tile("Win rate", formats.percent(run["win_rate"])),
        ],
        "run",
    )
    if run["params"]:
        st.text(run["params"])
    if run["data_grade"]:
        st.caption(f"Candles of grade {run['data_grade']}, content {(run['data_hash'] or '')[:12]}")


def written(run: dict[str, Any]) -> None:
    """Notes, newest first, as plain text."""
    found = research_runs.notes(data.database(), int(run["id"]))
    tables.section("Notes", "notes")
    if not found:
        st.caption("Nothing was written about this run yet.")
    for note in found:
        st.caption(f"{formats.when(note['created_ts'])} UTC")
        st.text(" · ".join(part for part in (note["verdict"], note["text"]) if part))


def note_form(run: dict[str, Any]) -> None:
    with st.form(f"note_{run['id']}", clear_on_submit=True):
        verdict = st.text_input(
            "Verdict", key=f"note_verdict_{run['id']}", placeholder="a word: keep, luck, too few trades"
        )
        text = st.text_area("Note", key=f"note_text_{run['id']}", height=90)
        if st.form_submit_button("Write it down"):
            try:
                stored = notes.write(int(run["id"]), text, verdict)
            except StorageError as error:
                st.warning(str(error))
                return
            if stored:
                st.rerun()
            st.warning("Write a verdict or a note first.")


def rerun(run: dict[str, Any]) -> None:
    """The same again as a job, over the newest candles that are stored."""
    study = research_runs.study_of(data.database(), int(run["id"]))
    if study is None:
        st.warning(
            "This run has not traded yet, or its candles came from a file: import that file on the page Data, and run it on "
            "the page Backtest."
        )
        return
    try:
        jobs.ask("backtest", {"study": study.to_json(), "newest": True}, f"{study.title}, newest data")
    except StorageError as error:
        st.warning(str(error))
        return
    st.rerun()


main()
