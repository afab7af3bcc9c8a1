"""What the database says of a run's present: which run is meant, heartbeat, equity, positions, tripped breakers. Reads only."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine

from db.control import ALIVE_MS
from db.queries import rows

_HEARD = "SELECT r.* FROM run r JOIN engine_status s ON s.run_id = r.id ORDER BY s.heartbeat_ts DESC, r.id DESC LIMIT 1"
_EQUITY = "SELECT equity, cash FROM equity WHERE run_id = :run AND slot_id = 0 ORDER BY ts DESC LIMIT 1"
_POSITIONS = """SELECT s.strategy, s.symbol, p.direction, p.qty, p.entry_price, p.mark, p.stop, p.unrealized, p.status
    FROM position p JOIN slot s ON s.id = p.slot_id WHERE p.run_id = :run ORDER BY s.position"""
_BREAKERS = "SELECT name, level, value, threshold, until_ts FROM breaker WHERE run_id = :run AND state = 'tripped'"


def find(engine: Engine, run: str | None) -> dict[str, Any] | None:
    """The run with this name or number; without one, that of the engine heard last. None where there is none."""
    if run is None:
        return next(iter(rows(engine, _HEARD)), None)
    named = rows(engine, "SELECT * FROM run WHERE name = :run", {"run": run})
    if not named and run.isascii() and run.isdigit() and len(run) < 10:
        named = rows(engine, "SELECT * FROM run WHERE id = :run", {"run": int(run)})
    return next(iter(named), None)


def state(engine: Engine, run: dict[str, Any], now: int) -> dict[str, Any]:
    """How the run stands at `now`, ms UTC of this machine's clock, as plain values; times in ms UTC, None where unknown."""
    who = {"run": run["id"]}
    heard = next(iter(rows(engine, "SELECT * FROM engine_status WHERE run_id = :run", who)), {})
    equity = next(iter(rows(engine, _EQUITY, who)), {"equity": run["cash_start"], "cash": run["cash_start"]})
    age = now - heard["heartbeat_ts"] if heard.get("heartbeat_ts") else None
    return {
        "run": run["name"],
        "run_id": run["id"],
        "mode": "dry" if run.get("dry") else run["kind"],
        "demo": bool(run["demo"]),
        "alive": age is not None and age < ALIVE_MS and heard.get("state") != "stopped",
        "state": heard.get("state"),
        "heartbeat_age_seconds": None if age is None else round(age / 1000, 1),
        "exchange_time": heard.get("exchange_ts"),
        "last_bar": heard.get("last_bar_ts"),
        "feed": heard.get("feed"),
        "equity": equity["equity"],
        "cash": equity["cash"],
        "message": heard.get("message"),
        "positions": [
            {"slot": f"{row.pop('strategy')}:{row.pop('symbol')}", **row} for row in rows(engine, _POSITIONS, who)
        ],
        "breakers": rows(engine, _BREAKERS, who),
    }
