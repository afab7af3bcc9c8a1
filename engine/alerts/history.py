"""What was told, as rows for the command line. Reads."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine

from db.deliveries import with_ways
from db.queries import rows

_ALERTS = """SELECT a.id, a.ts, a.severity, a.kind, a.title, a.body, a.state, a.acked_ts, a.acked_by FROM alert a
    WHERE (:kind = '' OR a.kind = :kind) AND (:severity = '' OR a.severity = :severity)
    AND (:unheard = 0 OR a.acked_ts IS NULL) ORDER BY a.id DESC LIMIT :limit"""


def history(
    engine: Engine, *, kind: str | None = None, severity: str | None = None, unheard: bool = False, limit: int = 30
) -> list[dict[str, Any]]:
    """Alerts, newest first, each with `ways` (its deliveries) and `went`, the same in words."""
    asked = {"kind": kind or "", "severity": severity or "", "unheard": int(unheard), "limit": limit}
    return with_ways(engine, rows(engine, _ALERTS, asked))
