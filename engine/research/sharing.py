"""Which shares a run's slots have earned: their trades read, the allocator asked, a change proposed. Writes nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
from sqlalchemy import Engine

from db.queries import columns, rows
from engine.analytics import allocation
from engine.analytics.allocation import Rules
from engine.analytics.calendar import daily_sums
from engine.analytics.values import Floats, Ints
from engine.core.types import MS_DAY
from engine.ledger import steering_rows

LEAST_DAYS = 30
"""Whole days that are lived through before anything is proposed."""
_SLOTS = (
    "SELECT id, key, strategy, symbol, label FROM slot WHERE run_id = :run AND state = 'enabled' ORDER BY position, id"
)
_RUN = "SELECT cash_start FROM run WHERE id = :run"
_FIRST = "SELECT min(ts) AS ts FROM equity WHERE run_id = :run AND slot_id = 0"
_TRADES = "SELECT slot_id, exit_ts, pnl FROM trade WHERE run_id = :run AND exit_ts < :until ORDER BY seq"


def returns_of(engine: Engine, run_id: int, until: int) -> tuple[list[dict[str, Any]], Ints, Floats]:
    """(the enabled slots, whole UTC days int64[d] before exchange time `until` (ms), closed P&L of each day as a part of an equal
    share of the starting capital, float64[d, slots])."""
    slots = [dict(row) for row in rows(engine, _SLOTS, {"run": run_id})]
    first = rows(engine, _FIRST, {"run": run_id})[0]["ts"]
    last = until // MS_DAY
    days = np.arange(last if first is None else int(first) // MS_DAY, last, dtype=np.int64)
    raw = columns(engine, _TRADES, {"run": run_id, "until": int(last) * MS_DAY})
    exits, pnl = raw["exit_ts"].astype(np.int64), raw["pnl"].astype(np.float64)
    equal = float(rows(engine, _RUN, {"run": run_id})[0]["cash_start"]) / max(len(slots), 1)
    mine = [raw["slot_id"] == slot["id"] for slot in slots]
    table = [daily_sums(exits[own], pnl[own], days) for own in mine]
    return slots, days, np.stack(table, axis=1) / equal if table else np.zeros((days.size, 0))


def versions(engine: Engine, run_id: int) -> list[dict[str, Any]]:
    """The newest 50 versions of the run's shares, newest first: version, ts, author, shares, told, why."""
    return steering_rows.allocations(engine, run_id)


def in_force(engine: Engine, run_id: int) -> dict[str, float]:
    """What each slot's size is multiplied by, by slot key; those not named by 1."""
    found = steering_rows.allocations(engine, run_id, 1)
    return {str(key): float(value) for key, value in dict(found[0]["shares"] if found else {}).items()}


def proposal(engine: Engine, run_id: int, now: int, rules: Rules = Rules()) -> dict[str, Any] | None:
    """The words of a `shares` command as of exchange time `now` (ms UTC), decided from the whole days before; None where the
    shares in force stay: too little is known, the last change is too young, or it would not pay."""
    slots, days, returns = returns_of(engine, run_id, now)
    k = len(slots)
    if k < 2 or days.size < LEAST_DAYS:
        return None
    shares, last = in_force(engine, run_id), steering_rows.newest(engine, "shares", run_id)
    held = np.array([shares.get(slot["key"], 1.0) for slot in slots]) / k
    waited = None if last is None else (now - int(last["ts"])) // MS_DAY
    advice = allocation.allocate(returns, held, waited, rules)
    if not advice.changed:
        return None
    names = [slot["key"] for slot in slots]
    told = {str(row.pop("strategy")): {**row, "days": int(days.size)} for row in allocation.named(advice, names)}
    made = {key: round(float(weight) * k, 6) for key, weight in zip(names, advice.weights.tolist(), strict=True)}
    return {"author": "engine", "why": advice.why, "shares": made, "told": told}
