"""What must hold of a ledger, however often its engine was killed."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

from db.session import open_engine
from engine.ledger.audit import audit
from engine.market.tape import Tape
from engine.research.parity import replay


def prove(folder: Path, market_truth: Any = None) -> dict[str, int]:
    """Integrity, audit, parity with a never-killed replay of the same tape, no entry earned from back-filled bars.

    `market_truth`: a sandbox Market by which every live second on the tape is checked. Returns counts for the report.
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
    seconds = the_tape_is_whole(folder / "runs" / str(run_id), market_truth)
    engine.dispose()
    return {"fills": parity.counts["fills"], "trades": parity.counts["trades"], "seconds": seconds}


def nothing_earned_from_gaps(database: Path, run_id: int) -> None:
    """No entry was taken that was decided while the engine was away."""
    query = """
        SELECT count(*) FROM signal s JOIN outage o ON o.run_id = s.run_id
        WHERE s.run_id = ? AND s.direction != 0 AND s.status = 'taken' AND s.kind = 'entry'
          AND s.decided_ts > o.from_ts AND s.decided_ts <= o.to_ts
    """
    with sqlite3.connect(database) as raw:
        assert raw.execute(query, (run_id,)).fetchone() == (0,)


def the_tape_is_whole(folder: Path, truth: Any) -> int:
    """Every second that printed stands on the tape exactly once, in order; live seconds equal the market's own prints."""
    last, seconds = 0, 0
    for event, _ in Tape(folder / "tape").read():
        if event[0] != "frame":
            continue
        assert event[1] > last, f"second {event[1]} after {last}"
        last = event[1]
        seconds += 1
        for symbol, flags, opened, high, low, close, volume, *_ in event[2]:
            if truth is not None and not flags:
                assert (opened, high, low, close) == truth(symbol, event[1]), (symbol, event[1])
            assert low <= min(opened, close)
            assert high >= max(opened, close)
            assert volume > 0
    return seconds
