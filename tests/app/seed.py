"""A database of invented trading for tests and pictures: deterministic, plainly named test data, of any size.

Prices are a seeded walk; trades are cut out of it, so entries, exits, excursions and stops fit together. It is no proof of
anything about the engine: it only has to look like a run.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sqlalchemy import Engine

from db.models import metadata
from db.session import migrate, write_session

NOW = 1_767_600_000_000
"""2026-01-05 08:00 UTC: the tests' present."""
MIN, HOUR, DAY = 60_000, 3_600_000, 86_400_000

SLOTS = (
    ("sma_cross", "BTC/USD", 61_000.0, MIN),
    ("sma_cross", "ETH/USD", 3_200.0, MIN),
    ("rsi_reversion", "SOL/USD", 148.0, 5 * MIN),
    ("donchian_breakout", "ETH/USD", 3_200.0, 15 * MIN),
    ("macd_trend", "DOGE/USD", 0.1234, 5 * MIN),
)
EXITS = ("exit", "stop", "target", "trail", "time", "manual")
CONFIG = """[run]\nname = "test-data"\n\n[account]\ncash = 10000\n\n[limits]\nmax_positions = 6\n"""


def _insert(session: Any, table: str, rows: list[dict[str, Any]]) -> None:
    for start in range(0, len(rows), 500):
        session.execute(metadata.tables[table].insert(), rows[start : start + 500])


def seed(
    engine: Engine,
    *,
    now: int = NOW,
    trades: int = 240,
    days: int = 20,
    heartbeat_age: int = 700,
    state: str = "running",
) -> int:
    """Fill an empty database with one paper run and one backtest; returns the paper run's number."""
    migrate(engine)
    with write_session(engine) as session:
        _insert(session, "run", [_run(1, "test-data", "paper", "running", now - days * DAY)])
        _insert(session, "config_version", _configs(now, days))
        _insert(session, "slot", [_slot(i, 1) for i in range(len(SLOTS))])
        made = Maker(now, trades, days)
        for table in ("equity", "signal", "orders", "fill", "trade", "position", "stop_move"):
            _insert(session, table, getattr(made, table))
        _insert(session, "engine_status", [_status(now, heartbeat_age, state, days)])
        _safety(session, now)
        _backtest(session, now)
    return 1


def _run(number: int, name: str, kind: str, status: str, started: int) -> dict[str, Any]:
    return {
        **{"id": number, "name": name, "kind": kind, "demo": kind == "paper", "status": status, "exchange": "coinbase"},
        **{"cash_start": 10_000.0, "finest_tf_ms": MIN, "created_ts": started, "started_ts": started},
        **{"config_version_id": 2 if kind == "paper" else None, "params": {}, "stats": {}},
    }


def _configs(now: int, days: int) -> list[dict[str, Any]]:
    row = {"run_id": 1, "source": "config.toml"}
    changed = CONFIG.replace("cash = 10000", "cash = 10000\nallow_short = true")
    return [
        {**row, "id": 1, "created_ts": now - days * DAY, "hash": "3f0a11", "text": CONFIG},
        {**row, "id": 2, "created_ts": now - 2 * DAY, "hash": "9c41d7", "text": changed},
    ]


def _slot(i: int, run: int) -> dict[str, Any]:
    strategy, symbol, _, tf = SLOTS[i]
    failed = strategy == "macd_trend"
    return {
        **{"id": i + 1, "run_id": run, "key": f"{i:012x}", "position": i, "strategy": strategy, "symbol": symbol},
        **{"timeframe_ms": tf, "params": {}, "state": "failed" if failed else "enabled"},
        "error": "signals() returned 499 values for 500 bars: return one value for each bar" if failed else None,
    }


def _status(now: int, age: int, state: str, days: int) -> dict[str, Any]:
    counters = {"frames": 182_344, "late prints": 3, "duplicate prints": 41, "reconnects": 2, "commits": 30_112}
    return {
        **{"run_id": 1, "pid": 4242, "host": "test", "version": "0.1.0", "mode": "paper", "demo": True, "state": state},
        **{
            "started_ts": now - days * DAY,
            "heartbeat_ts": now - age,
            "exchange_ts": now - age,
            "last_bar_ts": now - age - 1200,
        },
        **{
            "speed": 1.0,
            "feed": "coinbase websocket",
            "lag_ms": 34.0,
            "rss_mb": 181.0,
            "counters": counters,
            "message": "",
        },
    }


