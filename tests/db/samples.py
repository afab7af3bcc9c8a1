"""One valid row for each table, in the order they may be written. Not a market: numbers only have to be allowed."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, MetaData, Table, inspect

from db.models import metadata

T = 1_700_000_000_000
RUN = {"run_id": 1}
PLACE = {**RUN, "slot_id": 1}
MONEY = {"qty": 0.01, "entry_price": 30_000.0, "entry_notional": 300.0, "fees": 1.5}

ROWS: dict[str, dict[str, Any]] = {
    "run": {"id": 1, "name": "main", "kind": "paper", "status": "running", "cash_start": 1000.0, "created_ts": T},
    "config_version": {"id": 1, **RUN, "created_ts": T, "hash": "abc"},
    "instrument": {
        **{"exchange": "coinbase", "symbol": "BTC/USD", "base": "BTC", "quote": "USD", "kind": "spot"},
        **{"tick": "0.01", "lot": "1e-8", "quantum": "1e-6", "maker": "0.006", "taker": "0.012", "updated_ts": T},
    },
    "slot": {
        **{"id": 1, **RUN, "key": "0123456789ab", "strategy": "sma_cross", "symbol": "BTC/USD"},
        **{"timeframe_ms": 60_000, "state": "enabled"},
    },
    "run_marker": {**RUN, "ts": T, "kind": "start"},
    "equity": {**RUN, "slot_id": 0, "ts": T, "equity": 1000.0, "cash": 1000.0, "exposure": 0.0},
    "signal": {
        **PLACE,
        **{"seq": 1, "decided_ts": T, "known_ts": T + 250, "kind": "entry", "direction": 1, "status": "taken"},
    },
    "signal_outcome": {**RUN, "signal_seq": 1, "base_ts": T, "base_price": 30_000.0, "r1": 0.001, "updated_ts": T},
    "allocation": {**RUN, "version": 1, "ts": T, "author": "engine", "created_ts": T},
    "source_weight": {
        **{**RUN, "version": 1, "source": "sma_cross", "regime": "", "ts": T, "author": "engine", "weight": 1.0},
        **{"signals": 3, "resolved": 2, "won": 0.5, "mean": 0.001, "created_ts": T},
    },
    "orders": {
        **{**PLACE, "seq": 1, "symbol": "BTC/USD", "side": "buy", "purpose": "entry", "type": "market", "qty": 0.01},
        **{"state": "filled", "created_ts": T, "known_ts": T + 250},
    },
    "fill": {
        **{**PLACE, "seq": 1, "order_seq": 1, "symbol": "BTC/USD", "side": "buy", "qty": 0.01, "price": 30_000.0},
        **{"base_price": 29_990.0, "notional": 300.0, "fee": 1.5, "liquidity": "taker", "ts": T, "cash_after": 698.5},
    },
    "intent": {
        **{**PLACE, "id": 1, "client_order_id": "0" * 32, "decision_key": "k", "symbol": "BTC/USD", "role": "entry"},
        **{"side": "buy", "kind": "market", "qty": "0.01", "state": "filled", "created_ts": T},
    },
    "order_event": {**RUN, "intent_id": 1, "seq": 1, "ts": T, "source": "ack", "state": "acked"},
    "protection": {
        **{
            **PLACE,
            "intent_id": 1,
            "symbol": "BTC/USD",
            "qty": 0.01,
            "wanted": 29_000.0,
            "state": "live",
            "since_ts": T,
        },
    },
    "external_trade": {
        **{**RUN, "symbol": "BTC/USD", "venue_trade_id": "7", "side": "sell", "qty": "0.01", "price": "30000"},
        **{"ts": T, "seen_ts": T},
    },
    "cash_flow": {**RUN, "flow_id": "f1", "ts": T, "amount": 100.0, "currency": "USD"},
    "watermark": {**RUN, "stream": "trades", "symbol": "BTC/USD", "ts": T},
    "trade": {
        **{**PLACE, **MONEY, "seq": 1, "symbol": "BTC/USD", "direction": 1, "entry_ts": T, "exit_ts": T + 60_000},
        **{"exit_price": 30_100.0, "exit_notional": 301.0, "pnl": -0.5, "pnl_pct": -0.00166, "exit_reason": "stop"},
    },
    "position": {
        **{**PLACE, **MONEY, "symbol": "BTC/USD", "direction": 1, "entry_ts": T, "status": "open", "updated_ts": T},
    },
    "stop_move": {**PLACE, "ts": T, "stop": 29_000.0},
    "breaker": {**RUN, "name": "drawdown_halt", "slot_id": 0, "state": "armed", "level": "halted"},
    "breaker_event": {
        **{
            **RUN,
            "seq": 1,
            "ts": T,
            "breaker": "drawdown_halt",
            "scope": "account",
            "action": "trip",
            "level": "halted",
        },
    },
    "outage": {**RUN, "seq": 1, "from_ts": T},
    "alert": {"id": 1, "ts": T, "severity": "warning", "kind": "breaker", "title": "halted", "created_ts": T},
    "alert_delivery": {"alert_id": 1, "channel": "slack", "next_ts": T, "created_ts": T},
    "alert_channel": {"name": "slack", "state": "ready", "updated_ts": T},
    "ai_call": {
        **{**PLACE, "strategy": "ai_trend", "symbol": "BTC/USD", "timeframe_ms": 60_000, "about_ts": T, "asked_ts": T},
        **{
            "created_ts": T,
            "day": "2023-11-14",
            "state": "done",
            "outcome": "answered",
            "cost": 0.0002,
            "direction": 1,
        },
    },
    "command": {**RUN, "uuid": "u-1", "kind": "pause", "source": "app", "created_ts": T},
    "engine_status": {
        **{**RUN, "pid": 1, "mode": "paper", "state": "running", "started_ts": T, "heartbeat_ts": T},
    },
    "snapshot": {
        **{**RUN, "created_ts": T, "exchange_ts": T, "tape_day": "2023-11-14", "tape_offset": 0, "tape_seq": 0},
        **{"kernel_hash": "k", "state": b"\x00\x01"},
    },
    "scheduled": {"name": "backup", "due_ts": T},
    "job": {"id": 1, "uuid": "j1", "kind": "backtest", "source": "app", "created_ts": T},
    "trial": {
        **{"strategy": "sma_cross", "data_hash": "abc", "created_ts": T, "count": 1},
        **{"keys": b"12345678", "sharpes": b"12345678", "job_id": 1, **RUN},
    },
    "seal_opening": {
        **{"exchange": "coinbase", "symbol": "BTC/USD", "timeframe": "1m", "strategy": "sma_cross"},
        **{"from_ts": T, "to_ts": T + 60_000, "opened_ts": T, **RUN},
    },
    "note": {**RUN, "created_ts": T},
    "journal_entry": {"id": 1, **RUN, "trade_seq": 1, "note": "chased it", "created_ts": T, "updated_ts": T},
    "journal_word": {"entry_id": 1, "kind": "mistake", "word": "chased"},
    "journal_conflict": {"entry_id": 1, "ts": T, "version": 1, "fields": {"note": "did not"}},
    "saved_filter": {"page": "trades", "name": "stopped shorts", "query": "side=short", "created_ts": T},
    "imported_trade": {**RUN, "trade_seq": 1, "key": "a1"},
    "report_plan": {"name": "Monday", **RUN, "days": 7, "every": "weekly", "created_ts": T},
}


def insert_samples(connection: Connection, tables: set[str]) -> None:
    """Fill the given tables, by core inserts as the recorder makes them, as far as they have the columns yet."""
    for name, row in ROWS.items():
        if name in tables:
            known = metadata.tables[name]
            there = {column["name"] for column in inspect(connection).get_columns(name)}
            older = Table(name, MetaData(), *(column._copy() for column in known.columns if column.name in there))
            connection.execute(older.insert(), row)
