"""The button 'Report': one page that opens offline, of a run or a stretch of its time; kept under a name and written by itself.

The report is made when it is downloaded. What is kept is a row; the worker writes the files.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st
from sqlalchemy import Engine

from app import jobs
from app.clock import now_ms
from db.errors import StorageError
from engine.research import report, report_plans
from engine.research.report_data import Ask, ReportError

LOOK_BACK = {0: "all there is", 1: "a day", 7: "a week", 30: "30 days", 90: "90 days"}
EVERY = {"never": "by hand only", "daily": "every UTC day", "weekly": "every Monday"}


def button(
    engine: Engine, run: Mapping[str, Any], strategies: Sequence[str], key: str, since: int = 0, until: int = 0
) -> None:
    """Where it is drawn: choose sections and a strategy, download, or keep the choice and have it written by itself."""
    with st.popover("Report", help="one HTML file with charts that opens anywhere, offline", key=f"report_{key}"):
        picked = st.multiselect(
            "Sections", list(report.SECTIONS), format_func=report.TITLES.__getitem__, key=f"report_sections_{key}",
            placeholder="all of them",
        )  # fmt: skip
        strategy = ""
        if len(strategies) > 1:
            names = ["", *strategies]
            strategy = st.selectbox(
                "Of", names, format_func=lambda name: name or "the whole account", key=f"report_strategy_{key}"
            )
        ask = Ask(
            int(run["id"]), str(strategy), since, until, tuple(name for name in report.SECTIONS if name in picked)
        )
        st.download_button(
            "Download", lambda: _made(engine, ask), f"evenkeel-{_plain(run['name'])}.html", "text/html", on_click="ignore",
            key=f"report_get_{key}", type="primary", width="stretch",
        )  # fmt: skip
        st.caption("About 5 MB, made in a second or two; nothing in it asks the network.")
        _keep(engine, ask, key)
        _kept(engine, int(run["id"]), key)


def _plain(name: Any) -> str:
    return "".join(c if c.isalnum() else "-" for c in str(name)).strip("-") or "run"


def _made(engine: Engine, ask: Ask) -> bytes:
    """The file; where it cannot be made, a page that says why."""
    try:
        return report.make(engine, ask).encode()
    except ReportError as why:
        from engine.research import report_html

        return report_html.page("No report", report_html.section("No report", note=f"{why}."), charts=False).encode()


def _keep(engine: Engine, ask: Ask, key: str) -> None:
    with st.form(f"report_keep_{key}", border=False):
        name = st.text_input("Keep this choice as", key=f"report_name_{key}", placeholder="Sunday look back")
        left, right = st.columns(2)
        days = left.selectbox(
            "Looks back", list(LOOK_BACK), 2, format_func=LOOK_BACK.__getitem__, key=f"report_days_{key}"
        )
        every = right.selectbox("Written", list(EVERY), format_func=EVERY.__getitem__, key=f"report_every_{key}")
        folder = st.text_input("Folder", key=f"report_folder_{key}", placeholder="reports, in the data folder")
        if not st.form_submit_button("Keep it", width="stretch"):
            return
        plan = {
            "name": name, "run_id": ask.run_id, "strategy": ask.strategy, "days": days, "sections": ",".join(ask.sections),
            "every": every, "folder": folder.strip(), "created_ts": now_ms(),
        }  # fmt: skip
        try:
            report_plans.keep(jobs.writer(), plan)
        except (ReportError, StorageError) as why:
            st.warning(str(why))
            return
        jobs.nightly()
        st.rerun()


def _kept(engine: Engine, run_id: int, key: str) -> None:
    """Those of this run: what each is, write it now, forget it."""
    for plan in [one for one in report_plans.plans(engine) if one["run_id"] == run_id]:
        number = int(plan["id"])
        with st.container(horizontal=True, vertical_alignment="center", key=f"report_plan_{key}_{number}"):
            st.text(
                f"{plan['name']}: {LOOK_BACK.get(int(plan['days']), str(plan['days']) + ' days')}, {EVERY[plan['every']]}"
            )
            if st.button(
                "Write now", key=f"report_now_{key}_{number}", type="tertiary", help=str(plan["folder"] or "reports")
            ):
                fields = ("name", "run_id", "strategy", "days", "sections", "folder")
                args = {"plan": {name: plan[name] for name in fields}, "end": report_plans.newest(engine, run_id)}
                st.session_state["report_job"] = jobs.ask("report", args, f"report {plan['name']}")
            if st.button("Forget", key=f"report_forget_{key}_{number}", type="tertiary"):
                report_plans.forget(jobs.writer(), number)
                st.rerun()
    found = jobs.job(st.session_state.get("report_job", ""))
    if found is not None and found.open:
        jobs.watch(found.uuid)
    elif found is not None and found.state == "done":
        st.text(f"Written: {found.result.get('file', '')}")
    elif found is not None:
        jobs.ended(found)
