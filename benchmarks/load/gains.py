"""What was optimised, the old way beside the present one in this very run: ratios that stand on a machine that others use too.

Each pair does the same work; rounds alternate and the middle one is told. What computes is timed by the processor, what waits for
the disk by the wall.
"""

from __future__ import annotations

import io
import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.load.frames import Maker
from benchmarks.load.machine import PRICES
from db.schema import check_schema
from db.session import open_engine
from engine.market.barbook import sync_all
from engine.market.feeds._frames import Frames
from engine.sandbox.products import LISTED
from tests.app import big

ROUNDS, MESSAGES, ROWS, FILES, ASKED = 5, 2000, 64, 6, 200
Work = Callable[[], object]


def measure(folder: Path, quick: bool = False) -> dict[str, Any]:
    """[{"what", "before", "after", "unit", "clock"}]: the middle of the rounds, in the unit of one piece of work."""
    trades, rounds = (30_000, 2) if quick else (100_000, ROUNDS)
    file = big.make(folder / "evenkeel.db", trades)
    pairs = [_frames(), _index(file, trades), _connection(file), _start(file, trades), _batch(folder), _synced(folder)]
    return {"rows": [_timed(*pair, rounds) for pair in pairs]}


def _timed(what: str, before: Work, after: Work, pieces: int, clock: str, rounds: int) -> dict[str, Any]:
    now = time.process_time if clock == "processor" else time.perf_counter
    took: tuple[list[float], list[float]] = ([], [])
    for turn in range(rounds + 1):
        for kept, work in zip(took, (before, after), strict=True):
            begun = now()
            work()
            if turn:  # the first is only warmth
                kept.append((now() - begun) / pieces * 1e6)
    one, other = median(took[0]), median(took[1])
    return {"what": what, "before": one, "after": other, "times": one / other if other else None, "clock": clock}


def _frames() -> tuple[str, Work, Work, int, str]:
    """A stream's messages taken out of their frames: by the WebSocket library, and in blocks."""
    from websocket._abnf import continuous_frame, frame_buffer

    data = b"".join(Maker(LISTED, PRICES).stretch(1_772_452_860_000, MESSAGES, 1.0, 20.0).bursts)
    count = sum(1 for _ in Frames().take(data))

    def library() -> None:
        read = io.BytesIO(data).read
        frames, whole = frame_buffer(read, False), continuous_frame(False, False)
        for _ in range(count):
            frame = frames.recv_frame()
            whole.validate(frame)
            whole.add(frame)
            whole.extract(frame)

    def blocks() -> None:
        taken, source = Frames(), io.BytesIO(data)
        while block := source.read(65_536):
            taken.take(block)

    return "a message out of its frame: the WebSocket library, in blocks", library, blocks, count, "processor"


def _index(file: Path, trades: int) -> tuple[str, Work, Work, int, str]:
    """The newest fifty trades, as pages ask for them."""
    raw = sqlite3.connect(f"file:{file}?mode=ro", uri=True)
    sql = "SELECT seq, pnl FROM trade {} WHERE run_id = 1 ORDER BY exit_ts DESC LIMIT 50"

    def asked(how: str) -> Work:
        return lambda: raw.execute(sql.format(how)).fetchall()

    return f"the newest 50 of {trades:,} trades: walked, by index", asked("NOT INDEXED"), asked(""), 1, "processor"


def _connection(file: Path) -> tuple[str, Work, Work, int, str]:
    """A small query over a connection of its own, and over one that is kept."""
    url, sql = f"sqlite:///{file}", "SELECT state FROM engine_status WHERE run_id = 1"
    kept = open_engine(url, read_only=True)

    def anew() -> None:
        for _ in range(ASKED // 10):
            engine = open_engine(url, read_only=True)
            with engine.connect() as connection:
                connection.exec_driver_sql(sql).fetchone()
            engine.dispose()

    def again() -> None:
        for _ in range(ASKED // 10):
            with kept.connect() as connection:
                connection.exec_driver_sql(sql).fetchone()

    return "a small query: database opened for it, connection kept", anew, again, ASKED // 10, "processor"


def _start(file: Path, trades: int) -> tuple[str, Work, Work, int, str]:
    """What a start looks at: every row's foreign keys, or the schema's number."""
    engine = open_engine(f"sqlite:///{file}")

    def walked() -> None:
        with closing(sqlite3.connect(file)) as raw:
            raw.execute("PRAGMA foreign_key_check").fetchall()

    return (
        f"a start's look at a ledger of {trades:,} trades: every row, the schema's number",
        walked,
        lambda: check_schema(engine),
        1,
        "processor",
    )


def _batch(folder: Path) -> tuple[str, Work, Work, int, str]:
    """Rows of services made durable: each alone, and as many as go with one of the engine's transactions."""
    raw = sqlite3.connect(folder / "batch.db", isolation_level=None)
    for pragma in ("journal_mode=WAL", "synchronous=FULL"):
        raw.execute(f"PRAGMA {pragma}")
    raw.execute("CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT)")

    def rows(each: int) -> Work:
        def work() -> None:
            for _ in range(ROWS // each):
                raw.execute("BEGIN IMMEDIATE")
                raw.executemany("INSERT INTO t (b) VALUES (?)", [("x" * 200,)] * each)
                raw.execute("COMMIT")

        return work

    return f"a row made durable: alone, {ROWS} a transaction", rows(1), rows(ROWS), ROWS, "wall"


def _synced(folder: Path) -> tuple[str, Work, Work, int, str]:
    """Bar files of several symbols made safe: one after the other, and asked for together."""
    files = [(folder / f"{k}.bars").open("ab", buffering=0) for k in range(FILES)]

    def written() -> list[int]:
        for file in files:
            file.write(b"x" * 500)
        return [file.fileno() for file in files]

    def one_by_one() -> None:
        for handle in written():
            os.fsync(handle)

    return f"{FILES} files' ends made safe: in turn, together", one_by_one, lambda: sync_all(written()), 1, "wall"
