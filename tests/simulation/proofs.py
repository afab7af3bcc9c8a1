"""What must hold of a run at its end: the books, the replay of its tape, the tape against the market, the commands."""

from __future__ import annotations

import hashlib
import sqlite3
from collections import Counter
from pathlib import Path
from typing import Any

from db.session import open_engine
from engine.ledger.audit import audit
from engine.market.tape import Tape
from engine.research.parity import replay
from tests.crash.proofs import nothing_earned_from_gaps, the_tape_is_whole

RUN = 1
TABLES = ("fill", "orders", "trade", "signal", "outage", "breaker_event", "command")
FIRM = {"command": "id, kind, state, result", "outage": "from_ts, to_ts, cause, source"}
BACK_MS = 1_500_000


def prove(simulation: Any) -> dict[str, int]:
    """Every proof; counts of what was proven."""
    database = simulation.folder / "evenkeel.db"
    with sqlite3.connect(database) as raw:
        assert raw.execute("PRAGMA integrity_check").fetchone() == ("ok",), "I25: the database is damaged"
        assert raw.execute("PRAGMA foreign_key_check").fetchall() == [], "I25: rows point nowhere"
        waiting = raw.execute("SELECT kind FROM command WHERE state = 'new'").fetchall()
        assert not waiting, f"I20: commands were never answered: {waiting}"
    engine = open_engine(f"sqlite:///{database}")
    try:
        books = audit(engine, RUN)
        assert books.ok, books.problems[:3]
        parity = replay(RUN, engine, simulation.folder / "runs")
        assert parity.ok, parity.differences[:3]
    finally:
        engine.dispose()
    nothing_earned_from_gaps(database, RUN)
    folder = simulation.folder / "runs" / str(RUN)
    plan = simulation.plan
    first = min((event[1] for event, _ in Tape(folder / "tape").read() if event[0] == "frame"), default=plan.start_ms)
    truth = simulation.market.truth(list(plan.symbols), min(first, plan.start_ms), simulation.time.now)
    seconds = the_tape_is_whole(folder, truth)
    commands_act_once(database, folder)
    outages_are_told(database, folder)
    return {
        "fills": parity.counts["fills"],
        "trades": parity.counts["trades"],
        "seconds": seconds,
        "states": simulation.invariants.steps,
        "recovered": simulation.invariants.recovered,
        "lives": simulation.lives + 1,
    }


def commands_act_once(database: Path, folder: Path) -> None:
    """I20: each command of a person that was answered stands on the tape once; and nothing of the tape was ever lost."""
    seen: Counter[int] = Counter()
    for event, _ in Tape(folder / "tape").read():
        assert event[0] != "lost", f"the tape was shorter than its snapshot: {event}"
        if event[0] == "command" and event[4]:
            seen[event[4]] += 1
    twice = [number for number, times in seen.items() if times > 1]
    assert not twice, f"I20: commands acted twice: {twice}"
    with sqlite3.connect(database) as raw:
        answered = {number for (number,) in raw.execute("SELECT id FROM command")}
    assert set(seen) == answered, f"I20: commands were answered and never acted: {sorted(answered - set(seen))}"


def outages_are_told(database: Path, folder: Path) -> None:
    """I18 and I23: each gap of the tape is one outage of the ledger, and each outage has its alert."""
    gaps = [event for event, _ in Tape(folder / "tape").read() if event[0] == "gap" and event[3] != "start"]
    with sqlite3.connect(database) as raw:
        outages = raw.execute("SELECT seq, from_ts, to_ts FROM outage WHERE run_id = ? ORDER BY seq", (RUN,)).fetchall()
        alerts = {key for (key,) in raw.execute("SELECT dedupe_key FROM alert")}
    assert [tuple(event[1:3]) for event in gaps] == [row[1:] for row in outages], "I18: a gap is no outage"
    untold = [seq for seq, *_ in outages if f"outage:{RUN}:{seq}" not in alerts]
    assert not untold, f"I23: outages without an alert: {untold}"


def trace(simulation: Any) -> str:
    """A hash of everything that is to be the same when the seed is run again."""
    told = hashlib.blake2b(digest_size=12)
    for path in sorted((simulation.folder / "runs" / str(RUN) / "tape").iterdir()):
        if path.suffix == ".tape":
            told.update(path.read_bytes())
    with sqlite3.connect(simulation.folder / "evenkeel.db") as raw:
        for table in TABLES:
            for row in raw.execute(f"SELECT {FIRM.get(table, '*')} FROM {table}"):
                told.update(repr(row).encode())
    told.update(repr(sorted(simulation.struck.items())).encode())
    return told.hexdigest()
