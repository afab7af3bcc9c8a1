"""The costs that a paper or live run met, as a preset of the backtest's form: one button a run that was compared with candles."""

from __future__ import annotations

from typing import Any

import streamlit as st
from sqlalchemy import Engine

from app import data, formats
from app.read.overview import as_json
from db.errors import StorageError
from db.queries import rows

MOST = 3
_DONE = "SELECT id, args FROM job WHERE kind = 'versus' AND state = 'done' ORDER BY id DESC LIMIT 100"


def offer() -> None:
    """A button for each of the last runs that were compared; a click puts what they met into the form's fields."""
    for met in _found():
        st.button(
            f"As {met['run']} met: {formats.number(met['slippage_bps'])} bp", key=f"met_{met['run_id']}", on_click=_take,
            args=(met,), help=f"slippage of {met['fills']:,} market fills against their candle's open, half the spread in it; "
            "fees as they were paid",
        )  # fmt: skip


def _take(met: dict[str, Any]) -> None:
    """In a callback, before the fields are drawn; their keys and units are the launcher's."""
    st.session_state["lab_slippage"] = round(max(float(met["slippage_bps"]), 0.0), 2)
    st.session_state["lab_spread"] = 0.0
    for name in ("taker", "maker"):
        if met[name] is not None:
            st.session_state[f"lab_{name}"] = round(float(met[name]) * 100, 6)


def _found() -> list[dict[str, Any]]:
    try:
        engine = data.database()
    except StorageError:
        return []
    newest: dict[int, int] = {}
    for row in rows(engine, _DONE):
        newest.setdefault(int(as_json(row["args"]).get("run_id", 0)), int(row["id"]))
    told = (_met(engine, str(engine.url), job) for job in newest.values())
    return [one for one in told if one is not None][:MOST]


@st.cache_data(show_spinner=False, max_entries=64)
def _met(_engine: Engine, place: str, job: int) -> dict[str, Any] | None:
    (row,) = rows(_engine, "SELECT result FROM job WHERE id = :id", {"id": job})
    made = as_json(row["result"]).get("candles")
    if not made or made["costs_met"]["slippage_bps"] is None:
        return None
    return {"run": made["run"], "run_id": made["run_id"], **made["costs_met"]}
