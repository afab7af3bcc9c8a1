"""A database of a hundred thousand invented trades, made in about two seconds: for what must stay fast. Deterministic.

One paper run of five slots, with a signal for each trade and the account's curve. Rows are written by the standard library's
SQLite, in the order of the models' columns, as nothing else is as fast.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import numpy as np

from db.models import metadata
from db.session import migrate, open_engine, write_session
from tests.app.seed import HOUR, MIN, NOW, SLOTS, _configs, _insert, _run, _slot, _status

REASONS = np.array(["exit", "stop", "target", "trail", "time", "manual"])
TAGS = np.array(["cross", "breakout", "oversold", ""])


def make(file: Path, trades: int = 100_000, points: int = 100_000) -> Path:
    """`trades` trades over three years up to NOW, as many signals, `points` equity points; the run's number is 1."""
    engine = open_engine(f"sqlite:///{file}")
    migrate(engine)
    with write_session(engine) as session:
        _insert(session, "run", [_run(1, "big", "paper", "running", NOW - 1095 * 24 * HOUR)])
        _insert(session, "config_version", _configs(NOW, 30))
        _insert(session, "slot", [_slot(i, 1) for i in range(len(SLOTS))])
        _insert(session, "engine_status", [_status(NOW, 700, "running", 30)])
    engine.dispose()
    with sqlite3.connect(file) as raw:
        raw.execute("PRAGMA synchronous=OFF")
        columns = _trades(trades)
        _fill(raw, "trade", columns)
        _fill(raw, "signal", _signals(columns))
        _fill(raw, "equity", _equity(points))
        raw.execute("ANALYZE")
    return file


def _fill(raw: sqlite3.Connection, table: str, columns: dict[str, Any]) -> None:
    assert set(columns) <= set(metadata.tables[table].columns.keys())
    sql = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"
    raw.executemany(sql, zip(*(np.asarray(values).tolist() for values in columns.values()), strict=True))


def _trades(n: int) -> dict[str, Any]:
    random = np.random.default_rng(3)
    slot = random.integers(0, len(SLOTS), n)
    level = np.array([one[2] for one in SLOTS])[slot]
    symbol = np.array([one[1] for one in SLOTS])[slot]
    direction = np.where(random.random(n) < 0.8, 1, -1)
    exits = np.sort(random.integers(NOW - 1095 * 24 * HOUR, NOW - HOUR, n)) // 1000 * 1000
    held = (random.gamma(2, 25 * MIN, n) // 1000 * 1000).astype(np.int64)
    entry = np.round(level * (1 + 0.1 * np.sin(exits / (72 * HOUR))), 2)
    qty = np.round(1_500 / entry, 6)
    move = np.clip(random.standard_t(4, n) * 0.006 + 0.0021, -0.02, 0.04)
    leave = np.round(entry * (1 + direction * move), 2)
    leave = np.maximum(leave, 0.01)
    fees = np.round(qty * (entry + leave) * 0.001, 6)
    pnl = np.round(direction * qty * (leave - entry) - fees, 6)
    stop = np.round(entry * (1 - direction * 0.02), 4)
    risk = np.round(qty * np.abs(entry - stop), 6)
    seq = np.arange(1, n + 1)
    return {
        "run_id": np.ones(n, np.int64), "seq": seq, "slot_id": slot + 1, "symbol": symbol, "direction": direction, "qty": qty,
        "entry_ts": exits - held, "exit_ts": exits, "entry_price": entry, "exit_price": leave,
        "entry_notional": np.round(qty * entry, 6), "exit_notional": np.round(qty * leave, 6), "fees": fees, "pnl": pnl,
        "pnl_pct": pnl / (qty * entry), "exit_reason": REASONS[random.integers(0, 6, n)], "mae": np.maximum(-move, 0) + 0.002,
        "mfe": np.maximum(move, 0) + 0.003, "bars_held": held // MIN, "ambiguous": seq % 40 == 0, "kind_pnl": pnl,
        "stop_initial": stop, "risk": risk, "r_multiple": pnl / risk, "signal_seq": seq, "config_version_id": 1 + (seq > n // 2),
        "source_hash": np.full(n, "s1"),
    }  # fmt: skip


def _signals(trades: dict[str, Any]) -> dict[str, Any]:
    n = len(trades["seq"])
    return {
        **{name: trades[name] for name in ("run_id", "seq", "slot_id", "direction", "config_version_id")},
        **{"decided_ts": trades["entry_ts"], "known_ts": trades["entry_ts"], "price": trades["entry_price"]},
        "kind": np.full(n, "entry"),
        "status": np.full(n, "taken"),
        "tag": TAGS[np.arange(n) % len(TAGS)],
        "order_seq": trades["seq"],
        "strength": strengths(n),
    }


def sure(n: int) -> Any:
    """float64[n]: how sure each signal is; what came after it knows a little of it."""
    return np.round(np.random.default_rng(29).random(n), 3)


def strengths(n: int) -> Any:
    """object[n]: what it says of that: nothing, for every second."""
    return np.where(np.arange(n) % 2 == 1, sure(n).astype(object), None)


def _equity(n: int) -> dict[str, Any]:
    ts = np.linspace(NOW - 1095 * 24 * HOUR, NOW - 1000, n).astype(np.int64)
    value = np.round(10_000 * np.exp(np.cumsum(np.random.default_rng(4).normal(0, 0.0005, n))), 6)
    zero = np.zeros(n, np.int64)
    return {"run_id": zero + 1, "slot_id": zero, "ts": ts, "equity": value, "cash": value, "exposure": zero * 0.0}
