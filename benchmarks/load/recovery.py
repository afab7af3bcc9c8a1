"""Taking up a long run: a ledger of a million fills, an engine that was killed, how soon it is ready.

Ready is the first commit of the new life, behind which the feed is opened: lock, schema, the run's row, snapshot, tape behind it.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.load import rig
from engine.market.tape import Position, Tape

FILLS = 1_000_000
TIMES = 3
READY = "open to ready"
ALIVE = f"SELECT 1 FROM engine_status WHERE state = 'running' AND pid = ? AND {rig.MINE}"


def measure(folder: Path, quick: bool = False) -> dict[str, Any]:
    """Seconds from open to ready, the middle of several lives; the parts of the middle one, of the wall and of the processor."""
    fills = 100_000 if quick else FILLS
    with rig.market(folder) as exchange, rig.engine(folder, exchange) as engine:
        engine.live()
        exchange.stretch("a", 500.0, 4.0)
        engine.stop()
    _fill(folder / "evenkeel.db", fills)
    lives = [_life(folder, k) for k in range(1 if quick else TIMES)]
    ready = sorted(lives, key=lambda one: one["parts"][READY][0])[(len(lives) - 1) // 2]
    cpu = sorted(one["parts"][READY][1] for one in lives)[(len(lives) - 1) // 2]
    return {
        "fills": fills, "events": ready["events"], "ready_s": ready["parts"][READY][0], "ready_cpu_s": cpu,
        "parts": ready["parts"], "all": [one["parts"][READY] for one in lives], "limits": _limits(folder),
    }  # fmt: skip


def _life(folder: Path, number: int) -> dict[str, Any]:
    """An engine killed at work, and the next: its parts as [s of the wall, s of the processor]."""
    with rig.market(folder) as exchange, rig.engine(folder, exchange) as engine:
        engine.live()
        exchange.begin(f"b{number}", 500.0, 4.0)
        time.sleep(3.0)
        engine.process.kill()
        engine.process.wait()
    events = _behind(folder)
    with rig.market(folder) as exchange, rig.engine(folder, exchange) as engine:
        begun = engine.begun
        rig.until(lambda: engine.ask(ALIVE, engine.process.pid), "the engine is ready")
        notes = engine.stop()
    at = {str(name): pair for name, pair in zip(notes["names"], notes["marks"], strict=True)}
    start = np.array([begun, 0.0])
    parts = {
        "lock, schema, snapshot and tape": at["opened"] - at["opening"],
        "the first commit behind it": at["ready"] - at["opened"],
        READY: at["ready"] - at["opening"],
        "process start to ready": at["ready"] - start,
    }
    return {"parts": {name: both.tolist() for name, both in parts.items()}, "events": events}


def _limits(folder: Path) -> dict[str, Any]:
    """What the ledger's size costs by nature: [s of the wall, s of the processor] of reading its file once and of walking over
    its fills in SQL, which a start must not do."""
    file = folder / "evenkeel.db"

    def timed(work: Callable[[], object]) -> list[float]:
        begun, used = time.perf_counter(), time.process_time()
        work()
        return [time.perf_counter() - begun, time.process_time() - used]

    def read() -> None:
        with file.open("rb", buffering=0) as raw:
            while raw.read(1 << 20):
                pass

    def walk() -> None:
        with closing(sqlite3.connect(file)) as raw:
            raw.execute("SELECT sum(qty) FROM fill").fetchone()

    return {"bytes": file.stat().st_size, "read": timed(read), "walk": timed(walk)}


def _behind(folder: Path) -> int:
    """Events on the tape behind the last snapshot."""
    with sqlite3.connect(folder / "evenkeel.db") as raw:
        row = raw.execute(
            "SELECT run_id, tape_day, tape_offset, tape_seq FROM snapshot ORDER BY id DESC LIMIT 1"
        ).fetchone()
    return sum(1 for _ in Tape(folder / "runs" / str(row[0]) / "tape").read(Position(*row[1:])))


def _fill(file: Path, fills: int) -> None:
    """A long past under the run's own number, above its own rows: orders, fills, and a trade for every second fill."""
    with sqlite3.connect(file) as raw:
        raw.execute("PRAGMA synchronous=OFF")
        run, slot = raw.execute(
            "SELECT r.id, min(s.id) FROM run r JOIN slot s ON s.run_id = r.id WHERE r.name = 'load'"
        ).fetchone()
        numbers = range(FIRST, FIRST + fills)
        raw.executemany(ORDER, ((run, n, slot, _ts(n), _ts(n), _ts(n)) for n in numbers))
        raw.executemany(FILL, ((run, n, n, slot, _ts(n)) for n in numbers))
        raw.executemany(TRADE, ((run, n, slot, _ts(n), _ts(n + 1)) for n in numbers[::2]))
        raw.execute("ANALYZE")


def _ts(number: int) -> int:
    return 1_600_000_000_000 + (number - FIRST) * 60_000


FIRST = 10_000_000
ORDER = """INSERT INTO orders (run_id, seq, slot_id, symbol, side, purpose, type, qty, filled_qty, reserved, state, reason,
    created_ts, known_ts, done_ts) VALUES (?, ?, ?, 'BTC/USD', 'buy', 'entry', 'market', 0.01, 0.01, 0, 'filled', '', ?, ?, ?)"""
FILL = """INSERT INTO fill (run_id, seq, order_seq, slot_id, symbol, side, qty, price, base_price, notional, fee, liquidity, ts,
    cash_after) VALUES (?, ?, ?, ?, 'BTC/USD', 'buy', 0.01, 64000, 64000, 640, 3.8, 'taker', ?, 100000)"""
TRADE = """INSERT INTO trade (run_id, seq, slot_id, symbol, direction, qty, entry_ts, exit_ts, entry_price, exit_price,
    entry_notional, exit_notional, fees, funding, pnl, pnl_pct, exit_reason, bars_held, ambiguous, kind_pnl, mae, mfe)
    VALUES (?, ?, ?, 'BTC/USD', 1, 0.01, ?, ?, 64000, 64100, 640, 641, 7.7, 0, -6.7, -0.01, 'exit', 1, 0, -6.7, 0.01, 0.01)"""