def _safety(session: Any, now: int) -> None:
    limits = (
        ("drawdown_reduce", "reduce_only", 0.10),
        ("drawdown_halt", "halted", 0.20),
        ("daily_loss_pause", "paused", 0.03),
    )
    rows = [
        {
            "run_id": 1,
            "name": n,
            "slot_id": 0,
            "state": "armed",
            "level": level,
            "value": 0.011,
            "threshold": limit,
            "count": 0,
        }
        for n, level, limit in limits
    ]
    _insert(session, "breaker", rows)
    event = {
        "run_id": 1,
        "breaker": "consecutive_losses",
        "scope": "slot",
        "slot_id": 1,
        "level": "paused",
        "numbers": {},
    }
    trip = {**event, "seq": 1, "ts": now - 5 * HOUR, "action": "trip", "value": 5.0, "threshold": 5.0, "reason": ""}
    end = {
        **event,
        "seq": 2,
        "ts": now - 4 * HOUR,
        "action": "end",
        "value": None,
        "threshold": None,
        "reason": "60 minutes are over",
    }
    _insert(session, "breaker_event", [trip, end])
    gap = {"run_id": 1, "reason": ""}
    first = {
        **gap,
        "seq": 1,
        "from_ts": now - 8 * DAY,
        "to_ts": now - 8 * DAY + 9 * HOUR,
        "cause": "socket closed",
        "source": "trades",
        "frames": 310,
    }
    second = {
        **gap,
        "seq": 2,
        "from_ts": now - 3 * HOUR,
        "to_ts": now - 3 * HOUR + 4 * MIN,
        "cause": "silence",
        "source": "candles",
        "frames": 4,
    }
    _insert(session, "outage", [first, second])
    marks = [
        (20 * DAY, "start", "version 0.1.0"),
        (8 * DAY - 9 * HOUR, "recovery", "310 frames filled"),
        (2 * DAY, "config", "allow_short"),
    ]
    _insert(session, "run_marker", [{"run_id": 1, "ts": now - ago, "kind": k, "text": t} for ago, k, t in marks])
    done = {"run_id": 1, "args": {}, "source": "app"}
    _insert(
        session,
        "command",
        [
            {
                **done,
                "uuid": "a",
                "kind": "pause",
                "created_ts": now - HOUR,
                "state": "done",
                "acked_ts": now - HOUR + 200,
                "result": "no new entries",
            },
            {
                **done,
                "uuid": "b",
                "kind": "resume",
                "created_ts": now - 50 * MIN,
                "state": "done",
                "acked_ts": now - 50 * MIN + 90,
                "result": "running",
            },
        ],
    )


def _backtest(session: Any, now: int) -> None:
    _insert(session, "run", [_run(2, "test-backtest", "backtest", "complete", now - DAY)])
    _insert(session, "slot", [{**_slot(0, 2), "id": 100}])
    points = 10_000 * np.exp(np.cumsum(np.random.default_rng(5).normal(0.0002, 0.004, 400)))
    curve = [
        {
            "run_id": 2,
            "slot_id": 0,
            "ts": now - (400 - i) * HOUR,
            "equity": round(float(v), 6),
            "cash": 5_000.0,
            "exposure": 5_000.0,
        }
        for i, v in enumerate(points)
    ]
    _insert(session, "equity", curve)


