"""Once a night every paper and live run is laid beside its tape and its candles: which runs are due, and asking for them.

The worker asks (`ask_due`) and does it; the engine's process and the app only see to it that a worker is alive when something
is due. A missed night is caught up once. The job's uuid names run and night, so that no two ever ask for the same.
"""

from __future__ import annotations

import uuid as uuids
from typing import Any

from sqlalchemy import Engine

from db.queries import rows
from engine.market.candles import iso
from engine.research.jobs import ask_once

DAY_MS = 86_400_000
AFTER_MS = 20 * 60_000
"""The night's comparison begins so long after UTC midnight: the last bars of the day are in, and fetched if they are fetched."""

_TRADED = """SELECT r.id, r.name, r.created_ts, max(s.created_ts) AS traded FROM run r JOIN snapshot s ON s.run_id = r.id
    WHERE r.kind IN ('paper', 'live') AND r.status <> 'writing' GROUP BY r.id, r.name, r.created_ts ORDER BY r.id"""
_ASKED = "SELECT uuid, created_ts, title FROM job WHERE kind = 'versus' AND source = 'cli' ORDER BY id DESC LIMIT 5000"


def night_of(now: int) -> int:
    """The UTC midnight (ms) of the newest night whose comparison may begin, at the wall clock `now` (ms UTC)."""
    return (now - AFTER_MS) // DAY_MS * DAY_MS


def due(engine: Engine, now: int) -> list[dict[str, Any]]:
    """Runs (id, name) that traded before this night, or in it, and since they were last asked about; read only."""
    night = night_of(now)
    asked = {str(row["uuid"]): row["created_ts"] for row in rows(engine, _ASKED) if isinstance(row["created_ts"], int)}
    found = []
    for run in rows(engine, _TRADED):
        if int(run["created_ts"]) >= night or _uuid(run, night) in asked:
            continue
        nights = range(night - DAY_MS, int(run["created_ts"]) - DAY_MS, -DAY_MS)
        last = next((asked[name] for day in nights if (name := _uuid(run, day)) in asked), None)
        if last is None or int(run["traded"]) > last:
            found.append({"id": int(run["id"]), "name": str(run["name"])})
    return found


def ask_due(engine: Engine, now: int) -> list[str]:
    """Ask for what is due, one job a run; the uuids of those asked for here."""
    night, asked = night_of(now), []
    for run in due(engine, now):
        uuid, title = _uuid(run, night), f"{run['name']} against its tape and candles, night of {iso(night)[:10]}"
        if ask_once(engine, uuid, "versus", {"run_id": run["id"]}, title, now):
            asked.append(uuid)
    return asked


def _uuid(run: dict[str, Any], night: int) -> str:
    return str(uuids.uuid5(uuids.NAMESPACE_OID, f"evenkeel versus {run['id']} {run['name']} {night}"))
