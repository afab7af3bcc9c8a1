"""Parts of the page Sweep beside its result: which search, going on with one that was broken off, a set's run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from app import jobs
from app.read import research_sweep
from app.rooms import FOLDER
from engine.research.grid import MOST_POINTS
from engine.research.jobs import JobView
from engine.research.optimise import MOST_TRIALS, Search
from engine.research.study import Study

METHODS = {"grid": "Grid", "random": "Random", "tpe": "TPE", "nsga2": "NSGA-II"}
HELP = (
    "Grid: every combination. Random: some of them. TPE: each set chosen by what those before it gave, for one statistic. "
    "NSGA-II: the same for two that pull apart, such as Sharpe and drawdown."
)
ASKED_ABOVE = 100_000


def method() -> tuple[int, Search | None]:
    """(how many to draw at random, 0 for all; the search, or None)."""
    chosen = st.segmented_control(
        "How", list(METHODS), default="grid", format_func=METHODS.__getitem__, key="sweep_method", help=HELP
    )  # fmt: skip
    if chosen in (None, "grid"):
        return 0, None
    most = MOST_POINTS if chosen == "random" else MOST_TRIALS
    trials = int(st.number_input("Sets", 1, most, 500 if chosen == "random" else 200, key=f"sweep_trials_{chosen}"))
    if chosen == "random":
        return trials, None
    names = list(research_sweep.METRICS)
    objectives = [_objective("Objective", names, "sharpe")]
    if chosen == "nsga2":
        objectives.append(_objective("And", [name for name in names if name != objectives[0]], "max_drawdown"))
    left, right = st.columns(2)
    least = int(left.number_input("Trades at least", 1, 10_000, 10, key="sweep_least", help="fewer count as none"))
    seed = int(
        right.number_input("Seed", 0, 1_000_000, 0, key="sweep_seed", help="the same seed asks for the same sets")
    )
    return 0, Search(chosen, tuple(objectives), trials, seed, least)


def _objective(label: str, names: list[str], first: str) -> str:
    at = names.index(first) if first in names else 0
    name = str(
        st.selectbox(label, names, at, format_func=research_sweep.METRICS.__getitem__, key=f"sweep_goal_{label}")
    )
    return name + ":min" if name in research_sweep.LEAST else name


def agreed(count: int) -> bool:
    """Whether so many sets may be run: refused above a million, asked above a hundred thousand."""
    if count > MOST_POINTS:
        st.warning(
            f"These are {count:,} sets, more than {MOST_POINTS:,}: take wider steps, or choose Random, TPE or NSGA-II."
        )
        return False
    return count <= ASKED_ABOVE or st.checkbox(f"Yes, run all {count:,} sets", key="sweep_sure")


def again(job: JobView) -> None:
    """A sweep that was cancelled or failed goes on from what it had done."""
    if job.state not in ("cancelled", "failed"):
        return
    st.caption("What it had done is kept, and counted as tried.")
    if st.button("Go on from there", key="sweep_again"):
        st.query_params["job"] = jobs.ask("sweep", dict(job.args), job.title)
        st.rerun()


def open_run(study: Study, title: str) -> None:
    """The run of this set: opened if it is stored, else stored and then opened."""
    asked = jobs.ask("backtest", {"study": study.to_json()}, title) if not _stored(study) else ""
    name = _stored(study)
    if name:
        _to_run(name)
    st.session_state["sweep_opening"] = asked
    st.rerun()


def opening() -> None:
    """A run on its way: how far it is, and its page as soon as it is stored."""
    uuid = str(st.session_state.get("sweep_opening", ""))
    found = jobs.job(uuid)
    if found is None:
        return
    jobs.watch(uuid)
    if not found.open:
        st.session_state["sweep_opening"] = ""
        if found.state == "done":
            _to_run(str(found.result["run"]))


def _to_run(name: str) -> None:
    st.session_state["run"] = name
    st.switch_page(str(FOLDER / "performance.py"), query_params={"run": name})


def _stored(study: Study) -> str:
    """The name of the run that a job has stored of this study; "" for none."""
    wanted: Mapping[str, Any] = study.to_json()
    for job in jobs.recent("backtest", limit=200):
        if job.state == "done" and job.args.get("study") == wanted and job.result.get("run"):
            return str(job.result["run"])
    return ""
