"""A run to the configuration, on screen: asked for as a job, the difference shown first, written after one more click."""

from __future__ import annotations

from typing import Any

import streamlit as st

from app import formats, jobs
from db.errors import StorageError
from engine.research.jobs import JobView


def promote(run: dict[str, Any]) -> None:
    """The button, then what it would change, then what became of it."""
    mine = [job for job in jobs.recent("promote", limit=30) if job.args.get("run_id") == run["id"]]
    newest = mine[0] if mine else None
    if newest is not None and newest.open:
        jobs.watch(newest.uuid)
        return
    key = f"promote_{run['id']}"
    if st.session_state.get(key) != (newest.uuid if newest else ""):
        if st.button(
            "Promote to config", key="promote_ask",
            help="shows what would change: parameters, exits, sizes, stricter limits; nothing is written yet",
        ):  # fmt: skip
            _ask(run, key)
        return
    if newest is None or newest.state != "done":
        if newest is not None:
            jobs.ended(newest)
        return
    _result(run, newest, key)


def _result(run: dict[str, Any], done: JobView, key: str) -> None:
    found = done.result
    with st.container(border=True, key="promote_box"):
        st.text(_headline(done))
        if found["diff"]:
            st.code(found["diff"], language="diff", wrap_lines=True)
        for note in found["notes"]:
            st.text(note)
        with st.container(horizontal=True):
            if (
                found["changes"]
                and not found["written"]
                and st.button(
                    "Write it", key="promote_write", type="primary", help=f"into {found['file']}, comments kept"
                )
            ):
                _ask(run, key, write=found["digest"])
            if st.button("Close", key="promote_close"):
                st.session_state.pop(key, None)
                st.rerun()


def _headline(done: JobView) -> str:
    found = done.result
    if not found["changes"]:
        return f"{found['file']} says already what this run was made of."
    if found["written"]:
        when = formats.when(done.done_ts or done.created_ts)
        return f"Written to {found['file']} at {when} UTC. A running engine takes over what it can at the next bar."
    return f"This would change in {found['file']}. Nothing is written yet."


def _ask(run: dict[str, Any], key: str, **more: str) -> None:
    try:
        title = f"{run['name']} to the configuration"
        st.session_state[key] = jobs.ask("promote", {"run_id": int(run["id"]), **more}, title)
    except StorageError as error:
        st.warning(str(error))
        return
    st.rerun()
