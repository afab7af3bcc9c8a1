"""What a person was told, by which channel, and what became of it. Reads; sends nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine

from db.deliveries import with_ways
from db.queries import rows

STATES = ("all", "open", "dead", "history")
LIMIT = 500

_WHERE = """FROM alert a WHERE (a.run_id = :run OR a.run_id IS NULL) AND (:kind = '' OR a.kind = :kind)
    AND (:severity = '' OR a.severity = :severity)"""
_STATE = {
    "all": "",
    "open": " AND a.acked_ts IS NULL AND a.severity <> 'info'",
    "dead": " AND EXISTS (SELECT 1 FROM alert_delivery d WHERE d.alert_id = a.id AND d.state = 'dead')",
    "history": " AND NOT EXISTS (SELECT 1 FROM alert_delivery d WHERE d.alert_id = a.id)",
}
_ROWS = "SELECT a.id, a.ts, a.severity, a.kind, a.title, a.body, a.state, a.acked_ts, a.acked_by "
_COUNTS = """SELECT
    (SELECT count(*) FROM alert WHERE severity = 'critical' AND acked_ts IS NULL
     AND (run_id = :run OR run_id IS NULL)) AS unheard,
    (SELECT count(*) FROM alert_delivery WHERE state IN ('new', 'failed')) AS waiting,
    (SELECT count(*) FROM alert_delivery WHERE state = 'held') AS held,
    (SELECT count(*) FROM alert_delivery WHERE state = 'dead') AS dead"""
_TESTS = (
    """SELECT id, args, state, result, created_ts FROM command WHERE kind = 'alert_test' ORDER BY id DESC LIMIT 50"""
)


@dataclass(frozen=True)
class Asked:
    """Which alerts: "" for every kind or severity; `state` one of STATES (open: warnings and worse nobody acknowledged)."""

    kind: str = ""
    severity: str = ""
    state: str = "all"


def alerts(engine: Engine, run_id: int, asked: Asked) -> list[dict[str, Any]]:
    """The run's, newest first, at most LIMIT; `ways` are an alert's deliveries, `went` the same in words."""
    who = {"run": run_id, "kind": asked.kind, "severity": asked.severity, "limit": LIMIT}
    found = rows(engine, f"{_ROWS}{_WHERE}{_STATE[asked.state]} ORDER BY a.id DESC LIMIT :limit", who)
    return with_ways(engine, found)


def kinds(engine: Engine, run_id: int) -> list[str]:
    """Kinds there are alerts of."""
    sql = "SELECT DISTINCT kind FROM alert WHERE run_id = :run OR run_id IS NULL ORDER BY kind"
    return [str(row["kind"]) for row in rows(engine, sql, {"run": run_id})]


def counts(engine: Engine, run_id: int) -> dict[str, int]:
    """unheard (critical, not acknowledged), and deliveries that are waiting, held and dead."""
    return {name: int(value) for name, value in rows(engine, _COUNTS, {"run": run_id})[0].items()}


def channels(engine: Engine) -> list[dict[str, Any]]:
    """The channels as the engine last had them, those in use first."""
    sql = "SELECT name, title, state, note, sent_ts, updated_ts FROM alert_channel"
    return sorted(rows(engine, sql), key=lambda row: (row["state"] == "missing", row["name"]))


def tests(engine: Engine) -> list[dict[str, Any]]:
    """Tests that were asked for, newest first."""
    return rows(engine, _TESTS)
