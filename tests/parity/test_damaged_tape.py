"""What a power loss leaves of a tape: a torn last line is no event, a missing end is a hole that is told."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest

from db.session import open_engine
from engine.ledger.audit import audit
from engine.market.candles import iso
from engine.market.tape import Tape
from tests.parity.living import Life
from tests.parity.test_lived_is_replayed import slot

Begin = Callable[..., Life]
SLOTS = slot("by_the_clock", '["BTC/USD", "ETH/USD"]', stop=0.01)


def the_tape(life: Life) -> Path:
    (path,) = (life.folder / "runs" / "1" / "tape").glob("*.tape")
    return path


def events(life: Life) -> list[str]:
    return [event[0] for event, _ in Tape(the_tape(life).parent).read()]


@pytest.mark.parametrize(
    "torn",
    [b'["frame",1767', b'["frame",17675712000', b"\x00" * 40 + b"\n"],
    ids=["half a line", "less of a number", "zeros"],
)
def test_a_torn_last_line_is_cut_off(begin: Begin, torn: bytes) -> None:
    life = begin(SLOTS)
    life.live(5.6, (5.5, life.die))
    with the_tape(life).open("ab") as file:
        file.write(torn)
    life.live(5)
    life.proven()
    lines = the_tape(life).read_bytes().splitlines()
    assert [orjson.loads(line)[0] for line in lines] == events(life)


@pytest.mark.parametrize("kept", [0.6, 0.0])
def test_a_tape_shorter_than_its_snapshot_is_a_hole_that_is_told(begin: Begin, kept: float) -> None:
    """The ledger has it all; the engine goes on, and again after that; the replay proves what came after the hole."""
    life = begin(SLOTS)
    life.live(6)
    path = the_tape(life)
    whole = path.stat().st_size
    fills = life.count("fill")
    with path.open("rb+") as file:
        file.truncate(int(whole * kept))
    life.live(7.6, (7.5, life.die))
    life.live(4)
    assert b"\x00" not in path.read_bytes()
    assert events(life).count("lost") == 1
    ((start, end, source),) = life.rows("SELECT from_ts, to_ts, source FROM outage WHERE cause = 'tape'")
    assert start <= end
    assert source == "none"
    assert life.count("alert WHERE kind = 'outage'") >= 1
    assert life.count("fill") > fills
    engine = open_engine(f"sqlite:///{life.database}")
    books = audit(engine, 1)
    engine.dispose()
    assert books.ok, books.problems
    proven = life.parity()
    assert proven.ok, proven.differences
    assert iso(end) in proven.unproven
    assert ("was lost" if kept else "beginning of the tape is gone") in proven.unproven
    assert 0 < proven.counts["fills"] < life.count("fill")
    with sqlite3.connect(life.database) as raw:
        raw.execute("UPDATE fill SET fee = fee + 1 WHERE seq = (SELECT max(seq) FROM fill)")
    assert life.parity().differences[0].startswith("fills ")
