"""System: is the engine well, what did it survive, what was it told, and what is in the database? Breakers stand on the page
Limits and protections."""

from typing import Any

import streamlit as st

from app import data, formats, tables, ui
from app.clock import now_ms
from app.read import overview, runs, system
from app.system_views import counts, latencies, log, question, queues, scheduled
from app.tiles import halves

PAGE = {"group": "Control", "title": "System", "place": 9}


def main(page: ui.Page) -> None:
    """Engine and database above, then what happened."""
    left, right = halves("system")
    with left:
        engine_facts(page)
    with right:
        database_facts(page)
        queues(page)
    ui.live(page, latencies, 5)
    scheduled(page)
    failures(page)
    outages(page)
    commands(page)
    log(page)
    configuration(page)
    question(page)


def pairs(rows: list[tuple[str, Any]]) -> None:
    """Names and values, plain."""
    frame = tables.frame_of([{"name": name, "value": str(value)} for name, value in rows], ["name", "value"])
    st.table(frame, border="horizontal", hide_index=True, hide_header=True)


@st.fragment(run_every=5)
def engine_facts(page: ui.Page) -> None:
    """The heartbeat's row."""
    st.subheader("Engine", anchor=False)
    status = runs.status(page.engine, page.run_id)
    if status is None:
        ui.empty(
            "No engine has run this",
            "A backtest needs none." if not page.trading else "It begins with the engine's first start.",
            "" if not page.trading else ".venv/bin/python run_engine.py run",
        )
        return
    now = now_ms()
    health = runs.health(dict(page.run), status, now)
    rows = [
        ("State", health.word + (f", {status['message']}" if status["message"] else "")),
        ("Heard", f"{formats.duration(health.heartbeat_age)} ago"),
        ("Up since", f"{formats.when(status['started_ts'])} UTC"),
        (
            "Exchange time",
            f"{formats.when(status['exchange_ts'], seconds=True)} UTC"
            + (f", {status['speed']:g} times as fast as life" if status["speed"] != 1 else ""),
        ),
        (
            "Newest bar",
            f"{formats.when(status['last_bar_ts'], seconds=True)} UTC, {formats.duration(health.data_age)} old",
        ),
        ("Feed", status["feed"] or formats.DASH),
        ("Loop lag", formats.DASH if status["lag_ms"] is None else f"{status['lag_ms']:.0f} ms"),
        ("Memory", formats.DASH if status["rss_mb"] is None else f"{status['rss_mb']:.0f} MB"),
        ("Process", f"{status['pid']} on {status['host']}, version {status['version'] or formats.DASH}"),
    ]
    counters = overview.as_json(status["counters"])
    spent = counters.pop("evaluation_ms", None)
    if spent:
        names = {s["key"]: s for s in data.slots(page.engine, page.run_id)}
        key = max(spent, key=spent.get)
        slot = names.get(key)
        who = formats.slot(slot["strategy"], slot["symbol"], slot["label"]) if slot else key
        rows.append(("Slowest strategy", f"{spent[key]:g} ms a bar, {who}"))
    pairs([*rows, *counts(counters)])


def database_facts(page: ui.Page) -> None:
    """Where it all is, and how much."""
    st.subheader("Database", anchor=False)
    facts = system.database(page.engine)
    rows = [("Kind", facts["kind"]), ("Place", facts["place"]), ("Size", _size(facts["bytes"]))]
    if "write_ahead" in facts:
        rows.append(("Write-ahead log", _size(facts["write_ahead"])))
    rows.append(("Schema", facts["schema"]))
    pairs([*rows, *((f"Rows in {table}", f"{count:,}") for table, count in data.table_sizes(page.engine).items())])


def _size(count: float | None) -> str:
    return formats.DASH if count is None else f"{count / 1e6:,.1f} MB"


def failures(page: ui.Page) -> None:
    """Slots that were stopped, and why."""
    found = system.failed_slots(page.engine, page.run_id)
    rows = [
        {
            "slot": formats.slot(s["strategy"], s["symbol"], s["label"]),
            "timeframe": formats.timeframe(s["timeframe_ms"]),
            "state": formats.words(s["state"]),
            "error": s["error"],
        }
        for s in found
    ]
    columns = {
        "slot": tables.text("Slot"),
        "timeframe": tables.text("Bars"),
        "state": tables.text("State"),
        "error": tables.text("Why", width="large"),
    }
    frame = tables.frame_of(rows, list(columns))
    tables.heading("Slots with errors", "slot-errors", frame)
    if frame.empty:
        st.caption("None: every slot's strategy runs.")
    else:
        tables.table(frame, columns, key="failed")


def outages(page: ui.Page) -> None:
    """Times without data."""
    found = overview.outages(page.engine, page.run_id, limit=500)
    rows = [
        {**row, "lasted": formats.duration(row["to_ts"] - row["from_ts"]) if row["to_ts"] else "not over"}
        for row in found
    ]
    columns = {
        "from_ts": tables.moment("From", seconds=True),
        "to_ts": tables.moment("To", seconds=True),
        "lasted": tables.text("Lasted"),
        "cause": tables.text("Cause"),
        "source": tables.text("Filled from"),
        "frames": tables.amount("Frames filled", digits=0),
        "reason": tables.text("Remark"),
    }
    frame = tables.frame_of(rows, list(columns))
    for name in ("from_ts", "to_ts"):
        frame[name] = tables.utc(frame[name])
    tables.heading(
        "Outages", "outages", frame, "What was missed warms indicators and marks equity; it never opens a position"
    )
    if frame.empty:
        st.caption("None: no time without data in this run.")
    else:
        tables.table(frame, columns, key="outages")


def commands(page: ui.Page) -> None:
    """What people asked of the engine."""
    columns = {
        "created_ts": tables.moment("Asked", seconds=True),
        "kind": tables.text("Command"),
        "source": tables.text("From"),
        "state": tables.text("State"),
        "acked_ts": tables.moment("Answered", seconds=True),
        "result": tables.text("Answer", width="large"),
    }
    frame = tables.frame_of(system.commands(page.engine, page.run_id), list(columns))
    for name in ("created_ts", "acked_ts"):
        frame[name] = tables.utc(frame[name])
    tables.heading("Commands", "commands", frame)
    if frame.empty:
        st.caption("Nobody has commanded this run yet.")
    else:
        tables.table(frame, columns, key="commands")


def configuration(page: ui.Page) -> None:
    """The configuration in force, word for word."""
    versions = system.config_versions(page.engine, page.run_id, 1)
    if versions:
        with st.expander(
            f"Configuration in force since {formats.when(versions[0]['created_ts'])} UTC ({versions[0]['hash'][:12]})"
        ):
            st.code(versions[0]["text"], language="toml")


main(ui.current())
