"""The engine's and the database's own facts: heartbeat, outages, breakers, slots that failed, commands, sizes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Engine

from app import formats
from db.queries import rows, scalar
from db.session import sqlite_file

COUNTED = ("trade", "orders", "fill", "signal", "equity", "snapshot", "command", "run")


def breakers(engine: Engine, run_id: int) -> list[dict[str, Any]]:
    """Breakers as they stand, tripped ones first."""
    sql = """
    SELECT b.name, b.slot_id, s.strategy, s.symbol, s.timeframe_ms, s.label, b.state, b.level, b.count, b.value,
           b.threshold, b.since_ts, b.until_ts
    FROM breaker b LEFT JOIN slot s ON s.id = b.slot_id
    WHERE b.run_id = :run ORDER BY CASE WHEN b.state = 'tripped' THEN 0 ELSE 1 END, b.name, b.slot_id
    """
    return rows(engine, sql, {"run": run_id})


def whose(row: Mapping[str, Any]) -> str:
    """Whom a breaker holds: the slot by its names, or the account."""
    if not row.get("strategy"):
        return "account"
    return f"{formats.slot(row['strategy'], row['symbol'], row['label'])} {formats.timeframe(row['timeframe_ms'])}"


def failed_slots(engine: Engine, run_id: int) -> list[dict[str, Any]]:
    """Slots with an error."""
    sql = """
    SELECT key, strategy, symbol, label, timeframe_ms, state, error FROM slot
    WHERE run_id = :run AND (state = 'failed' OR error IS NOT NULL AND error <> '') ORDER BY position
    """
    return rows(engine, sql, {"run": run_id})


def commands(engine: Engine, run_id: int, limit: int = 100) -> list[dict[str, Any]]:
    """What was asked, and the answers, newest first."""
    sql = """
    SELECT id, created_ts, kind, source, state, acked_ts, result FROM command WHERE run_id = :run ORDER BY id DESC LIMIT :limit
    """
    return rows(engine, sql, {"run": run_id, "limit": limit})


def database(engine: Engine) -> dict[str, Any]:
    """Kind, place and size in bytes, schema revision; `write_ahead` is the size of SQLite's log."""
    kind = engine.dialect.name
    facts: dict[str, Any] = {"kind": "SQLite" if kind == "sqlite" else "PostgreSQL", "place": engine.url.database}
    facts["schema"] = scalar(engine, "SELECT version_num FROM alembic_version")
    file = sqlite_file(engine.url.render_as_string(hide_password=True)) if kind == "sqlite" else None
    if file is None:
        facts["bytes"] = scalar(engine, "SELECT pg_database_size(current_database())") if kind != "sqlite" else None
        return facts
    log = file.with_name(file.name + "-wal")
    facts["bytes"] = file.stat().st_size
    facts["write_ahead"] = log.stat().st_size if log.exists() else 0
    return facts


def sizes(engine: Engine) -> dict[str, int]:
    """Rows in the tables that grow. Counts every row: cache it."""
    return {table: int(scalar(engine, f"SELECT count(*) FROM {table}") or 0) for table in COUNTED}


def config_versions(engine: Engine, run_id: int, limit: int = 20) -> list[dict[str, Any]]:
    """Configurations applied to the run, newest first, word for word."""
    sql = "SELECT id, created_ts, hash, text, source FROM config_version WHERE run_id = :run ORDER BY id DESC LIMIT :limit"
    return rows(engine, sql, {"run": run_id, "limit": limit})
