"""The parts of the page Alerts: what needs a person, the history, one alert with its ways, the channels and their tests."""

from __future__ import annotations

from typing import Any

import streamlit as st

from app import data, formats, tables, ui
from app.clock import now_ms
from app.read import alerts
from app.read.alerts import Asked
from app.read.overview import as_json
from app.tiles import Tile, tiles
from engine.config.alerts import KINDS

SEVERITIES = ("", "critical", "warning", "info")
STATES = {"all": "All", "open": "Not acknowledged", "dead": "Dead letters", "history": "History only"}
WORDS = {
    "new": "on its way", "failed": "tried, will be tried again", "held": "held back", "sent": "sent",
    "dead": "not taken", "summed": "part of a summary",
}  # fmt: skip
CHANNEL = {"ready": "in use", "missing": "not set up", "refused": "refuses messages"}


def standing(page: ui.Page) -> None:
    """What needs a person."""
    found = alerts.counts(page.engine, page.run_id)
    seen = "acknowledge what you have seen" if found["unheard"] else "none"
    used = [row for row in alerts.channels(page.engine) if row["state"] != "missing" and row["name"] != "console"]
    refused = [str(row["title"]) for row in used if row["state"] == "refused"]
    names = ", ".join(str(row["title"]) for row in used)
    tiles(
        [
            Tile("Not acknowledged", str(found["unheard"]), seen, "critical alerts that nobody has acknowledged yet"),
            Tile("On their way", str(found["waiting"]), f"{found['held']} held back" if found["held"] else "none held back"),
            Tile("Dead letters", str(found["dead"]), "not taken by a channel" if found["dead"] else "none"),
            Tile("Channels", str(len(used)), f"refuses: {', '.join(refused)}" if refused else names or "none set up"),
        ],
        "data_alerts",
    )  # fmt: skip


def filters(page: ui.Page) -> Asked:
    """What is listed; in the address."""
    kinds = ["", *alerts.kinds(page.engine, page.run_id)]
    with st.grid("auto", min_column_width=150, gap="small", key="filters_alerts"):
        state = _choice("State", list(STATES), "state", "all", STATES.__getitem__)
        kind = _choice("Kind", kinds, "kind", "", lambda one: formats.words(one) if one else "every kind")
        severity = _choice("Severity", list(SEVERITIES), "severity", "", lambda one: one or "every severity")
    return Asked(kind, severity, state)


def _choice(label: str, options: list[str], name: str, default: str, written: Any) -> str:
    key = f"alerts_{name}"
    if st.session_state.get(key) not in options:
        st.session_state[key] = ui.in_url(name, default, options.__contains__)
    picked = str(st.selectbox(label, options, key=key, format_func=written))
    ui.to_url(**{name: "" if picked == default else picked})
    return picked


COLUMNS = {
    "ts": tables.moment("Time", seconds=True),
    "severity": tables.text("Severity", width=90),
    "kind": tables.text("Kind", width=90),
    "title": tables.text("What", width="large"),
    "went": tables.text("Went to", "channel by channel; history: it was not to be sent", width="medium"),
    "acked": tables.text("Acknowledged", width=130),
}


def history(page: ui.Page, asked: Asked) -> dict[str, Any] | None:
    """The list; the chosen alert."""
    found = alerts.alerts(page.engine, page.run_id, asked)
    rows = [
        {
            **{name: row[name] for name in ("id", "ts", "severity", "title", "body")},
            "kind": formats.words(row["kind"]),
            "went": row["went"] or "history",
            "acked": f"{formats.when(row['acked_ts'])} by {row['acked_by']}" if row["acked_ts"] else "",
        }
        for row in found
    ]
    frame = tables.frame_of(rows, ["id", *COLUMNS, "body"])
    frame["ts"] = tables.utc(frame["ts"])
    tables.heading("What was told", "alerts", frame, f"newest first, at most {alerts.LIMIT}")
    if frame.empty:
        if asked == Asked():
            ui.empty(
                "Nothing was told yet",
                "Closed trades, breakers, outages and the rest appear here as they happen. Which of them leave this machine "
                "is chosen under Channels and Settings above.",
            )
        else:
            ui.empty("No alert is like that", "Widen the filters above; they are kept in the address of this page.")
        return None
    chosen = tables.table(frame, COLUMNS, key="alerts_list", height=tables.tall(len(frame), 14), select=True)
    return None if chosen is None else found[chosen]


