"""One number changed in the ledger or on the tape, and parity says which, the earliest first."""

from __future__ import annotations

import math
import sqlite3
from pathlib import Path

import orjson
import pytest

from db.session import open_engine
from engine.ledger.audit import audit
from engine.market.tape import Tape
from engine.sandbox.server import Sandbox
from tests.parity.living import Life, parity_of
from tests.parity.test_lived_is_replayed import slot


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory, sandbox: Sandbox) -> Path:
    """A folder with half an hour in it."""
    folder = tmp_path_factory.mktemp("lived") / "data"
    sandbox.exchange.clock.now = sandbox.exchange.clock.start
    with pytest.MonkeyPatch.context() as patch:
        life = Life(folder, sandbox, patch, slot("sma_cross", '["BTC/USD", "ETH/USD"]', params={"fast": 2, "slow": 4}))
        life.live(30)
        life.proven()
    return folder


def change(folder: Path, statement: str) -> None:
    with sqlite3.connect(folder / "evenkeel.db") as raw:
        assert raw.execute(statement).rowcount == 1


def first_of(folder: Path) -> str:
    found = parity_of(folder)
    assert not found.ok
    return found.differences[0]


def test_an_untouched_copy_is_equal(copy: Path) -> None:
    assert parity_of(copy).ok


def test_a_packed_tape_is_the_same_tape(copy: Path) -> None:
    folder = copy / "runs" / "1" / "tape"
    Tape(folder).tidy("2999-01-01", 1_000_000)
    assert all(path.suffix == ".gz" for path in folder.iterdir())
    assert parity_of(copy).ok


def test_a_changed_fill(copy: Path) -> None:
    change(copy, "UPDATE fill SET price = price + 0.01 WHERE seq = 4")
    assert first_of(copy).startswith("fills (4,): price is ")
    assert len(parity_of(copy).differences) == 1
    engine = open_engine(f"sqlite:///{copy / 'evenkeel.db'}")
    books = audit(engine, 1)
    engine.dispose()
    assert books.problems[0].startswith("fill 4")


def test_a_missing_fill_and_a_later_trade(copy: Path) -> None:
    change(copy, "DELETE FROM fill WHERE seq = 3")
    change(copy, "UPDATE trade SET pnl = pnl + 1 WHERE seq = 4")
    found = parity_of(copy).differences
    assert found[0] == "fills (3,): the replay has it, the ledger does not"
    assert found[1].startswith("trades (4,): pnl is ")


def test_a_changed_equity_point(copy: Path) -> None:
    """By the last bit of a double."""
    with sqlite3.connect(copy / "evenkeel.db") as raw:
        ts, equity = raw.execute(
            "SELECT ts, equity FROM equity WHERE slot_id = 0 ORDER BY ts LIMIT 1 OFFSET 9"
        ).fetchone()
        raw.execute("UPDATE equity SET equity = ? WHERE slot_id = 0 AND ts = ?", (math.nextafter(equity, 0), ts))
    assert first_of(copy).startswith(f"equity ({ts},): equity is ")


def test_an_invented_order(copy: Path) -> None:
    with sqlite3.connect(copy / "evenkeel.db") as raw:
        columns = [row[1] for row in raw.execute("PRAGMA table_info(orders)") if row[1] != "id"]
        values = ", ".join("(SELECT max(seq) + 1 FROM orders)" if name == "seq" else f'"{name}"' for name in columns)
        names = ", ".join(f'"{name}"' for name in columns)
        raw.execute(f"INSERT INTO orders ({names}) SELECT {values} FROM orders WHERE seq = 2")
    assert first_of(copy).endswith("the ledger has it, the replay does not")


@pytest.mark.parametrize("what", ["a price", "a second"])
def test_a_changed_event_of_the_tape(copy: Path, what: str) -> None:
    """Although nobody held anything then: the run has kept the bars its strategies saw."""
    (path,) = (copy / "runs" / "1" / "tape").glob("*.tape")
    lines = path.read_bytes().splitlines(keepends=True)
    at = next(i for i, line in enumerate(lines) if i > len(lines) // 2 and line.startswith(b'["frame"'))
    event = orjson.loads(lines[at])
    if what == "a price":
        event[2][0][4] -= 10**6  # the low of the second's first bar
    else:
        event[2] = []
    # As long as before, so that the snapshot's place on the tape is still the end of an event.
    lines[at] = (orjson.dumps(event)[:-1] + b"]").rjust(len(lines[at]) - 1) + b"\n"
    path.write_bytes(b"".join(lines))
    minute = event[1] // 60_000 * 60_000
    assert first_of(copy).startswith("bars ")
    assert f" {minute}: " in first_of(copy)
