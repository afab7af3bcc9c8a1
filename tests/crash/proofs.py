"""What must hold of a ledger, however often its engine was killed."""

from __future__ import annotations

import math
import sqlite3
from pathlib import Path
from typing import Any

from db.session import open_engine
from engine.ledger.audit import audit
from engine.market.tape import Tape
from engine.research.parity import replay
from tests.crash.session import Truth


def prove(folder: Path, truth: Truth | None = None) -> dict[str, int]:
    """Integrity, audit, parity with a never-killed replay of the same tape, no entry earned from back-filled bars.

    `truth`: the market by which every second on the tape is checked. Returns counts for the report.
    """
    database = folder / "evenkeel.db"
    with sqlite3.connect(database) as raw:
        assert raw.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert raw.execute("PRAGMA foreign_key_check").fetchall() == []
        run_id = raw.execute("SELECT id FROM run WHERE name = 'crash'").fetchone()[0]
    engine = open_engine(f"sqlite:///{database}")
    books = audit(engine, run_id)
    assert books.ok, books.problems
    parity = replay(run_id, engine, folder / "runs")
    assert parity.ok, parity.differences
    nothing_earned_from_gaps(database, run_id)
    seconds = the_tape_is_whole(folder / "runs" / str(run_id), truth)
    engine.dispose()
    return {"fills": parity.counts["fills"], "trades": parity.counts["trades"], "seconds": seconds}


def nothing_earned_from_gaps(database: Path, run_id: int) -> None:
    """No position was opened on what was decided while the engine was away."""
    query = """
        SELECT s.seq FROM signal s JOIN outage o ON o.run_id = s.run_id
        WHERE s.run_id = ? AND s.direction != 0 AND s.status = 'taken' AND s.kind IN ('entry', 'flip')
          AND s.decided_ts > o.from_ts AND s.decided_ts <= o.to_ts
    """
    with sqlite3.connect(database) as raw:
        earned = raw.execute(query, (run_id,)).fetchall()
    assert not earned, f"entries were earned from back-filled bars: signals {earned}"


def the_tape_is_whole(folder: Path, truth: Truth | None) -> int:
    """Every second that printed stands on the tape exactly once, in order, as the market made it; how many seconds.

    Left out is what was taken from candles: the minutes of the start, and of outages longer than prints are asked for.
    """
    last, seconds, source = 0, 0, ""
    seen: set[tuple[int, int]] = set()
    untold: list[tuple[int, int]] = []
    for event, _ in Tape(folder / "tape").read():
        if event[0] == "gap":
            source = event[4]
            if source != "trades":
                untold.append((event[1], event[2]))
        elif event[0] == "gap_end":
            source = ""
        if event[0] != "frame":
            continue
        assert event[1] > last, f"second {event[1]} after {last}"
        last = event[1]
        seconds += 1
        for bar in event[2]:
            _is_true(bar, last, truth if source in ("", "trades") else None)
            seen.add((bar[0], last))
    if truth is not None and untold:
        _nothing_lost(truth, seen, untold, last)
    return seconds


def _is_true(bar: list[Any], ts: int, truth: Truth | None) -> None:
    symbol, _, opened, high, low, close, volume, *_ = bar
    assert low <= min(opened, close), bar
    assert high >= max(opened, close), bar
    assert volume > 0, bar
    if truth is not None:
        assert (symbol, ts) in truth.seconds, f"second {ts} of symbol {symbol} never was"
        *prices, traded = truth.seconds[symbol, ts]
        assert [opened, high, low, close] == prices, f"second {ts} of symbol {symbol}"
        assert math.isclose(volume, traded, rel_tol=1e-9), (
            f"second {ts} of symbol {symbol}: volume {volume}, not {traded}"
        )


def _nothing_lost(truth: Truth, seen: set[tuple[int, int]], untold: list[tuple[int, int]], last: int) -> None:
    """Every second of the market between the start and the tape's last is there, but for what only candles told."""
    begun, symbols = untold[0][1], {symbol for symbol, _ in seen}
    lost = [
        (symbol, ts)
        for symbol, ts in truth.seconds
        if symbol in symbols
        and begun <= ts <= last
        and (symbol, ts) not in seen
        and not any(a <= ts < b for a, b in untold)
    ]
    assert not lost, f"{len(lost)} seconds were lost, the first {min(lost, key=lambda s: s[1])}"
