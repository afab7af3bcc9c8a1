"""All runs side by side, and what people wrote about them. Reading only; a note is written by app.notes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Engine

from db.queries import rows
from engine.research.stock import DataError
from engine.research.stored_study import study_of_run
from engine.research.study import Study

RUNS = """
SELECT r.id, r.name, r.kind, r.demo, r.status, r.exchange, r.quote, r.cash_start, r.created_ts, r.started_ts, r.ended_ts,
       r.data_grade, r.data_hash, r.stats, r.error,
       (SELECT e.equity FROM equity e WHERE e.run_id = r.id AND e.slot_id = 0 ORDER BY e.ts DESC LIMIT 1) AS last_equity,
       (SELECT count(*) FROM trade t WHERE t.run_id = r.id) AS trades,
       (SELECT n.verdict FROM note n WHERE n.run_id = r.id AND n.verdict <> '' ORDER BY n.created_ts DESC, n.id DESC LIMIT 1)
           AS verdict,
       (SELECT count(*) FROM note n WHERE n.run_id = r.id) AS notes
FROM run r WHERE r.status <> 'writing' ORDER BY r.created_ts DESC, r.id DESC LIMIT 1000
"""
SLOTS = "SELECT run_id, strategy, symbol, timeframe_ms, params FROM slot ORDER BY run_id, position"


def listed(engine: Engine) -> list[dict[str, Any]]:
    """One row a run, newest first: what traded, what came of it (fractions), the newest verdict in the person's words."""
    slots: dict[int, list[dict[str, Any]]] = {}
    for slot in rows(engine, SLOTS):
        slots.setdefault(int(slot["run_id"]), []).append(slot)
    return [_row(run, slots.get(int(run["id"]), [])) for run in rows(engine, RUNS)]


def _row(run: dict[str, Any], slots: list[dict[str, Any]]) -> dict[str, Any]:
    stats = as_mapping(run.pop("stats"))
    equity = run.pop("last_equity")
    grown = stats.get("total_return")
    if grown is None and equity is not None:
        grown = float(equity) / float(run["cash_start"]) - 1
    return {
        **run,
        "strategies": ", ".join(dict.fromkeys(str(slot["strategy"]) for slot in slots)),
        "symbols": ", ".join(dict.fromkeys(str(slot["symbol"]) for slot in slots)),
        "timeframe_ms": min((int(slot["timeframe_ms"]) for slot in slots), default=0),
        "params": "; ".join(_written(as_mapping(slot["params"])) for slot in slots[:3]),
        "total_return": grown,
        **{name: stats.get(name) for name in ("sharpe", "max_drawdown", "profit_factor", "win_rate")},
    }


def _written(params: Mapping[str, Any]) -> str:
    return " ".join(f"{name}={value}" for name, value in params.items())


def as_mapping(value: Any) -> dict[str, Any]:
    """A JSON column as it comes: text on SQLite, a mapping on PostgreSQL."""
    found = json.loads(value) if isinstance(value, str) else value
    return dict(found) if isinstance(found, Mapping) else {}


def notes(engine: Engine, run_id: int) -> list[dict[str, Any]]:
    """What was written about a run, newest first."""
    sql = "SELECT id, created_ts, text, verdict FROM note WHERE run_id = :run ORDER BY created_ts DESC, id DESC"
    return rows(engine, sql, {"run": run_id})


def study_of(engine: Engine, run_id: int) -> Study | None:
    """What a run was asked to do, a paper or live one as a backtest on candles; None where its candles are not known any more."""
    try:
        return study_of_run(engine, run_id)
    except DataError:
        return None
