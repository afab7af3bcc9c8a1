"""What the strategies page asks beside a run's own columns: the newest backtest of the same slots, and its trades' results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy import Engine

from app.read.research_runs import as_mapping
from db.queries import Column, columns, rows

SLOTS = "SELECT id, strategy, symbol, timeframe_ms, params FROM slot WHERE run_id = :run ORDER BY position, id"
TESTED = """
SELECT s.id, s.run_id, s.symbol, s.timeframe_ms, s.params, r.name FROM run r JOIN slot s ON s.run_id = r.id
WHERE r.kind = 'backtest' AND r.status = 'complete' AND r.id <> :run AND s.strategy = :strategy AND s.symbol = :symbol
ORDER BY r.created_ts DESC, r.id DESC LIMIT 50
"""
RESULTS = "SELECT pnl_pct FROM trade WHERE run_id = :run AND slot_id = :slot ORDER BY id"


@dataclass(frozen=True)
class Tested:
    """The backtest that a slot is measured against; `same` when its parameters are the slot's own."""

    run_id: int
    slot_id: int
    name: str
    same: bool


def tested(engine: Engine, run_id: int) -> dict[int, Tested]:
    """By slot id: the newest complete backtest of the same strategy on the same symbol and timeframe, one with the same
    parameters before others. A slot that never was backtested is left out."""
    found = {}
    for slot in rows(engine, SLOTS, {"run": run_id}):
        asked = {"run": run_id, "strategy": slot["strategy"], "symbol": slot["symbol"]}
        offered = [row for row in rows(engine, TESTED, asked) if row["timeframe_ms"] == slot["timeframe_ms"]]
        own = as_mapping(slot["params"])
        best = sorted(offered, key=lambda row: as_mapping(row["params"]) != own)[:1]
        for row in best:
            found[int(slot["id"])] = Tested(row["run_id"], row["id"], row["name"], as_mapping(row["params"]) == own)
    return found


def results(engine: Engine, references: Sequence[Tested]) -> Column:
    """float64[n]: results of the references' trades as fractions of what was paid to enter, each in order."""
    parts: list[Any] = [
        columns(engine, RESULTS, {"run": one.run_id, "slot": one.slot_id})["pnl_pct"] for one in references
    ]
    return np.concatenate(parts).astype(np.float64) if parts else np.zeros(0)
