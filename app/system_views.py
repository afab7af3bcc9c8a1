"""Parts of the System page: how long things take, what waits, what comes by itself, the log, and the bundle for a question."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from app import formats, tables, ui
from app.bundle import bundle
from app.clock import now_ms
from app.read import logs, overview, runs, upkeep
from db.session import data_folder
from engine.access.redact import known, redacted

TIMED = {
    "decision": ("Price to decision", "from a frame's arrival in the engine to the decisions on the bar it closed"),
    "to_commit": ("Decision to database", "from the decisions until they are committed"),
    "commit": ("Commit", "one transaction of the ledger, the tape's sync included"),
    "turn": ("Loop busy", "one turn of the loop: what a command waits at most"),
}
"""Durations of the status row: the name on screen, and what is timed."""
COUNTED = {
    "reconnects": "Reconnects",
    "queue": "Events that wait",
    "api_port": "API's port",
    "disk_free_mb": "Disk free, MB",
    "disk_reserve_mb": "Kept for a full disk, MB",
    "ai_calls": "AI calls",
    "ai_budget_used": "AI budget, part used",
    "limits_marked": "Limits near or over",
    "limit_worst": "Most used limit, part",
    "pings": "Pings sent",
    "pings_failed": "Pings failed",
}
SHOWN = 500


def latencies(page: ui.Page) -> None:
    """Median, 99th percentile and longest of the newest few hundred; while an engine may act, drawn again by itself."""
    status = runs.status(page.engine, page.run_id)
    told = overview.as_json(status["counters"]).get("latency") if status else None
    if not told:
        return
    rows = [
        {
            "name": name,
            "p50": _ms(told[key]["p50"]),
            "p99": _ms(told[key]["p99"]),
            "max": _ms(told[key]["max"]),
            "what": what,
        }
        for key, (name, what) in TIMED.items()
        if key in told
    ]
    columns = {
        "name": tables.text("What", width=200),
        "p50": tables.figure("Median, ms"),
        "p99": tables.figure("99 %, ms"),
        "max": tables.figure("Longest, ms"),
        "what": tables.text("What is timed", width="large"),
    }
    frame = tables.frame_of(rows, list(columns))
    tables.heading(
        "How long things take", "latencies", frame, "in the engine, on this machine's clock: the newest 512 of each"
    )
    tables.table(frame, columns, key="latencies")


def _ms(value: float) -> str:
    return formats.number(value, 0 if value >= 100 else 1 if value >= 10 else 2)


def counts(counters: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What the engine counts, in words, without what is shown elsewhere."""
    plain = {
        name: value
        for name, value in counters.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }
    named = [
        (words, f"{plain.pop(name):,}" if name != "api_port" else _port(plain.pop(name)))
        for name, words in COUNTED.items()
        if name in plain
    ]
    return [*named, *((formats.words(name).capitalize(), f"{value:,}") for name, value in plain.items())]


def _port(port: float) -> str:
    return f"{port:g}" if port else "closed"


def queues(page: ui.Page) -> None:
    """Jobs and alerts that are not done."""
    now = now_ms()
    rows = [
        {**row, "oldest": formats.duration(now - row["oldest"]) if row["oldest"] else formats.DASH}
        for row in upkeep.queues(page.engine)
    ]
    columns = {
        "what": tables.text("Queue"),
        "count": tables.amount("Count", digits=0),
        "oldest": tables.figure("Oldest waits"),
    }
    frame = tables.frame_of(rows, list(columns))
    tables.heading("Queues", "queues", frame)
    tables.table(frame, columns, key="queues")


def scheduled(page: ui.Page) -> None:
    """Work that comes by itself."""
    columns = {
        "name": tables.text("Work"),
        "last_ts": tables.moment("Last"),
        "state": tables.text("Went"),
        "next_ts": tables.moment("Next", "UTC; empty: when there is a reason, or as another table says"),
        "message": tables.text("What came of it", width="large"),
    }
    frame = tables.frame_of(upkeep.scheduled(page.engine), list(columns))
    for name in ("last_ts", "next_ts"):
        frame[name] = tables.utc(frame[name])
    tables.heading(
        "Work by the clock", "scheduled", frame, "What was due while the engine was away is done once after its start"
    )
    if frame.empty:
        st.caption("Nothing yet: the engine's first start sets the clock.")
    else:
        tables.table(frame, columns, key="scheduled")


def log(page: ui.Page) -> None:
    """The log's newest records, by level and words; the chosen one whole."""
    file, level, find = _chosen_log()
    text = redacted(logs.tail(data_folder(), file), known())
    found = logs.lines(text, level, find, SHOWN)
    rows = [{"ts": line.ts, "level": line.level, "source": line.source, "words": line.words} for line in found]
    columns = {
        "ts": tables.moment("Time", seconds=True),
        "level": tables.text("Level", width=80),
        "source": tables.text("From", width=100),
        "words": tables.text("Words", width="large"),
    }
    frame = tables.frame_of(rows, list(columns))
    frame["ts"] = tables.utc(frame["ts"])
    tables.heading(
        "Log", "log", frame, f"the newest {SHOWN} records, newest first; passwords, tokens and keys are masked"
    )
    _log_filters()
    if frame.empty:
        st.caption(
            "No such record."
            if text
            else "There is no log here yet: the engine writes it into logs in the data folder."
        )
        return
    chosen = tables.table(frame, columns, key="log", height=tables.tall(len(frame)), select=True)
    if chosen is not None and chosen < len(found):
        st.code(found[chosen].text, language=None, wrap_lines=True)


def _chosen_log() -> tuple[str, str, str]:
    """(file, level, words) as the filters, or before them the address, have them."""
    state = st.session_state
    file = state.get("log_file") or ui.in_url("log", "engine", lambda value: value in logs.FILES)
    level = state.get("log_level") or ui.in_url("level", "info", lambda value: value in logs.LEVELS)
    find = state.get("log_find", st.query_params.get("find", ""))[:200]
    ui.to_url(log="" if file == "engine" else file, level="" if level == "info" else level, find=find)
    return file, level, find


def _log_filters() -> None:
    """Above the table: which file, from which level on, and what it holds."""
    given = st.query_params
    with st.container(horizontal=True, vertical_alignment="bottom"):
        files, levels = list(logs.FILES), list(logs.LEVELS[:4])
        st.segmented_control(
            "File",
            files,
            default=None if "log_file" in st.session_state else given.get("log", "engine"),
            key="log_file",
        )
        level = given.get("level", "info")
        st.selectbox(
            "From level", levels, index=levels.index(level) if level in levels else 1, key="log_level", width=150
        )
        st.text_input("Search", value=given.get("find", ""), key="log_find", max_chars=200, width=260)


def question(page: ui.Page) -> None:
    """One file to send along with a question."""
    with tables.section("Diagnostic bundle", "bundle"):
        st.download_button(
            "Download", lambda: bundle(page.engine, page.run_id, data_folder()), file_name="evenkeel-diagnostics.zip",
            mime="application/zip", on_click="ignore", key="bundle",
        )  # fmt: skip
    st.caption(
        "Versions, the configuration in force, the newest status rows, the log's end and a quick check of the database. "
        "Passwords, tokens and keys are taken out; trades, orders and notes are not in it."
    )
