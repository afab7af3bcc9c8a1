"""Where the tape cannot prove a whole run, a replay begins later, still finds what differs, and says what it leaves unproven."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import engine as evenkeel
from engine.market.starts import Starts
from engine.market.tape import Tape
from engine.runtime.housekeeping import Housekeeping
from engine.runtime.recorder import Recorder
from engine.sandbox.server import Sandbox
from tests.parity.conftest import BY_THE_CLOCK
from tests.parity.living import Life, parity_of
from tests.parity.test_lived_is_replayed import slot

Begin = Callable[..., Life]
FAST = {"fast": 2, "slow": 4}
SLOTS = slot("by_the_clock", '["BTC/USD", "ETH/USD"]', stop=0.01) + slot("sma_cross", params=FAST)
MIDNIGHT = 1_767_657_600_000  # 2026-01-06 00:00 UTC, a day after the market's beginning
SECOND_DAY = "2026-01-06"


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory, sandbox: Sandbox) -> Path:
    """A folder with the last minutes of a day and the first of the next, positions open at midnight."""
    folder = tmp_path_factory.mktemp("lived") / "data"
    sandbox.exchange.clock.now = MIDNIGHT - 14 * 60_000
    home = tmp_path_factory.mktemp("home")
    (home / "strategies").mkdir()
    (home / "strategies" / "by_the_clock.py").write_text(BY_THE_CLOCK)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EVENKEEL_HOME", str(home))
        life = Life(folder, sandbox, patch, SLOTS)
        life.live(28)
        assert life.count("trade WHERE entry_ts < ? AND exit_ts > ?", MIDNIGHT, MIDNIGHT)
        assert life.parity().unproven == ""
        life.proven()
    return folder


def change(folder: Path, statement: str, *values: Any) -> int:
    with sqlite3.connect(folder / "evenkeel.db") as raw:
        return raw.execute(statement, values).rowcount


def drop_the_first_day(folder: Path) -> list[str]:
    """As housekeeping does it; the days of the start points that are left."""
    run = folder / "runs" / "1"
    tape, starts = Tape(run / "tape"), Starts(run / "starts")
    for _, place in tape.read():
        tape.position = place
    assert tape.position.day == SECOND_DAY
    keeping = Housekeeping(tape, starts, 0)
    keeping.committed()
    keeping.finish(30)
    return [start.position.day for start in starts.all()]


def test_a_start_a_day(copy: Path) -> None:
    starts = Starts(copy / "runs" / "1" / "starts").all()
    assert [start.position.day for start in starts] == ["2026-01-05", SECOND_DAY]
    assert MIDNIGHT <= starts[1].now < MIDNIGHT + 60_000
    assert {start.kernel_hash for start in starts} == {evenkeel.KERNEL_HASH}


def test_days_that_were_dropped_are_not_proven_and_the_others_are(copy: Path) -> None:
    whole = parity_of(copy)
    assert drop_the_first_day(copy) == [SECOND_DAY]
    found = parity_of(copy)
    assert found.ok, found.differences
    assert found.unproven.startswith("What came before 2026-01-06T00:0")
    assert "the beginning of the tape is gone" in found.unproven
    for name in ("signals", "orders", "fills", "trades", "equity", "bars"):
        assert 0 < found.counts[name] < whole.counts[name], name


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("UPDATE trade SET pnl = pnl + 1 WHERE entry_ts < ? AND exit_ts > ?", "trades "),
        ("UPDATE fill SET fee = fee + 0.01 WHERE ts > ? AND ts > ?", "fills "),
        ("DELETE FROM equity WHERE slot_id = 0 AND ts > ? AND ts > ?", "equity "),
        ("UPDATE signal SET direction = -direction WHERE decided_ts > ? + 60000 AND decided_ts > ?", "signals "),
    ],
    ids=["a trade over midnight", "fills", "missing equity", "signals"],
)
def test_what_differs_after_the_start_is_found(copy: Path, statement: str, told: str) -> None:
    drop_the_first_day(copy)
    assert change(copy, statement, MIDNIGHT, MIDNIGHT) > 0
    found = parity_of(copy)
    assert not found.ok
    assert found.differences[0].startswith(told)
    assert found.unproven


def test_an_invented_order_after_the_start_is_found(copy: Path) -> None:
    drop_the_first_day(copy)
    with sqlite3.connect(copy / "evenkeel.db") as raw:
        columns = [row[1] for row in raw.execute("PRAGMA table_info(orders)") if row[1] != "id"]
        values = ", ".join("(SELECT max(seq) + 1 FROM orders)" if name == "seq" else f'"{name}"' for name in columns)
        names = ", ".join(f'"{name}"' for name in columns)
        raw.execute(f"INSERT INTO orders ({names}) SELECT {values} FROM orders WHERE seq = 2")
    assert parity_of(copy).differences[0].endswith("the ledger has it, the replay does not")


def test_what_differs_before_the_start_is_not_said_to_be_right(copy: Path) -> None:
    """It is not compared: the sentence says so, and the books still know."""
    assert change(copy, "UPDATE fill SET price = price + 0.01 WHERE seq = 1") == 1
    assert not parity_of(copy).ok
    drop_the_first_day(copy)
    found = parity_of(copy)
    assert found.ok
    assert "not proven" in found.unproven


def test_a_damaged_start_is_none(copy: Path) -> None:
    drop_the_first_day(copy)
    (path,) = (copy / "runs" / "1" / "starts").glob("*.start")
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(ValueError, match="the beginning of the tape is gone"):
        parity_of(copy)


def test_what_other_code_lived_is_not_proven(begin: Begin) -> None:
    """A false difference in it is not told, and before the present code has lived anything nothing is."""
    life = begin(SLOTS)
    with pytest.MonkeyPatch.context() as older:
        older.setattr(evenkeel, "KERNEL_HASH", "older")
        life.live(9.6, (9.5, life.die))
        assert life.parity().unproven == ""
    with pytest.raises(ValueError, match="another version of the kernel"):
        life.parity()
    upgraded = life.now
    life.live(9)
    with pytest.MonkeyPatch.context() as newest:
        newest.setattr(evenkeel, "KERNEL_HASH", "newest")
        life.live(6)
        third = life.parity()
    assert third.ok, third.differences
    with pytest.raises(ValueError, match="another version of the kernel"):
        life.parity()
    life.live(12)
    assert change(life.folder, "UPDATE fill SET fee = fee * (1 + 1e-15) WHERE ts < ?", upgraded) > 0
    found = life.parity()
    assert found.ok, found.differences
    assert "another version of the kernel" in found.unproven
    assert 0 < found.counts["fills"] < life.count("fill")
    assert change(life.folder, "UPDATE fill SET fee = fee + 1 WHERE seq = (SELECT max(seq) FROM fill)") == 1
    assert life.parity().differences[0].startswith("fills ")


def test_begun_anywhere_it_is_the_same(begin: Begin, monkeypatch: pytest.MonkeyPatch) -> None:
    """A start point at every commit of a life with edits, commands, a lost connection and a death."""
    commit = Recorder.commit

    def always(self: Recorder, *args: Any) -> bool:
        self.segment = ("", "")
        return commit(self, *args)

    monkeypatch.setattr(Recorder, "commit", always)
    life = begin(SLOTS)
    more = slot("sma_cross", '["SOL/USD", "BTC/USD"]', params=FAST, target=0.003)
    head = life.text().partition("[[slots]]")[0]
    off = life.ask("slot_off", slot="by_the_clock:ETH/USD")
    life.live(
        9, (2.5, off), (4.5, life.edit(lambda _: head + more)), (6.2, lambda pump: pump.lose(20)), (8.8, life.die)
    )
    life.slots = SLOTS
    life.live(8, (1.5, life.ask("slot_on", slot="by_the_clock:ETH/USD")))
    life.proven()
    change(life.folder, "UPDATE run SET code_hash = 'older'")
    files = sorted((life.folder / "runs" / "1" / "starts").glob("*.start"))
    assert len(files) > 15
    for i, path in enumerate(files):
        if i % 3 == 0:
            found = life.parity()
            assert found.ok, (path.name, found.differences)
            assert found.unproven
        path.unlink()
