"""What evidence has changed in a run's sizes: shares of its slots on the page Strategies, weights of its sources on the page
Signals; every version with its reason, and the way back to one."""

from __future__ import annotations

from typing import Any

import streamlit as st

from app import data, formats, tables, ui
from engine.research import learning, sharing

EQUAL = {"shares": "equal shares, the default", "weights": "1 for all"}


def shares(page: ui.Page) -> None:
    """The shares in force beside equal ones, and every change; nothing for a run that never had other than equal shares."""
    made = sharing.versions(page.engine, page.run_id)
    if not made:
        return
    slots = {
        s["key"]: formats.slot(s["strategy"], s["symbol"], s["label"]) for s in data.slots(page.engine, page.run_id)
    }
    newest = made[0]
    rows = [_share(name, newest["shares"].get(key, 1.0), newest["told"].get(key, {})) for key, name in slots.items()]
    frame = tables.frame_of(rows, ["slot", "equal", "times", "seen", "shrunk", "crowd"])
    help_ = (
        "What each slot's configured size is multiplied by; limits bind as without it. Equal shares, 1, are the default"
    )
    tables.heading("Shares in force", "shares", frame, help_)
    columns = {
        "slot": tables.text("Slot", width="medium"),
        "equal": tables.amount("Equal", "the default"),
        "times": tables.amount("In force"),
        "seen": tables.amount("Sharpe seen", "when it was decided", sign=True),
        "shrunk": tables.amount("Shrunk", sign=True),
        "crowd": tables.amount("Crowd", "mean correlation with the others", sign=True),
    }
    tables.table(frame, columns, key="shares")
    _history(page, "shares", made)


def _share(name: str, times: float, told: dict[str, Any]) -> dict[str, Any]:
    return {"slot": name, "equal": 1.0, "times": times, **{one: told.get(one) for one in ("seen", "shrunk", "crowd")}}


def weights(page: ui.Page) -> None:
    """The weights in force by source and regime, and every version; nothing for a run that has learned nothing."""
    made = learning.versions(page.engine, page.run_id)
    newest = learning.newest(page.engine, page.run_id)
    if not made or newest is None:
        return
    now = [row for row in made if row["version"] == newest["version"]]
    rows = [
        {
            "source": formats.strategy(row["source"]), "regime": row["regime"] or "all", "resolved": row["resolved"],
            "won": row["won"] * 100, "mean": row["mean"] * 100, "weight": row["weight"],
            "counts": "today" if row["in_force"] else "",
        }
        for row in now
    ]  # fmt: skip
    frame = tables.frame_of(rows, ["source", "regime", "resolved", "won", "mean", "weight", "counts"])
    acts = any(row["acts"] for row in now)
    help_ = f"Shrunk to 1 by signals without an edge. They reach the strategies that ask{' and multiply sizes' if acts else ''}"
    tables.heading("What was learned", "weights", frame, help_)
    columns = {
        "source": tables.text("Source"),
        "regime": tables.text("Regime"),
        "resolved": tables.COLUMN.NumberColumn("Windows", help="signals of a symbol within 24 bars count once"),
        "won": tables.fraction("Won", digits=0),
        "mean": tables.fraction("Mean", "net of costs", sign=True),
        "weight": tables.amount("Weight"),
        "counts": tables.text("In force"),
    }
    tables.table(frame, columns, key="weights")
    versions = {row["version"]: row for row in made}
    _history(page, "weights", [versions[number] for number in sorted(versions, reverse=True)], newest)


def _history(page: ui.Page, kind: str, made: list[dict[str, Any]], newest: dict[str, Any] | None = None) -> None:
    """Every version with its reason, and going back to one of them."""
    last = newest or made[0]
    st.text(f"Version {last['version']} since {formats.when(last['ts'])}, by {_who(last)}: {last['why']}.")
    with st.expander("Every version"):
        rows = [
            {"version": one["version"], "since": formats.when(one["ts"]), "by": _who(one), "why": one["why"]}
            for one in made
        ]
        frame = tables.frame_of(rows, ["version", "since", "by", "why"])
        shown = {name: tables.text(name.capitalize()) for name in frame.columns}
        tables.table(frame, {**shown, "why": tables.text("Why", width="large")}, key=f"{kind}_versions")
        if not page.trading:
            return
        offered = [one["version"] for one in made if one["version"] != last["version"]]
        with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
            back = st.selectbox(
                "Go back to", [0, *offered], format_func=lambda n: f"version {n}" if n else EQUAL[kind],
                key=f"{kind}_back", width=260,
            )  # fmt: skip
            if st.button("Go back", key=f"{kind}_go_back", help="acts at the engine's next turn, as another version"):
                data.send(kind, page.run_id, version=int(back or 0))
                st.toast("The engine was asked; its answer stands above.")


def _who(one: dict[str, Any]) -> str:
    return "a person" if one["author"] == "person" else "the engine"
