"""Which running runs have signals to follow up, and asking for it: once an hour while a worker lives, so at least every night.

The job's uuid names run and hour, so that no two ever ask for the same. What is done is engine.research.outcomes'.
"""

from __future__ import annotations

import uuid as uuids
from typing import Any

from sqlalchemy import Engine

from db.queries import rows, scalar
from engine.research.jobs import ask_once

HOUR_MS = 3_600_000
_RUNNING = "SELECT id, name FROM run WHERE kind IN ('paper', 'live') AND status = 'running' ORDER BY id"
_BEHIND = """SELECT coalesce((SELECT max(seq) FROM signal WHERE run_id = :run), 0) >
    coalesce((SELECT max(signal_seq) FROM signal_outcome WHERE run_id = :run), 0)
    OR EXISTS (SELECT 1 FROM signal_outcome WHERE run_id = :run AND NOT resolved)"""
_ASKED = "SELECT count(*) FROM job WHERE uuid = :uuid"


def due(engine: Engine, now: int) -> list[dict[str, Any]]:
    """Running runs (id, name) that are behind and not asked about in this hour of the wall clock `now` (ms UTC); read only."""
    return [
        run
        for run in rows(engine, _RUNNING)
        if not scalar(engine, _ASKED, {"uuid": _uuid(run, now)}) and scalar(engine, _BEHIND, {"run": run["id"]})
    ]


def ask_due(engine: Engine, now: int) -> list[str]:
    """Ask for what is due, one job a run and hour; the uuids of those asked for here."""
    asked = []
    for run in due(engine, now):
        uuid = _uuid(run, now)
        if ask_once(engine, uuid, "outcomes", {"run_id": run["id"]}, f"signals of {run['name']}", now):
            asked.append(uuid)
    return asked


def _uuid(run: dict[str, Any], now: int) -> str:
    return str(uuids.uuid5(uuids.NAMESPACE_OID, f"evenkeel outcomes {run['id']} {run['name']} {now // HOUR_MS}"))
