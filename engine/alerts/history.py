"""What was told, as rows for the command line. Reads."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine

from db.queries import rows

_ALERTS = """SELECT a.id, a.ts, a.severity, a.kind, a.title, a.body, a.state, a.acked_ts, a.acked_by FROM alert a
    WHERE (:kind = '' OR a.kind = :kind) AND (:severity = '' OR a.severity = :severity)
    AND (:unheard = 0 OR a.acked_ts IS NULL) ORDER BY a.id DESC LIMIT :limit"""
_WAYS = "SELECT id, alert_id, channel, state, tries, answer FROM alert_delivery WHERE alert_id BETWEEN :low AND :high ORDER BY id"


def history(
    engine: Engine, *, kind: str | None = None, severity: str | None = None, unheard: bool = False, limit: int = 30
) -> list[dict[str, Any]]:
    """Alerts, newest first, each with `ways` (its deliveries) and `went`, the same in words."""
    asked = {"kind": kind or "", "severity": severity or "", "unheard": int(unheard), "limit": limit}
    found = rows(engine, _ALERTS, asked)
    if not found:
        return []
    ways: dict[int, list[dict[str, Any]]] = {}
    for way in rows(engine, _WAYS, {"low": found[-1]["id"], "high": found[0]["id"]}):
        ways.setdefault(int(way["alert_id"]), []).append(way)
    for row in found:
        row["ways"] = ways.get(int(row["id"]), [])
        row["went"] = ", ".join(f"{way['channel']} {way['state']}" for way in row["ways"])
    return found
