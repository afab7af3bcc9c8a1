"""What the page Settings asks of the database: versions of a run's configuration, which is in force, and what became of edits."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine

from db.queries import rows, scalar

IN_FORCE = """
SELECT c.id, c.created_ts, c.source, c.text FROM run r JOIN config_version c ON c.id = r.config_version_id
WHERE r.name = :name AND r.kind IN ('paper', 'live')
"""
VERSIONS = "SELECT id, created_ts, source, text FROM config_version WHERE run_id = :run ORDER BY id DESC LIMIT 500"
NEWEST = "SELECT text FROM config_version WHERE run_id = :run ORDER BY id DESC LIMIT 1"
SAID = """
SELECT ts, text FROM run_marker WHERE run_id = :run AND kind = 'config' ORDER BY ts DESC, id DESC LIMIT 200
"""
UNDER = """
SELECT t.seq, coalesce(o.config_version_id, t.config_version_id) AS version FROM trade t
LEFT JOIN orders o ON o.run_id = t.run_id AND o.seq = t.entry_order_seq WHERE t.run_id = :run ORDER BY t.seq
"""


def in_force(engine: Engine, name: str) -> dict[str, Any] | None:
    """The version under which the run of that name trades; None where it never did."""
    found = rows(engine, IN_FORCE, {"name": name})
    return found[0] if found else None


def versions(engine: Engine, run_id: int) -> list[dict[str, Any]]:
    """Every version of the run, newest first, word for word (passwords are masked where they are stored)."""
    return rows(engine, VERSIONS, {"run": run_id})


def newest_text(engine: Engine, run_id: int) -> str:
    """The run's newest configuration word for word; empty where none is stored."""
    return str(scalar(engine, NEWEST, {"run": run_id}) or "")


def said(engine: Engine, run_id: int) -> list[dict[str, Any]]:
    """What became of edits, newest first: taken over, or refused and why."""
    return rows(engine, SAID, {"run": run_id})
