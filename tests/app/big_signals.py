"""A hundred thousand invented signals with outcomes beside tests.app.big's trades: for what must stay fast. Deterministic."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import numpy as np

from tests.app.big import _fill
from tests.app.big import make as make_trades

BLOCKS = np.array(["max_positions", "symbol_cap", "breaker", "in_position", "cooldown"])
REGIMES = np.array(["above low", "above middle", "above high", "below low", "below high", ""])


def make(file: Path, signals: int = 100_000) -> Path:
    """Half of the signals taken, half blocked; all followed up; every second has a strength that tells a little."""
    half = signals // 2
    make_trades(file, trades=half, points=1_000)
    with sqlite3.connect(file) as raw:
        raw.execute("PRAGMA synchronous=OFF")
        raw.execute("UPDATE signal SET order_seq = seq")
        first, last = raw.execute("SELECT min(decided_ts), max(decided_ts) FROM signal").fetchone()
        strength, outcomes = _outcomes(signals)
        _fill(raw, "signal", _blocked(half, first, last))
        raw.executemany(
            "UPDATE signal SET strength = ? WHERE run_id = 1 AND seq = ?",
            zip(strength, outcomes["signal_seq"].tolist(), strict=True),
        )
        _fill(raw, "signal_outcome", outcomes)
        raw.execute("ANALYZE")
    return file


def _blocked(n: int, first: int, last: int) -> dict[str, Any]:
    random = np.random.default_rng(17)
    ts = np.sort(random.integers(first, last, n))
    return {
        "run_id": np.ones(n, np.int64), "seq": n + 1 + np.arange(n), "slot_id": random.integers(1, 6, n),
        "direction": np.where(random.random(n) < 0.7, 1, -1), "config_version_id": np.ones(n, np.int64), "decided_ts": ts,
        "known_ts": ts, "price": np.full(n, 100.0), "kind": np.full(n, "entry"), "tag": np.full(n, "late"),
        "status": np.where(np.arange(n) % 5 == 3, "ignored", "refused"), "reason": BLOCKS[np.arange(n) % 5],
    }  # fmt: skip


def _outcomes(n: int) -> tuple[list[Any], dict[str, Any]]:
    random = np.random.default_rng(23)
    sure = np.round(random.random(n), 3)
    edge = (sure - 0.5) * 0.004 - 0.001
    moves = {
        f"r{bars}": np.round(edge + random.standard_t(4, n) * 0.004 * np.sqrt(bars), 8) for bars in (1, 4, 12, 24, 72)
    }
    strength = [float(value) if k % 2 else None for k, value in enumerate(sure)]
    return strength, {
        "run_id": np.ones(n, np.int64), "signal_seq": 1 + np.arange(n), "base_ts": 1_700_000_000_000 + np.arange(n),
        "base_price": np.full(n, 100.0), "cost": np.full(n, 0.0021), **moves, "mae": np.full(n, 0.01), "mfe": np.full(n, 0.012),
        "result": moves["r12"], "exit_ts": 1_700_000_100_000 + np.arange(n), "exit_reason": np.full(n, "exit"),
        "held_bars": np.full(n, 12), "regime": REGIMES[np.arange(n) % len(REGIMES)], "resolved": np.ones(n, np.int64),
        "updated_ts": np.full(n, 1_767_600_000_000),
    }  # fmt: skip
