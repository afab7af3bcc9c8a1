"""What is drawn on one slot's chart: signals, fills, trades, stops and orders of a stretch of time, and what holds the slot now.

Times are ms UTC; every query is answered from an index and bounded.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Engine

from app.read import positions
from db.queries import Column, columns, rows

MOST = 400
"""Marks of a kind on one chart; the newest where there are more."""
RECENT = 2_000
"""Orders that may still be waiting are looked for among so many of the run's newest."""

SLOT = """
SELECT id, key, position, label, strategy, symbol, timeframe_ms, params, state, error, source_hash FROM slot
WHERE run_id = :run ORDER BY position, id
"""
SIGNALS = """
SELECT seq, decided_ts AS ts, kind, direction, status, reason, price, tag FROM signal
WHERE run_id = :run AND decided_ts >= :first AND decided_ts < :last AND slot_id = :slot ORDER BY decided_ts DESC LIMIT :n
"""
FILLS = """
SELECT f.ts, f.side, f.qty, f.price, f.fee, o.purpose, f.seq FROM orders o
JOIN fill f ON f.run_id = o.run_id AND f.order_seq = o.seq
WHERE o.run_id = :run AND o.created_ts >= :early AND o.created_ts < :last AND o.slot_id = :slot
  AND f.ts >= :first AND f.ts < :last ORDER BY o.created_ts DESC, f.seq DESC LIMIT :n
"""
TRADES = """
SELECT seq, direction, qty, entry_ts, exit_ts, entry_price, exit_price, pnl, exit_reason, stop_initial FROM trade
WHERE run_id = :run AND exit_ts >= :first AND entry_ts < :last AND slot_id = :slot ORDER BY exit_ts LIMIT :n
"""
STOPS = """
SELECT ts, stop FROM stop_move
WHERE run_id = :run AND slot_id = :slot AND ts >= :early AND ts < :last ORDER BY ts, id LIMIT 4000
"""
RESTING = """
SELECT seq, created_ts, side, purpose, type, qty, filled_qty, limit_price, price_ref, state FROM orders
WHERE run_id = :run AND seq > (SELECT coalesce(max(seq), 0) FROM orders WHERE run_id = :run) - :recent AND slot_id = :slot
  AND state IN ('queued', 'sent', 'partial') ORDER BY seq
"""
SPOKEN = """
SELECT decided_ts AS ts, status, reason, direction, price FROM signal
WHERE run_id = :run AND decided_ts >= :since AND slot_id = :slot AND kind <> 'exit' AND reason <> 'in_position'
ORDER BY decided_ts DESC LIMIT 1
"""
LEFT = """
SELECT exit_ts, exit_reason FROM trade WHERE run_id = :run AND slot_id = :slot ORDER BY id DESC LIMIT 1
"""
HOLDING = """
SELECT name, slot_id, level, until_ts, value, threshold FROM breaker
WHERE run_id = :run AND state = 'tripped' AND slot_id IN (0, :slot) ORDER BY slot_id, name
"""


def slots(engine: Engine, run_id: int) -> list[dict[str, Any]]:
    """The run's slots in configuration order."""
    return rows(engine, SLOT, {"run": run_id})


def signals(engine: Engine, run_id: int, slot_id: int, first: int, last: int) -> dict[str, Column]:
    """What the strategy said in [first, last), newest first: ts, kind, direction, status, reason, price, tag."""
    return columns(engine, SIGNALS, {"run": run_id, "slot": slot_id, "first": first, "last": last, "n": MOST})


def fills(engine: Engine, run_id: int, slot_id: int, first: int, last: int) -> dict[str, Column]:
    """What was bought and sold in [first, last), newest first. Orders made up to a window earlier are looked at."""
    who = {"run": run_id, "slot": slot_id, "first": first, "last": last, "early": first - (last - first), "n": MOST}
    return columns(engine, FILLS, who)


def trades(engine: Engine, run_id: int, slot_id: int, first: int, last: int) -> list[dict[str, Any]]:
    """Closed trades that touch [first, last), with the path of each one's stop as `stops`."""
    who = {"run": run_id, "slot": slot_id, "first": first, "last": last}
    found = rows(engine, TRADES, {**who, "n": MOST})
    early = min([first, *(int(one["entry_ts"]) for one in found)])
    moves = rows(engine, STOPS, {"run": run_id, "slot": slot_id, "early": early, "last": last})
    return [{**one, "stops": _path(one, moves)} for one in found]


def _path(trade: Mapping[str, Any], moves: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A trade's stop from its entry on: its first place is the trade's own; a slot has one position at a time."""
    if not trade["stop_initial"]:
        return []
    first = {"ts": trade["entry_ts"], "stop": trade["stop_initial"]}
    return [first, *(move for move in moves if trade["entry_ts"] < move["ts"] <= trade["exit_ts"])]


def held(engine: Engine, run_id: int, slot_id: int) -> dict[str, Any] | None:
    """The slot's open position with its stop's path as `stops`, None while it is flat."""
    for position in positions.open_positions(engine, run_id):
        if position["slot_id"] == slot_id:
            return {**position, "stops": positions.stop_path(engine, run_id, position)}
    return None


def resting(engine: Engine, run_id: int, slot_id: int) -> list[dict[str, Any]]:
    """Orders that wait to be filled, oldest first."""
    return rows(engine, RESTING, {"run": run_id, "slot": slot_id, "recent": RECENT})


def spoken(engine: Engine, run_id: int, slot_id: int, since: int) -> dict[str, Any] | None:
    """The newest entry asked for since `since` that was not said while in position anyway."""
    found = rows(engine, SPOKEN, {"run": run_id, "slot": slot_id, "since": since})
    return found[0] if found else None


def left(engine: Engine, run_id: int, slot_id: int) -> tuple[int, str] | None:
    """When and why its last trade ended."""
    found = rows(engine, LEFT, {"run": run_id, "slot": slot_id})
    return (int(found[0]["exit_ts"]), str(found[0]["exit_reason"])) if found else None


def holding(engine: Engine, run_id: int, slot_id: int) -> list[dict[str, Any]]:
    """Tripped breakers of the account and of this slot."""
    return rows(engine, HOLDING, {"run": run_id, "slot": slot_id})
