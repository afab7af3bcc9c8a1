"""What the page of limits asks: the machine as it stood at the newest commit, how much of each limit is in use, and what past
trips saved or cost. Reads; the rules are the kernel's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import streamlit as st
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from app import data, signals_data
from db.models import Snapshot
from db.queries import rows, scalar
from engine.core.limit_use import LimitUse, limit_use
from engine.core.machine import Machine
from engine.core.setup import Setup
from engine.research.signal_book import OWN, SignalBook

NEWEST = "SELECT max(id) FROM snapshot WHERE run_id = :run"
TRIPS = """SELECT e.seq, e.ts, e.breaker, e.scope, e.slot_id, e.action, e.level, e.value, e.threshold, e.numbers, e.reason,
    e.until_ts, s.strategy, s.symbol, s.timeframe_ms, s.label
    FROM breaker_event e LEFT JOIN slot s ON s.id = e.slot_id WHERE e.run_id = :run ORDER BY e.seq LIMIT 20000"""


@dataclass(frozen=True, eq=False)
class Standing:
    """A run's machine at its newest commit; `ts` is exchange time in ms UTC."""

    machine: Machine
    ts: int
    uses: tuple[LimitUse, ...]


def standing(engine: Engine, run_id: int) -> Standing | None:
    """None where the run has no snapshot (a backtest, or an engine that never committed) or one of another program."""
    newest = scalar(engine, NEWEST, {"run": run_id})
    return _standing((data._place(engine), int(newest)), engine) if newest else None


@st.cache_resource(show_spinner="Reading the limits", max_entries=4)
def _standing(stamp: tuple[Any, int], _engine: Engine) -> Standing | None:
    with Session(_engine) as session:
        found = session.get(Snapshot, stamp[1])
        if found is None:
            return None
        setup, state, layout, ts = found.extra.get("setup"), found.state, found.layout, found.exchange_ts
    try:
        machine = Setup.from_json(setup).machine()
        machine.restore(state, layout)
    except (KeyError, TypeError, ValueError):
        return None
    return Standing(machine, int(ts), tuple(limit_use(machine)))


@dataclass(frozen=True)
class Trip:
    """One trip with its end, how it came and in which words, and the entries it blocked: `followed` of them are judged; `net` is
    what they would have lost less what they would have made, in quote currency (above zero: the trip paid), None where none is
    judged."""

    row: Mapping[str, Any]
    ended: int | None
    how: str
    why: str
    blocked: int
    followed: int
    net: float | None


def trips(engine: Engine, run_id: int) -> list[Trip]:
    """Newest first."""
    events = rows(engine, TRIPS, {"run": run_id})
    stamp = (*signals_data.stamp(engine, run_id), events[-1]["seq"] if events else 0)
    return _trips(stamp, engine, run_id) if events else []


@st.cache_resource(show_spinner=False, max_entries=4)
def _trips(stamp: tuple[Any, ...], _engine: Engine, run_id: int) -> list[Trip]:
    events = rows(_engine, TRIPS, {"run": run_id})
    book = signals_data.book(_engine, run_id)
    found = []
    for number, event in enumerate(events):
        if event["action"] != "trip":
            continue
        same = (
            later
            for later in events[number + 1 :]
            if later["breaker"] == event["breaker"] and later["action"] != "trip"
        )
        end = next(same, None)
        ended = int(end["ts"]) if end else None
        how, why = (end["action"], end["reason"] or "") if end else ("", "")
        found.append(Trip(event, ended, how, why, *_judged(book, event, ended)))
    return found[::-1]


def _judged(book: SignalBook, event: Mapping[str, Any], ended: int | None) -> tuple[int, int, float | None]:
    """(entries blocked while the trip held, how many of them are followed up, what that saved)."""
    decided = book.raw["decided_ts"]
    rule = book.facets["rule"]
    named = rule.where(f"breaker {str(event['breaker']).partition(':')[0]}")
    mine = book.entry & named & (decided >= event["ts"]) & (decided <= (ended if ended is not None else 2**62))
    if event["scope"] == "slot":
        mine &= book.raw["slot_id"] == event["slot_id"]
    elif event["scope"] == "symbol":
        mine &= book.facets["symbol"].where(str(event["breaker"]).partition(":")[2])
    money = (book.returns(OWN) * book.notional)[mine]
    known = money[np.isfinite(money)]
    return int(mine.sum()), int(known.size), float(-known.sum()) if known.size else None
