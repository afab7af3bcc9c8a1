"""A bad exchange and a locked database: the books stay exact, nothing is lost, doubled or invented, and the outage is told."""

from __future__ import annotations

import random
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from tests.crash.proofs import prove
from tests.crash.session import START_MS, Engine, Market, market

SESSION_S = 450
SEED = 38
AT = START_MS + 270_000
"""When faults strike: the run holds something by then."""

FAULTS: dict[str, list[dict[str, Any]]] = {
    "messages": [
        {"kind": "duplicate", "probability": 0.1},
        {"kind": "shuffle", "probability": 0.1},
        {"kind": "garbage", "probability": 0.05},
        {"kind": "drop", "probability": 0.002},
    ],
    "connection": [
        {"kind": "disconnect", "at": AT},
        {"kind": "disconnect", "at": AT + 40_000},
        {"kind": "silence", "at": AT + 90_000, "seconds": 40},
        {"kind": "http", "at": AT, "status": 429, "probability": 0.3},
        {"kind": "http", "at": AT, "status": 503, "probability": 0.3},
        {"kind": "slow", "delay": 0.2, "probability": 0.3},
        {"kind": "candle_gaps", "probability": 0.1},
    ],
}


def lived(folder: Path, place: Market) -> dict[str, int]:
    """A session to its end, proven against the market's own seconds."""
    engine = Engine(folder, place)
    engine.finish()
    counts = prove(folder, place.truth())
    assert counts["fills"] > 0, "a session without fills proves nothing"
    return counts


def told(folder: Path, query: str) -> list[tuple[Any, ...]]:
    with sqlite3.connect(folder / "evenkeel.db") as raw:
        return raw.execute(query).fetchall()


@pytest.mark.parametrize("kind", FAULTS)
def test_faults_of(tmp_path: Path, kind: str) -> None:
    with market(SESSION_S, seed=SEED) as place:
        for fault in FAULTS[kind]:
            place.fault(**{"at": AT, **fault})
        lived(tmp_path, place)
    outages = told(tmp_path, "SELECT cause, source FROM outage ORDER BY from_ts")
    if kind == "connection":
        assert len(outages) >= 3, outages
        assert {source for _, source in outages} == {"trades"}
        assert told(tmp_path, "SELECT count(*) FROM alert WHERE kind = 'outage'") == [(len(outages),)]


@pytest.mark.long  # the simulation shuffles in every seed; here are the real sockets
def test_a_stream_out_of_order_is_no_outage(tmp_path: Path) -> None:
    """Not one message is missing: hundreds change places, and hardly ever is the exchange asked for one."""
    with market(300, seed=SEED, rate=3.0) as place:
        place.fault(kind="shuffle", at=START_MS, probability=0.15)
        place.fault(kind="duplicate", at=START_MS, probability=0.15)
        lived(tmp_path, place)
    ((outages,),) = told(tmp_path, "SELECT count(*) FROM outage")
    assert outages <= 5, "only where a quiet moment lay between two messages"


def test_an_exchange_gone_for_ten_minutes(tmp_path: Path) -> None:
    with market(1020, seed=SEED) as place:
        place.fault(kind="gone", at=AT, seconds=600)
        lived(tmp_path, place)
    ((start, end, source),) = told(tmp_path, "SELECT from_ts, to_ts, source FROM outage")
    assert start <= AT
    assert end >= AT + 600_000
    assert source == "trades"


@pytest.mark.parametrize("seconds", [5])
def test_a_database_locked_by_another_process(tmp_path: Path, seconds: int) -> None:
    """The market goes on, the ledger waits; a kill meanwhile loses nothing either."""
    with market(SESSION_S, seed=SEED) as place:
        engine = Engine(tmp_path, place)
        locked_once(engine, seconds)
        engine.die_cold(random.Random(1), "commit.done")
        engine.finish()
        counts = prove(tmp_path, place.truth())
    assert counts["fills"] > 0


def locked_once(engine: Engine, seconds: int) -> None:
    """A life in which the database is locked for `seconds` of the wall's time; killed before the lock is given back."""
    import subprocess
    import sys

    from tests.crash.session import _until

    process = engine.spawn()
    try:
        _until(lambda: _rows(engine.folder, "SELECT count(*) FROM snapshot") > 1, 60, engine.last_words())
        holder = (
            "import sqlite3, sys, time\n"
            "raw = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=30)\n"
            "raw.execute('BEGIN IMMEDIATE')\nprint('held', flush=True)\ntime.sleep(float(sys.argv[2]))\nraw.execute('ROLLBACK')\n"
        )
        command = [sys.executable, "-c", holder, str(engine.folder / "evenkeel.db"), str(seconds)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as locker:
            assert locker.stdout is not None
            assert locker.stdout.readline() == b"held\n"
            before = _rows(engine.folder, "SELECT max(id) FROM snapshot")
            _until(lambda: "the ledger waits" in engine.last_words(), 30, "it did not notice the lock")
            assert _rows(engine.folder, "SELECT max(id) FROM snapshot") == before
            assert process.poll() is None
        _until(lambda: "the database is free again" in engine.last_words(), 60, engine.last_words())
    finally:
        process.kill()
        process.wait()


def _rows(folder: Path, query: str) -> int:
    path = folder / "evenkeel.db"
    if not path.exists():
        return 0
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10) as raw:
        try:
            return int(raw.execute(query).fetchone()[0] or 0)
        except sqlite3.OperationalError:
            return 0
