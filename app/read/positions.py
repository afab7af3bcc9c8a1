"""What is held: each open position with its stop's path, why it was opened, and how long such positions usually last."""

from __future__ import annotations

from typing import Any

import numpy as np
from sqlalchemy import Engine

from db.queries import columns, rows

OPEN = """
SELECT p.*, s.key, s.label, s.strategy, s.timeframe_ms, s.state AS slot_state, s.error AS slot_error,
       g.tag, g.strength, g.checks, g.decided_ts, g.price AS signal_price, g.kind AS signal_kind
FROM position p
JOIN slot s ON s.id = p.slot_id
LEFT JOIN signal g ON g.run_id = p.run_id AND g.seq = p.signal_seq
WHERE p.run_id = :run ORDER BY s.position, p.slot_id
"""


def open_positions(engine: Engine, run_id: int) -> list[dict[str, Any]]:
    """Open positions in configuration order, with `to_stop` (fraction of the mark, positive while the stop is away), `r`
    (unrealised against what was risked at entry), `risk_r` (what the stop would lose, likewise), `pnl_fraction`. Times ms UTC,
    money in quote currency."""
    return [{**row, **_measures(row)} for row in rows(engine, OPEN, {"run": run_id})]


def _measures(row: dict[str, Any]) -> dict[str, float | None]:
    mark, stop, first = row["mark"], row["stop"], row["stop_initial"]
    sign = 1 if row["direction"] > 0 else -1
    to_stop = sign * (mark - stop) / mark if mark and stop else None
    risked = abs(row["entry_price"] - first) * row["qty"] if first else None
    unrealized = row["unrealized"]
    return {
        "to_stop": to_stop,
        "r": unrealized / risked if risked and unrealized is not None else None,
        "risk_r": row["risk"] / risked if risked and row["risk"] is not None else None,
        "pnl_fraction": unrealized / row["entry_notional"]
        if unrealized is not None and row["entry_notional"]
        else None,
    }


def stop_path(engine: Engine, run_id: int, position: dict[str, Any]) -> list[dict[str, Any]]:
    """Where an open position's stop stood, oldest first: ts, stop, reason. Its first place is the position's own."""
    sql = """
    SELECT ts, stop, reason FROM stop_move
    WHERE run_id = :run AND slot_id = :slot AND ts >= :since AND (trade_seq IS NULL OR trade_seq = :trade) ORDER BY ts, id
    """
    trade = -1 if position["trade_seq"] is None else position["trade_seq"]
    who = {"run": run_id, "slot": position["slot_id"], "since": position["entry_ts"], "trade": trade}
    moves = rows(engine, sql, who)
    if position["stop_initial"] and not (moves and moves[0]["reason"] == "first"):
        first = {"ts": position["entry_ts"], "stop": position["stop_initial"], "reason": "first"}
        moves = [first, *moves]
    return moves


def orders_of(engine: Engine, run_id: int, slot_id: int, since: int) -> list[dict[str, Any]]:
    """Orders of a slot since `since`, newest first, with what they filled at."""
    sql = """
    SELECT o.seq, o.created_ts, o.side, o.purpose, o.type, o.qty, o.filled_qty, o.limit_price, o.state, o.reason,
           sum(f.notional) / nullif(sum(f.qty), 0) AS average, sum(f.fee) AS fee
    FROM orders o LEFT JOIN fill f ON f.run_id = o.run_id AND f.order_seq = o.seq
    WHERE o.run_id = :run AND o.slot_id = :slot AND o.created_ts >= :since
    GROUP BY o.seq, o.created_ts, o.side, o.purpose, o.type, o.qty, o.filled_qty, o.limit_price, o.state, o.reason
    ORDER BY o.seq DESC LIMIT 50
    """
    return rows(engine, sql, {"run": run_id, "slot": slot_id, "since": since})


def usual_age(engine: Engine, run_id: int, slot_id: int) -> tuple[float | None, int]:
    """(median time held in ms, number of trades) of the slot's last 500 closed trades; None without any."""
    sql = "SELECT exit_ts - entry_ts AS held FROM trade WHERE run_id = :run AND slot_id = :slot ORDER BY id DESC LIMIT 500"
    held = columns(engine, sql, {"run": run_id, "slot": slot_id})["held"]
    return (float(np.median(held)), len(held)) if len(held) else (None, 0)
