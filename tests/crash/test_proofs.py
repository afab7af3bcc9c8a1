"""The proofs must be able to fail: each is shown a ledger or a tape with the very fault it looks for."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from engine.market.tape import START, Tape
from tests.crash.proofs import nothing_earned_from_gaps, the_tape_is_whole
from tests.crash.session import START_MS, Truth

SECOND = (100, 105, 95, 101, 2.5)


def ledger(folder: Path, status: str, kind: str, decided: int) -> Path:
    """One outage from 1000 to 2000, and one signal."""
    path = folder / "evenkeel.db"
    with sqlite3.connect(path) as raw:
        raw.execute("CREATE TABLE outage (run_id, from_ts, to_ts)")
        raw.execute("CREATE TABLE signal (run_id, seq, kind, direction, status, decided_ts)")
        raw.execute("INSERT INTO outage VALUES (1, 1000, 2000)")
        raw.execute("INSERT INTO signal VALUES (1, 7, ?, 1, ?, ?)", (kind, status, decided))
    return path


@pytest.mark.parametrize("kind", ["entry", "flip"])
def test_an_entry_earned_from_back_filled_bars_is_found(tmp_path: Path, kind: str) -> None:
    with pytest.raises(AssertionError, match=r"back-filled bars: signals \[\(7,\)\]"):
        nothing_earned_from_gaps(ledger(tmp_path, "taken", kind, 2000), 1)


@pytest.mark.parametrize(("status", "decided"), [("missed", 1500), ("taken", 1000), ("taken", 2001)])
def test_what_was_missed_or_decided_in_life_is_none(tmp_path: Path, status: str, decided: int) -> None:
    nothing_earned_from_gaps(ledger(tmp_path, status, "entry", decided), 1)


def tape(folder: Path, *events: list[Any]) -> Path:
    written = Tape(folder / "tape")
    written.open(START)
    for event in [["gap", START_MS, START_MS, "start", "candles", 0], ["gap_end", START_MS], *events]:
        written.append(START_MS, event)
    written.sync()
    written.close()
    return folder


def frame(at: int, *bar: Any) -> list[Any]:
    return ["frame", START_MS + at, [[0, 0, *(bar or SECOND), 0, 0, 0, 0]], 0]


TRUTH = Truth({(0, START_MS + at): SECOND for at in (0, 1000, 2000)})


def test_a_whole_tape_is_whole(tmp_path: Path) -> None:
    assert the_tape_is_whole(tape(tmp_path, frame(0), frame(1000), frame(2000)), TRUTH) == 3


@pytest.mark.parametrize(
    ("events", "words"),
    [
        ([frame(0), frame(0)], "after"),
        ([frame(1000), frame(0)], "after"),
        ([frame(0), frame(2000)], "1 seconds were lost"),
        ([frame(0), frame(500), frame(1000)], "never was"),
        ([frame(0, 100, 105, 95, 102, 2.5)], "second"),
        ([frame(0, 100, 105, 95, 101, 2.5000001)], "volume"),
        ([frame(0, 100, 105, 101, 101, 2.5)], "101, 101"),
    ],
    ids=["doubled", "out of order", "lost", "invented", "another close", "another volume", "impossible"],
)
def test_a_tape_that_is_not_whole_is_found(tmp_path: Path, events: list[Any], words: str) -> None:
    with pytest.raises(AssertionError, match=words):
        the_tape_is_whole(tape(tmp_path, *events), TRUTH)
