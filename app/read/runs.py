"""Which runs there are, and how the engine of one is doing. Reads; how it is told on screen is app.ui's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine

from app.read.overview import as_json
from db.control import ALIVE_MS
from db.queries import rows, scalar

STALE_MS = 60_000
"""Data older than this, or than two bars of the finest timeframe, is stale."""


@dataclass(frozen=True)
class Health:
    """How an engine is doing at one moment. `word` is its state as a person reads it; ages in ms, None where unknown.

    `data_age` is in exchange time: how far the newest bar lies behind, what the exchange's clock did since the last
    heartbeat included.
    """

    word: str
    state: str
    alive: bool
    down: bool
    heartbeat_age: float | None
    data_age: float | None
    stale: bool


RUNS = """
SELECT r.id, r.name, r.kind, r.demo, r.dry, r.twin_of, r.challenger_of, r.status, r.exchange, r.quote,
       r.cash_start, r.finest_tf_ms, r.created_ts,
       r.started_ts, r.ended_ts, r.config_version_id, r.data_grade, r.error, s.heartbeat_ts
FROM run r LEFT JOIN engine_status s ON s.run_id = r.id
WHERE r.status <> 'writing'
ORDER BY CASE WHEN r.kind = 'backtest' THEN 3 WHEN r.kind = 'imported' THEN 2
              WHEN r.twin_of IS NOT NULL OR r.challenger_of IS NOT NULL THEN 1 ELSE 0 END,
         COALESCE(s.heartbeat_ts, r.created_ts) DESC, r.id DESC
LIMIT 500
"""


STATUS = """
SELECT s.* FROM run r JOIN engine_status s ON s.run_id = coalesce(r.challenger_of, r.twin_of, r.id)
WHERE r.id = :run AND (r.status = 'running' OR s.run_id = r.id)
"""


def runs(engine: Engine) -> list[dict[str, Any]]:
    """All runs that can be shown: accounts first, the one heard last on top, then what lives beside them (twins on paper and
    challengers), imported trades and backtests, newest first."""
    return rows(engine, RUNS)


def run(engine: Engine, run_id: int) -> dict[str, Any]:
    """One run whole, with its parameters and statistics (JSON as stored)."""
    return rows(engine, "SELECT * FROM run WHERE id = :run", {"run": run_id})[0]


def status(engine: Engine, run_id: int) -> dict[str, Any] | None:
    """The row of the engine that moves this run, if one ever did: a twin or a challenger lives in the engine of its account, with
    a state of its own."""
    found = rows(engine, STATUS, {"run": run_id})
    if not found:
        return None
    row = found[0]
    own = as_json(row["counters"]).get("levels", {}).get(str(run_id))
    return {**row, "state": own} if own and row["state"] not in ("starting", "recovering", "stopped") else row


def held(engine: Engine, run_id: int) -> int:
    """How many positions are open."""
    return int(scalar(engine, "SELECT count(*) FROM position WHERE run_id = :run", {"run": run_id}) or 0)


def last_command(engine: Engine, run_id: int) -> dict[str, Any] | None:
    """What was asked of this run last, and the engine's answer."""
    sql = "SELECT kind, state, created_ts, acked_ts, result FROM command WHERE run_id = :run ORDER BY id DESC LIMIT 1"
    found = rows(engine, sql, {"run": run_id})
    return found[0] if found else None


def health(run_row: dict[str, Any], status_row: dict[str, Any] | None, now: int) -> Health:
    """The engine's state at `now` (ms UTC). A backtest has none; an engine not heard of for 5 s is down."""
    if run_row["kind"] == "imported":
        return Health("imported trades", run_row["status"], False, False, None, None, False)
    if run_row["kind"] == "backtest":
        word = {"complete": "finished", "failed": "failed"}.get(run_row["status"], run_row["status"])
        return Health(word, run_row["status"], False, False, None, None, False)
    if status_row is None and run_row["ended_ts"]:
        return Health("ended", run_row["status"], False, False, None, None, False)
    if status_row is None:
        return Health("never started", "none", False, True, None, None, True)
    age = float(max(now - status_row["heartbeat_ts"], 0))
    stopped = status_row["state"] == "stopped"
    down = not stopped and age > ALIVE_MS
    data_age = _data_age(status_row, age)
    stale = stopped or down or data_age is None or data_age > max(STALE_MS, 2 * int(run_row["finest_tf_ms"]))
    word = "down" if down else status_row["state"].replace("_", " ")
    return Health(word, status_row["state"], not stopped and not down, down, age, data_age, stale)


def _data_age(status_row: dict[str, Any], heartbeat_age: float) -> float | None:
    bar, clock = status_row["last_bar_ts"], status_row["exchange_ts"]
    if bar is None or clock is None:
        return None
    return max(clock - bar, 0) + heartbeat_age * float(status_row["speed"] or 1)