def opened(page: ui.Page, alert: dict[str, Any]) -> None:
    """One alert in full: its words, its ways, what can be done."""
    with st.container(border=True, key="alert_opened"):
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.text(
                f"{alert['severity']} · {formats.words(alert['kind'])} · {formats.when(alert['ts'], seconds=True)} UTC"
            )
            if not alert["acked_ts"] and page.trading:
                st.button("Acknowledge", key="alert_ack", on_click=_send, args=(page, "alert_ack", alert["id"]))
        st.text(alert["title"])
        if alert["body"]:
            st.text(alert["body"])
        for way in alert["ways"]:
            with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
                tried = f" after {formats.many(way['tries'], 'try')}" if way["tries"] > 1 else ""
                st.text(
                    f"{way['channel']}: {WORDS[way['state']]}{tried.replace('trys', 'tries')}. {way['answer']}".strip()
                )
                if way["state"] == "dead" and page.trading:
                    st.button(
                        "Send again", key=f"again_{way['id']}", on_click=_send, args=(page, "alert_resend", way["id"])
                    )
        if not alert["ways"]:
            st.caption("It was not to be sent: its kind is not in push of [alerts], or this is a demo.")


def _send(page: ui.Page, kind: str, which: int | str) -> None:
    data.send(kind, page.run_id, which=which)


def everything(page: ui.Page) -> None:
    """Buttons for all at once."""
    found = alerts.counts(page.engine, page.run_id)
    if not page.trading or not (found["unheard"] or found["dead"]):
        return
    with st.container(horizontal=True, gap="small"):
        if found["unheard"]:
            st.button("Acknowledge all", key="ack_all", on_click=_send, args=(page, "alert_ack", "all"))
        if found["dead"]:
            st.button("Send dead letters again", key="again_all", on_click=_send, args=(page, "alert_resend", "all"))


def channels(page: ui.Page) -> None:
    """Every channel: whether it is in use, what it lacks, a test and the provider's answer."""
    st.subheader("Channels", anchor=False)
    found = alerts.channels(page.engine)
    if not found:
        ui.empty(
            "No engine has looked at its channels yet",
            "They appear with the engine's start. Until then the command line tests them, engine or not:",
            ".venv/bin/python run_engine.py alerts test slack",
        )
        return
    answers = _answers(page)
    for row in found:
        with st.container(border=True, key=f"channel_{row['name']}"):
            with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
                st.markdown(f"**{row['title']}**")
                st.caption(_state(row))
                if row["state"] != "missing" and page.trading:
                    st.button("Send a test", key=f"test_{row['name']}", on_click=_test, args=(page, row["name"]))
            if row["note"]:
                st.text(row["note"] if row["state"] == "missing" else f"Last answer: {row['note']}")
            if row["name"] in answers:
                st.text(answers[row["name"]])
    st.caption("Secrets stand in my/.env alone and are never shown. docs/alerts.md leads through each channel.")


def _state(row: dict[str, Any]) -> str:
    sent = f", last message {formats.duration(now_ms() - row['sent_ts'])} ago" if row["sent_ts"] else ""
    return CHANNEL[row["state"]] + sent


def _test(page: ui.Page, name: str) -> None:
    data.send("alert_test", page.run_id, channel=name)


def _answers(page: ui.Page) -> dict[str, str]:
    """The newest test of each channel in words."""
    told: dict[str, str] = {}
    for row in reversed(alerts.tests(page.engine)):
        name = str(as_json(row["args"]).get("channel", ""))
        ago = formats.duration(now_ms() - row["created_ts"])
        if row["state"] == "new":
            told[name] = f"Test asked for {ago} ago: no answer yet"
        else:
            took = "taken" if row["state"] == "done" else "not taken"
            told[name] = f"Test {ago} ago: {took}. The provider said: {row['result']}"
    return told


def meaning() -> None:
    """What each kind of alert means."""
    frame = tables.frame_of(
        [{"kind": formats.words(kind), "meaning": words} for kind, words in KINDS.items()], ["kind", "meaning"]
    )
    with st.expander("Kinds of alerts"):
        st.table(frame, border="horizontal", hide_index=True)
