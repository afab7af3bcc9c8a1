"""Jobs on a page: asked for, watched in every tab, cancelled. The work is done by a worker process, which is started here where
none is alive; a page that is closed or reloaded loses nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import streamlit as st
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from app import data, formats, ui
from app.clock import now_ms
from db.errors import MissingDatabase, StorageError
from db.session import database_url, migrate, open_engine, sqlite_file
from engine.research import jobs, report_plans, worker_start
from engine.research.jobs import JobView
from engine.research.nightly import due

EVERY_S = 1.0
KINDS = {
    "backtest": "Backtest",
    "fetch": "Fetch",
    "sweep": "Sweep",
    "walk_forward": "Walk-forward",
    "compare": "Compare",
    "versus": "Backtest vs paper",
    "report": "Report",
    "outcomes": "Signals followed up",
    "promote": "Promote to config",
}


def writer() -> Engine:
    """The engine that writes jobs and notes; the database is made where there is none yet. StorageError if it cannot be."""
    try:
        data.database()
    except MissingDatabase:
        fresh = open_engine()
        migrate(fresh)
        fresh.dispose()
    url = database_url()
    file = sqlite_file(url)
    return _writer(url, file.stat().st_ino if file is not None else 0)


@st.cache_resource(show_spinner=False, max_entries=2, on_release=lambda engine: engine.dispose())
def _writer(url: str, identity: int) -> Engine:
    return open_engine(url)


def ask(kind: str, args: Mapping[str, Any], title: str) -> str:
    """Ask for work and see to it that somebody does it; the job's uuid."""
    uuid = jobs.ask(writer(), kind, args, title)
    worker_start.ensure()
    return uuid


@st.cache_data(ttl=60, show_spinner=False)
def nightly() -> None:
    """See to it that nightly comparisons that are due have somebody who does them; looked at once a minute."""
    try:
        if due(data.database(), now_ms()) or report_plans.due(data.database(), now_ms()):
            worker_start.ensure()
    except (StorageError, SQLAlchemyError):  # the page says what is wrong with the database
        return


def job(uuid: str) -> JobView | None:
    """The job of this uuid; None where there is none, or no database that can be read."""
    if not uuid:
        return None
    try:
        return jobs.job_of(data.database(), uuid)
    except StorageError:
        return None


def recent(*kinds: str, only_open: bool = False, limit: int = 20) -> list[JobView]:
    """Jobs of these kinds, newest first."""
    try:
        return jobs.jobs_of(data.database(), kinds, only_open=only_open, limit=limit)
    except StorageError:
        return []


def choose(kind: str, label: str, called: Callable[[JobView], str], nothing: tuple[str, str]) -> JobView | None:
    """The job of this kind that the address names, else the newest; what is being done shows how far it is. None where there is
    none: `nothing` says so and what to do."""
    found = recent(kind)
    if not found:
        ui.empty(*nothing)
        return None
    by = {one.uuid: one for one in found}
    wanted = ui.in_url("job", found[0].uuid, by.__contains__)
    uuid = st.selectbox(
        label, list(by), list(by).index(wanted), format_func=lambda u: called(by[u]), label_visibility="collapsed",
        key=f"{kind}_job_{by[wanted].id}_{by[wanted].state}",
    )  # fmt: skip
    ui.to_url(job=uuid)
    watch(uuid)
    return by[uuid]


def watch(uuid: str) -> None:
    """The job's strip: how far it is, and Cancel; refreshes by itself while it is open, then runs the page again."""
    found = job(uuid)
    if found is not None and found.open:
        st.fragment(_strip, run_every=EVERY_S)(uuid)
    elif found is not None:
        ended(found)


def _strip(uuid: str) -> None:
    found = job(uuid)
    if found is None or not found.open:
        st.rerun(scope="app")
        return
    now = now_ms()
    if found.state == "new" or found.silent(now):
        worker_start.ensure()
    with st.container(border=True, key=f"job_{uuid[:8]}"):
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.markdown(f"**{KINDS.get(found.kind, found.kind)}**")
            st.caption(_words(found, now))
            if st.button("Cancel", key=f"cancel_{uuid}", disabled=found.cancel):
                jobs.cancel(writer(), uuid)
                st.rerun(scope="fragment")
        st.progress(min(max(found.progress, 0.0), 1.0))


def _words(found: JobView, now: int) -> str:
    if found.cancel:
        return "ending as soon as it can"
    if found.state == "new":
        waited = formats.duration(now - found.created_ts)
        return f"{found.title} · waiting for the worker, {waited}"
    if found.silent(now):
        quiet = formats.duration(now - (found.heartbeat_ts or found.created_ts))
        return f"{found.title} · its worker was not heard for {quiet}; another takes it over"
    took = formats.duration(now - (found.started_ts or found.created_ts))
    return f"{found.message or found.title} · {formats.percent(found.progress, 0)} after {took}"


def ended(found: JobView) -> None:
    """What became of a job that is over, where that is not its result: failed and cancelled."""
    if found.state == "failed":
        with st.container(border=True, key=f"failed_{found.uuid[:8]}"):
            st.markdown(f"**{KINDS.get(found.kind, found.kind)} failed**")
            st.text(found.error or "no reason was stored")
    elif found.state == "cancelled":
        st.caption(f"{found.title or KINDS.get(found.kind, found.kind)}: cancelled.")