class Maker:
    """Rows of a run's ledger, table by table, made in one pass over its trades."""

    def __init__(self, now: int, trades: int, days: int) -> None:
        self.now, self.start = now, now - days * DAY
        self.random = np.random.default_rng(11)
        self.orders: list[dict[str, Any]] = []
        self.fill: list[dict[str, Any]] = []
        self.signal: list[dict[str, Any]] = []
        self.trade: list[dict[str, Any]] = []
        self.position: list[dict[str, Any]] = []
        self.stop_move: list[dict[str, Any]] = []
        self.cash = 10_000.0
        self._make_trades(trades)
        self._make_positions()
        self.equity = self._make_equity(days)

    def _make_trades(self, count: int) -> None:
        exits = np.sort(self.random.integers(self.start + 2 * HOUR, self.now - 30 * MIN, count))
        moves = self.random.standard_t(4, count) * 0.006 + 0.0007
        for i in range(count):
            self._trade(i, int(exits[i]) // 1000 * 1000, float(np.clip(moves[i], -0.02, 0.04)))

    def _trade(self, i: int, exit_ts: int, move: float) -> None:
        slot = int(self.random.integers(0, 4))
        _, symbol, level, tf = SLOTS[slot]
        direction = 1 if self.random.random() < 0.8 else -1
        entry = round(level * (1 + 0.1 * np.sin(exit_ts / (3 * DAY)) + self.random.normal(0, 0.01)), 2)
        exit_price = round(entry * (1 + direction * move), 2)
        qty = round(1_500 / entry, 6)
        entry_ts = max(exit_ts - int(self.random.gamma(2, 25 * MIN)) // 1000 * 1000, self.start)
        fees = round(qty * (entry + exit_price) * 0.001, 6)
        pnl = round(direction * qty * (exit_price - entry) - fees, 6)
        stop = round(entry * (1 - direction * 0.02), 2)
        reason = (
            "stop"
            if move <= -0.0199
            else "target"
            if move >= 0.0399
            else EXITS[int(self.random.integers(0, 6)) % 5 if i % 9 else 5]
        )
        signal, first = (
            self._signal(slot, entry_ts, direction, entry),
            self._order(slot, entry_ts, direction, qty, entry, "entry"),
        )
        second = self._order(slot, exit_ts, -direction, qty, exit_price, reason)
        self.signal[-1]["order_seq"] = first
        self.stop_move.append(
            {"run_id": 1, "slot_id": slot + 1, "trade_seq": i + 1, "ts": entry_ts, "stop": stop, "reason": "initial"}
        )
        self.trade.append(
            {
                **{
                    "run_id": 1,
                    "seq": i + 1,
                    "slot_id": slot + 1,
                    "symbol": symbol,
                    "direction": direction,
                    "qty": qty,
                },
                **{"entry_ts": entry_ts, "exit_ts": exit_ts, "entry_price": entry, "exit_price": exit_price},
                **{"entry_notional": round(qty * entry, 6), "exit_notional": round(qty * exit_price, 6), "fees": fees},
                **{
                    "pnl": pnl,
                    "pnl_pct": pnl / (qty * entry),
                    "exit_reason": reason,
                    "bars_held": (exit_ts - entry_ts) // tf,
                },
                **{
                    "mae": max(-move, 0) + 0.002,
                    "mfe": max(move, 0) + 0.003,
                    "ambiguous": i % 40 == 0,
                    "kind_pnl": pnl,
                },
                **{
                    "stop_initial": stop,
                    "risk": round(qty * abs(entry - stop), 6),
                    "r_multiple": pnl / (qty * abs(entry - stop)),
                },
                **{"signal_seq": signal, "entry_order_seq": first, "exit_order_seq": second, "config_version_id": 1},
            }
        )

    def _signal(self, slot: int, ts: int, direction: int, price: float, status: str = "taken", reason: str = "") -> int:
        seq = len(self.signal) + 1
        self.signal.append(
            {
                **{
                    "run_id": 1,
                    "seq": seq,
                    "slot_id": slot + 1,
                    "decided_ts": ts,
                    "known_ts": ts + 1250,
                    "kind": "entry",
                },
                **{
                    "direction": direction,
                    "strength": round(float(self.random.random()), 2),
                    "tag": "cross",
                    "price": price,
                },
                **{"status": status, "reason": reason, "order_seq": None, "config_version_id": 1},
                "checks": {"fast mean above slow mean": True, "volume above its average": bool(seq % 2)},
            }
        )
        return seq

    def _order(self, slot: int, ts: int, direction: int, qty: float, price: float, purpose: str) -> int:
        seq = len(self.orders) + 1
        side = "buy" if direction > 0 else "sell"
        row = {"run_id": 1, "slot_id": slot + 1, "symbol": SLOTS[slot][1], "side": side, "qty": qty}
        self.orders.append(
            {
                **{**row, "seq": seq, "purpose": purpose, "type": "market", "filled_qty": qty, "price_ref": price},
                **{"state": "filled", "created_ts": ts, "known_ts": ts, "done_ts": ts},
            }
        )
        self.fill.append(
            {
                **{
                    **row,
                    "seq": seq,
                    "order_seq": seq,
                    "price": price,
                    "base_price": price,
                    "notional": round(qty * price, 6),
                },
                **{"fee": round(qty * price * 0.001, 6), "liquidity": "taker", "ts": ts, "cash_after": self.cash},
            }
        )
        return seq

    def _make_positions(self) -> None:
        self._position(0, 1, 0.0132, 0.0105, 95, trailed=4)
        self._position(2, 1, -0.0061, 0.02, 40)
        self._position(3, -1, 0.0044, None, 220)
        self._signal(1, self.now - 12 * MIN, 1, 3_210.0, "refused", "symbol_cap")

    def _position(
        self, slot: int, direction: int, move: float, stop_distance: float | None, minutes: int, trailed: int = 0
    ) -> None:
        _, symbol, level, tf = SLOTS[slot]
        entry_ts, qty = self.now - minutes * MIN, round(1_800 / level, 6)
        mark = round(level * (1 + direction * move), 2)
        first = round(level * (1 - direction * 0.02), 2) if stop_distance else None
        stop = round(mark * (1 - direction * stop_distance), 2) if stop_distance else None
        if slot == 2:
            stop = first
        signal = self._signal(slot, entry_ts, direction, level)
        self._order(slot, entry_ts, direction, qty, level, "entry")
        place = {"run_id": 1, "slot_id": slot + 1, "trade_seq": 9_000_000 + slot}
        for k in range(trailed + 1 if first else 0):
            level_k = round(first + (stop - first) * k / max(trailed, 1), 2)
            self.stop_move.append(
                {**place, "ts": entry_ts + k * 18 * MIN, "stop": level_k, "reason": "trail" if k else "initial"}
            )
        self.position.append(
            {
                **{
                    **place,
                    "symbol": symbol,
                    "direction": direction,
                    "qty": qty,
                    "entry_ts": entry_ts,
                    "entry_price": level,
                },
                **{
                    "entry_notional": qty * level,
                    "fees": qty * level * 0.001,
                    "stop": stop,
                    "stop_initial": first,
                    "mark": mark,
                },
                **{
                    "mark_ts": self.now - 2000,
                    "unrealized": round(direction * qty * (mark - level), 6),
                },
                **{
                    "mae": 0.0041,
                    "mfe": max(move, 0) + 0.0031,
                    "risk": round(qty * abs(mark - stop), 6) if stop else None,
                },
                **{
                    "bars_held": minutes * MIN // tf,
                    "signal_seq": signal,
                    "status": "open",
                    "stale": False,
                    "updated_ts": self.now,
                },
                "target": round(level * (1 + direction * 0.04), 2),
            }
        )

    def _make_equity(self, days: int) -> list[dict[str, Any]]:
        n = min(days * 1440, 40_000)
        ts = np.linspace(self.start, self.now - 1000, n).astype(np.int64)
        exits = np.array([t["exit_ts"] for t in self.trade])
        total = np.concatenate([[0.0], np.cumsum([t["pnl"] for t in self.trade])])
        wobble = np.cumsum(self.random.normal(0, 1.1, n))
        wobble -= np.linspace(0, wobble[-1], n)
        equity = (
            10_000
            + total[np.searchsorted(exits, ts, side="right")]
            + wobble
            + sum(p["unrealized"] for p in self.position)
        )
        exposure = 0.2 + 0.15 * np.sin(np.arange(n) / 300)
        return [
            {
                "run_id": 1,
                "slot_id": 0,
                "ts": int(t),
                "equity": round(float(e), 6),
                "cash": round(float(e * (1 - x)), 6),
                "exposure": round(float(e * x), 6),
            }
            for t, e, x in zip(ts, equity, exposure, strict=True)
        ]
