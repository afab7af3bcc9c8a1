"""One trade whole: its row, the signal that opened it, its fills, its stop's path, what limits it was under. Reading only."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Engine

from app.read.overview import as_json
from db.queries import rows

DETAIL = """
SELECT t.*, s.strategy, s.label, s.key AS slot_key, s.timeframe_ms, s.params AS slot_params,
       coalesce(g.tag, i.tag, '') AS tag, g.strength, g.checks, g.decided_ts, g.known_ts, g.price AS signal_price,
       g.stop_distance, g.target_distance, g.trail_distance, coalesce(i.exit_reason, '') AS exit_word, i.origin,
       c.hash AS config_hash, c.created_ts AS config_ts, c.text AS config_text
FROM trade t JOIN slot s ON s.id = t.slot_id
LEFT JOIN signal g ON g.run_id = t.run_id AND g.seq = t.signal_seq
LEFT JOIN imported_trade i ON i.run_id = t.run_id AND i.trade_seq = t.seq
LEFT JOIN config_version c ON c.id = t.config_version_id
WHERE t.run_id = :run AND t.seq = :seq
"""
FILLS = """
SELECT f.ts, f.side, o.purpose, f.qty, f.price, f.base_price, f.fee, f.liquidity FROM fill f
JOIN orders o ON o.run_id = f.run_id AND o.seq = f.order_seq
WHERE f.run_id = :run AND f.order_seq IN (:entry, :exit) ORDER BY f.seq
"""
STOPS = """
SELECT ts, stop, reason FROM stop_move WHERE run_id = :run AND slot_id = :slot AND ts BETWEEN :a AND :b
  AND (trade_seq IS NULL OR trade_seq = :trade) ORDER BY ts, id
"""


def detail(engine: Engine, run_id: int, seq: int) -> dict[str, Any] | None:
    """One trade whole, with the signal that opened it and the configuration it was made under."""
    found = rows(engine, DETAIL, {"run": run_id, "seq": seq})
    return found[0] if found else None


def fills_of(engine: Engine, run_id: int, trade: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The fills of a trade's entry and exit orders."""
    keys = {"entry": trade["entry_order_seq"] or -1, "exit": trade["exit_order_seq"] or -1}
    return rows(engine, FILLS, {"run": run_id, **keys})


def stops_of(engine: Engine, run_id: int, trade: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Where the stop stood while the trade lasted."""
    who = {"slot": trade["slot_id"], "a": trade["entry_ts"], "b": trade["exit_ts"], "trade": trade["seq"]}
    return rows(engine, STOPS, {"run": run_id, **who})


def slippage(trade: Mapping[str, Any], fills: list[dict[str, Any]]) -> float | None:
    """What the fills cost against the price before slippage, in quote currency, positive is a cost; None without fills."""
    if not fills:
        return None
    return sum((f["price"] - f["base_price"]) * f["qty"] * (1 if f["side"] == "buy" else -1) for f in fills)


def limits(trade: Mapping[str, Any], run: Mapping[str, Any]) -> dict[str, str]:
    """The limits in force at the trade, as its configuration names them, else as the run's parameters do; empty without any."""
    try:
        named = tomllib.loads(trade["config_text"] or "").get("limits", {})
    except tomllib.TOMLDecodeError:
        named = {}
    if not named:
        account = as_json(run.get("params")).get("account", {})
        named = account.get("limits", {}) if isinstance(account, Mapping) else {}
    plain = named.items() if isinstance(named, Mapping) else ()
    return {
        str(name): f"{value:g}" if isinstance(value, float) else str(value)
        for name, value in plain
        if value is not None
    }
