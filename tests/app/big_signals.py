"""Invented signals that were blocked, and the outcomes of all, beside tests.app.big's trades. Deterministic."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import numpy as np

from tests.app.big import _fill, strengths, sure

BLOCKS = np.array(["max_positions", "symbol_cap", "breaker", "in_position", "cooldown"])
REGIMES = np.array(["above low", "above middle", "above high", "below low", "below high", ""])


def add(file: Path, blocked: int = 50_000) -> None:
    """So many blocked signals beside the taken ones of the trades, and what came after each of both."""
    with sqlite3.connect(file) as raw:
        raw.execute("PRAGMA synchronous=OFF")
        taken, first, last = raw.execute("SELECT count(*), min(decided_ts), max(decided_ts) FROM signal").fetchone()
        _fill(raw, "signal", _blocked(blocked, taken, first, last))
        _fill(raw, "signal_outcome", _outcomes(taken + blocked))
        raw.execute("ANALYZE")


def _blocked(n: int, taken: int, first: int, last: int) -> dict[str, Any]:
    random = np.random.default_rng(17)
    ts = np.sort(random.integers(first, last, n))
    return {
        "run_id": np.ones(n, np.int64), "seq": taken + 1 + np.arange(n), "slot_id": random.integers(1, 6, n),
        "direction": np.where(random.random(n) < 0.7, 1, -1), "config_version_id": np.ones(n, np.int64), "decided_ts": ts,
        "known_ts": ts, "price": np.full(n, 100.0), "kind": np.full(n, "entry"), "tag": np.full(n, "late"),
        "status": np.where(np.arange(n) % 5 == 3, "ignored", "refused"), "reason": BLOCKS[np.arange(n) % 5],
        "strength": strengths(taken + n)[taken:],
    }  # fmt: skip


def _outcomes(n: int) -> dict[str, Any]:
    random = np.random.default_rng(23)
    edge = (sure(n) - 0.5) * 0.004 - 0.001
    moves = {
        f"r{bars}": np.round(edge + random.standard_t(4, n) * 0.004 * np.sqrt(bars), 8) for bars in (1, 4, 12, 24, 72)
    }
    return {
        "run_id": np.ones(n, np.int64), "signal_seq": 1 + np.arange(n), "base_ts": 1_700_000_000_000 + np.arange(n),
        "base_price": np.full(n, 100.0), "cost": np.full(n, 0.0021), **moves, "mae": np.full(n, 0.01), "mfe": np.full(n, 0.012),
        "result": moves["r12"], "exit_ts": 1_700_000_100_000 + np.arange(n), "exit_reason": np.full(n, "exit"),
        "held_bars": np.full(n, 12), "regime": REGIMES[np.arange(n) % len(REGIMES)], "resolved": np.ones(n, np.int64),
        "updated_ts": np.full(n, 1_767_600_000_000),
    }  # fmt: skip
