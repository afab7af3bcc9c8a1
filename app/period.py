"""The time that a results page looks at: a preset, or what was brushed on its chart; both in the address, ms UTC inside."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import streamlit as st

from app import ui
from app.units import Units
from engine.core.types import MS_DAY

TURN = "period_turn"
PRESETS = {"7 d": 7, "30 d": 30, "90 d": 90, "1 y": 365, "all": 0}


@dataclass(frozen=True)
class Period:
    """[since, until] in ms UTC; `whole`: everything there is."""

    since: int
    until: int
    whole: bool
    brushed: bool = False


def parse(text: str) -> int | None:
    """ms UTC of 2026-01-31, 2026-01-31T12:04 or a number of ms; None for anything else."""
    if text.isdigit():
        return int(text) if len(text) < 16 else None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return int(moment.timestamp() * 1000)


def written(ts: int) -> str:
    """As the address has it: 2026-01-31T12:04, UTC."""
    return datetime.fromtimestamp(ts / 1000, UTC).strftime("%Y-%m-%dT%H:%M")


def of_address(first: int, last: int) -> Period:
    """The address's period, within what there is from `first` to `last`. Presets count back from the last UTC day stored."""
    a, b = (parse(st.query_params.get(name, "")) for name in ("from", "to"))
    if a is not None or b is not None:
        since, until = max(first, a or first), min(last, b or last)
        if since < until:
            return Period(since, until, False, True)
    preset = PRESETS.get(st.query_params.get("range", "all"), 0)
    since = (last - 1) // MS_DAY * MS_DAY - (preset - 1) * MS_DAY if preset else first
    return Period(max(since, first), last, since <= first)


def choose(first: int, last: int, units: Units) -> Period:
    """Presets, and the brushed time with a button that lets it go."""
    now = of_address(first, last)
    wanted = None if now.brushed else st.query_params.get("range", "all")
    if st.session_state.get("period_pick") != wanted:
        st.session_state["period_pick"] = wanted if wanted in PRESETS or wanted is None else "all"
    st.segmented_control("Period", list(PRESETS), key="period_pick", label_visibility="collapsed", on_change=_preset)
    if now.brushed:
        with st.container(horizontal=True, vertical_alignment="center", gap="small", width="content"):
            st.text(f"{units.when(now.since)} to {units.when(now.until)}")
            st.button("Show all", key="period_clear", type="tertiary", on_click=clear)
    return now


def _preset() -> None:
    clear()
    picked = st.session_state.get("period_pick")
    ui.to_url(range="" if picked in (None, "all") else str(picked))


def clear() -> None:
    """Back to the preset."""
    ui.to_url(**{"from": "", "to": ""})
    _turn()


def key(name: str) -> str:
    """A chart's key that is new whenever a time was brushed or let go, so that the last drag is not taken for another one."""
    return f"{name}_{st.session_state.get(TURN, 0)}"


def _turn() -> None:
    st.session_state[TURN] = st.session_state.get(TURN, 0) + 1


def brush(state: Any, units: Units) -> bool:
    """Take over what was dragged on a time chart whose clock is `units`'; True where the page has to be drawn anew."""
    boxes = (state or {}).get("selection", {}).get("box", [])
    if not boxes or len(boxes[0].get("x", [])) < 2:
        return False
    ends = sorted(parse(str(x).replace(" ", "T")[:23]) or 0 for x in boxes[0]["x"])
    ahead = units.at(ends[0]) - ends[0]
    since, until = written(ends[0] - ahead), written(ends[1] - ahead + 59_999)
    if since == until or (st.query_params.get("from"), st.query_params.get("to")) == (since, until):
        return False
    ui.to_url(**{"from": since, "to": until})
    _turn()
    return True
