"""Databases and backups that a stranger made: nothing in them runs, nothing beside them is followed, nothing is put in place."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from db import stranger
from db.errors import StorageError
from db.schema import head
from db.session import migrate, open_engine, write_session
from db.structure import statements
from engine.access.unpack import TooLarge
from engine.cli.app import app
from engine.ledger import import_freqtrade as freqtrade
from engine.ledger.backup import LIST, backup, hash_of, restore, verify
from engine.ledger.import_read import Options, from_bytes, read
from engine.ledger.import_rows import ImportFailed
from tests.db.samples import insert_samples

NOW = 1_767_600_000_000
ENDLESS = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT"


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A backup of a data folder with a run and its tape."""
    folder = tmp_path_factory.mktemp("good")
    engine = open_engine(f"sqlite:///{folder / 'evenkeel.db'}")
    migrate(engine)
    with write_session(engine) as session:
        insert_samples(session.connection(), {"run", "config_version", "slot"})
    engine.dispose()
    (folder / "runs" / "1" / "tape").mkdir(parents=True)
    (folder / "runs" / "1" / "tape" / "2026-01-05.jsonl").write_text('["clock",1,0]\n')
    return backup(folder / "evenkeel.db", folder / "backups", NOW)


@pytest.fixture
def taken(good: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(good, tmp_path / "backup"))


def listed_anew(folder: Path) -> None:
    """The list as whoever changed the database writes it."""
    told = json.loads((folder / LIST).read_text())
    told["files"]["evenkeel.db"] = hash_of(folder / "evenkeel.db")
    (folder / LIST).write_text(json.dumps(told))


def rewritten(file: Path, *statements: str) -> None:
    with closing(sqlite3.connect(file, isolation_level=None)) as raw:
        raw.execute("PRAGMA writable_schema=ON")
        for one in statements:
            raw.execute(one)


def told_of(name: str, sql: str) -> str:
    return f"UPDATE sqlite_master SET sql = '{sql.replace(chr(39), chr(39) * 2)}' WHERE name = '{name}'"


RUN_SQL = next(
    sql for sql in statements(head()) if sql.startswith(("CREATE TABLE run (", 'CREATE TABLE "run" ('))
).removesuffix(";")
STRUCTURES = {
    "view": [f"CREATE VIEW accounts AS {ENDLESS} x FROM n"],
    "view in a table's place": ["ALTER TABLE note RENAME TO note2", f"CREATE VIEW note AS {ENDLESS} x AS id FROM n"],
    "view for the version": [
        "ALTER TABLE alembic_version RENAME TO a",
        f"CREATE VIEW alembic_version AS {ENDLESS} x AS version_num FROM n",
    ],
    "trigger": ["CREATE TRIGGER t AFTER INSERT ON command BEGIN DELETE FROM orders; END"],
    "another trigger of that name": [
        "DROP TRIGGER intent_stays_over",
        "CREATE TRIGGER intent_stays_over BEFORE UPDATE OF state ON intent BEGIN DELETE FROM intent; END",
    ],
    "no trigger": ["DROP TRIGGER order_event_stays"],
    "column more": ["ALTER TABLE command ADD COLUMN more TEXT DEFAULT 'x'"],
    "generated column": ["ALTER TABLE run ADD COLUMN g AS (hex(zeroblob(500000000)))"],
    "default": [told_of("run", RUN_SQL.replace("name VARCHAR", "name VARCHAR DEFAULT (hex(randomblob(900000000)))"))],
    "check": [told_of("run", f"{RUN_SQL.strip()[:-1]}, CHECK (length(hex(zeroblob(500000000))) > 0))")],
    "no check": ["ALTER TABLE equity RENAME TO e", "CREATE TABLE equity AS SELECT * FROM e", "DROP TABLE e"],
    "no foreign key": [told_of("note", "CREATE TABLE note (id INTEGER NOT NULL, run_id INTEGER, created_ts BIGINT)")],
    "virtual table": ["CREATE VIRTUAL TABLE v USING fts5(x)"],
    "index by a function": ["CREATE INDEX i ON run (hex(zeroblob(length(name) + 500000)))"],
    "partial index": ["CREATE INDEX i ON run (name) WHERE name > ''"],
    "index that is said": ["DROP INDEX ix_note_run_id_created_ts"],
    "table of another name": ["UPDATE sqlite_master SET name = 'notes', tbl_name = 'notes' WHERE name = 'note'"],
    "text of a megabyte": [told_of("note", f"CREATE TABLE note (id INTEGER /*{'x' * 1_000_000}*/)")],
    "text that is none": [told_of("note", "CREATE TABLE note (((")],
    "newer": ["UPDATE alembic_version SET version_num = '9999'"],
    "index of words": ["INSERT INTO journal_fts (journal_fts, rank) VALUES ('rank', 'bm25(10.0, 5.0)')"],
}  # fmt: skip
VALUES = {
    "a text for a time": "UPDATE run SET created_ts = 'soon'",
    "a blob for a name": "UPDATE run SET name = x'00ff'",
    "a name that is no text": "UPDATE run SET name = CAST(x'ff41' AS TEXT)",
    "no JSON": "UPDATE slot SET params = '{'",
    "a number for JSON": "UPDATE slot SET params = 7",
    "a row without its run": "UPDATE slot SET run_id = 99",
    "a check that was not asked": "UPDATE slot SET state = 'anything'",
}
LEFTOVERS = {
    "two of one page": "UPDATE sqlite_master SET rootpage = (SELECT rootpage FROM sqlite_master WHERE name = 'run') "
    "WHERE name = 'note'",
    "a page that is not there": "UPDATE sqlite_master SET rootpage = 2000000000 WHERE name = 'note'",
    "an index that holds nothing of it": "UPDATE sqlite_master SET rootpage = (SELECT rootpage FROM sqlite_master "
    "WHERE name = 'ix_run_marker_run_id_ts') WHERE name = 'ix_note_run_id_created_ts'",
}


def test_what_we_made_is_ours(taken: Path) -> None:
    assert stranger.problems(taken / "evenkeel.db") == []
    with closing(sqlite3.connect(taken / "evenkeel.db")) as raw:
        raw.execute("ANALYZE")
    assert stranger.problems(taken / "evenkeel.db") == []


@pytest.mark.parametrize("what", STRUCTURES)
def test_a_structure_that_is_not_ours_is_never_asked(taken: Path, what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rewritten(taken / "evenkeel.db", *STRUCTURES[what])
    monkeypatch.setattr(stranger, "_pages", lambda _: pytest.fail("it was walked before it was known"))
    assert stranger.problems(taken / "evenkeel.db")


@pytest.mark.parametrize("what", [*VALUES, *LEFTOVERS])
def test_values_and_pages_that_cannot_be_are_found(taken: Path, what: str) -> None:
    rewritten(taken / "evenkeel.db", "PRAGMA ignore_check_constraints=ON", {**VALUES, **LEFTOVERS}[what])
    assert stranger.problems(taken / "evenkeel.db")


def hurt(content: bytearray) -> Iterator[tuple[str, bytes]]:
    yield "pages that are not there", bytes(content[:28]) + b"\xff\xff\xff\xfe" + bytes(content[32:])
    yield "a page size of one", bytes(content[:16]) + b"\x00\x03" + bytes(content[18:])
    yield "half of it", bytes(content[: len(content) // 2])
    yield "a header alone", bytes(content[:100])
    yield "rows of nothing", bytes(content[:4096]) + bytes(len(content) - 4096)
    for seed in range(12):
        at = 100 + seed * (len(content) - 4_200) // 12
        yield (
            f"noise {seed}",
            bytes(content[:at])
            + bytes((seed * 37 + n * 11) % 256 for n in range(4_000))
            + bytes(content[at + 4_000 :]),
        )


def test_damaged_pages_are_told_in_a_sentence(taken: Path, tmp_path: Path) -> None:
    for n, (what, content) in enumerate(hurt(bytearray((taken / "evenkeel.db").read_bytes()))):
        file = tmp_path / f"{n}.db"
        file.write_bytes(content)
        found = stranger.problems(file)
        assert found, what
        assert all("Traceback" not in one for one in found)


def test_nothing_of_a_hostile_database_is_put_in_place(
    taken: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVENKEEL_DATA", str(tmp_path / "data"))
    monkeypatch.delenv("DATABASE_URL", raising=False)
    rewritten(taken / "evenkeel.db", "CREATE TRIGGER t AFTER INSERT ON run BEGIN DELETE FROM run; END")
    listed_anew(taken)
    result = CliRunner().invoke(app, ["restore", str(taken)])
    assert type(result.exception).__name__ == "Fail"
    assert not (tmp_path / "data" / "evenkeel.db").exists()
    assert "trigger 't'" in " ".join(verify(taken).problems)


def test_a_backup_holds_its_own_files_and_no_others(taken: Path) -> None:
    assert verify(taken).ok
    (taken / "runs" / "1" / "more").write_text("x")
    (taken / "runs" / "1" / "tape" / "link").symlink_to("/etc/hosts")
    (taken / "runs" / "2").symlink_to("/etc")
    os.mkfifo(taken / "runs" / "1" / "pipe")
    said = verify(taken).problems
    for name, words in (("more", "not of this backup"), ("link", "a link"), ("2", "a link"), ("pipe", "special file")):
        assert any(one.startswith("runs/") and f"{name} is" in one and words in one for one in said), name


@pytest.mark.parametrize("lay", [os.mkfifo, lambda path: path.symlink_to("/etc/hosts")])
def test_a_backup_copies_no_file_that_a_link_leads_to(taken: Path, tmp_path: Path, lay: Callable[[Path], None]) -> None:
    lay(taken / "runs" / "1" / "laid")
    with pytest.raises(StorageError, match="link or a special file"):
        backup(taken / "evenkeel.db", tmp_path / "out", NOW)
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("ending", stranger.BESIDE)
def test_no_second_content_lies_beside_a_database(taken: Path, ending: str) -> None:
    (taken / f"evenkeel.db{ending}").write_bytes(b"x")
    assert f"evenkeel.db{ending}" in stranger.problems(taken / "evenkeel.db")[0]


def test_a_copy_of_a_database_in_use_is_no_backup(taken: Path) -> None:
    with closing(sqlite3.connect(taken / "evenkeel.db")) as raw:
        raw.execute("PRAGMA journal_mode=WAL")
    assert "no backup" in stranger.problems(taken / "evenkeel.db")[0]


def test_looking_changes_nothing(taken: Path) -> None:
    before = {path: (path.stat().st_mtime_ns, hash_of(path)) for path in taken.rglob("*") if path.is_file()}
    assert stranger.problems(taken / "evenkeel.db") == []
    assert {path: (path.stat().st_mtime_ns, hash_of(path)) for path in taken.rglob("*") if path.is_file()} == before


def test_an_old_journal_is_not_played_into_what_is_restored(taken: Path, tmp_path: Path) -> None:
    home = tmp_path / "data"
    home.mkdir()
    (home / "evenkeel.db-journal").write_bytes(b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7" + bytes(4_096))
    restore(taken, home / "evenkeel.db", NOW)
    assert not (home / "evenkeel.db-journal").exists()
    with open_engine(f"sqlite:///{home / 'evenkeel.db'}").connect() as connection:
        assert connection.execute(text("SELECT name FROM run")).scalar() == "main"


@pytest.mark.parametrize("content", [b"[" * 100_000, b'{"files": []}', b"null", b"\xff", b'{"files": {"/etc/x": "1"}}'])
def test_a_list_that_is_none(taken: Path, content: bytes) -> None:
    (taken / LIST).write_bytes(content)
    with pytest.raises(StorageError, match="damaged"):
        verify(taken)


# ---- another program's ------------------------------------------------------------------------------------------------------
COLUMNS = "id, pair, is_open, open_rate, close_rate, amount, open_date, close_date, fee_open"
TRADE = "1, 'BTC/USDT', 0, 100.0, 110.0, 2.0, '2026-01-01 00:00:00', '2026-01-02 00:00:00', 0.001"


def foreign(file: Path, *statements: str) -> Path:
    with closing(sqlite3.connect(file, isolation_level=None)) as raw:
        for one in statements:
            raw.execute(one)
    return file


def test_another_programs_trades_are_read(tmp_path: Path) -> None:
    file = foreign(tmp_path / "t.sqlite", f"CREATE TABLE trades ({COLUMNS})", f"INSERT INTO trades VALUES ({TRADE})")
    assert [row["qty"] for row in read(file).rows] == [2.0]


@pytest.mark.parametrize(
    "statements",
    [
        [
            f"CREATE VIEW trades AS {ENDLESS} x AS id, 'A/B' AS pair, 1.0 AS open_rate, 1.0 AS close_rate, 1.0 AS amount FROM n"
        ],
        [f"CREATE TABLE trades ({COLUMNS}, big AS (hex(zeroblob(id * 1000))))", f"INSERT INTO trades VALUES ({TRADE})"],
        ["CREATE VIRTUAL TABLE trades USING fts5(id, pair, open_rate, close_rate, amount)"],
        [
            f"CREATE TABLE trades ({COLUMNS})",
            f"INSERT INTO trades VALUES ({TRADE.replace('0.001', 'zeroblob(5000000)')})",
        ],
    ],
)
def test_what_is_no_table_of_trades_is_not_asked(tmp_path: Path, statements: list[str]) -> None:
    file = foreign(tmp_path / "t.sqlite", *statements)
    with pytest.raises(ImportFailed):
        read(file)


def test_more_trades_than_anybody_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(freqtrade, "MOST_TRADES", 2)
    many = [f"INSERT INTO trades VALUES ({TRADE})"] * 3
    with pytest.raises(ImportFailed, match="more than 2 trades"):
        read(foreign(tmp_path / "t.sqlite", f"CREATE TABLE trades ({COLUMNS})", *many))


def test_values_that_are_none_are_told_row_by_row(tmp_path: Path) -> None:
    odd = ["9e999", "'x'", "x'ff'", "CAST(x'ff' AS TEXT)", "NULL", "-9e999"]
    rows = [f"INSERT INTO trades VALUES ({TRADE.replace('2.0', one)})" for one in odd]
    rows += [f"INSERT INTO trades VALUES ({TRADE.replace('1, ', one + ', ', 1)})" for one in odd]
    found = read(foreign(tmp_path / "t.sqlite", f"CREATE TABLE trades ({COLUMNS})", *rows))
    assert len(found.rows) + len(found.problems) == 12


# ---- what somebody uploads ---------------------------------------------------------------------------------------------------
HEADER = b"symbol,side,qty,entry_ts,exit_ts,entry_price,exit_price\n"


@pytest.mark.parametrize("row", [b"a\n", b"\xff\n", b"\r", b'"\n', b",,,,,,\n", b"\0\n"])
def test_an_upload_of_more_rows_than_are_read_there_is_refused(row: bytes) -> None:
    with pytest.raises(TooLarge, match="at most 1,000 rows"):
        from_bytes(HEADER + row * 4_000, "x.csv", Options(zone="UTC", most_rows=1_000))


def test_an_upload_that_takes_too_long_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(10_000))
    monkeypatch.setattr("engine.access.unpack.time.thread_time", lambda: next(clock))
    with pytest.raises(TooLarge, match="more than 3 s"):
        from_bytes(HEADER + b"a\n" * 20_000, "x.csv", Options(zone="UTC", seconds=3))


def test_more_columns_than_trades_have(taken: Path) -> None:
    with pytest.raises(ImportFailed, match="1,000 columns"):
        from_bytes(b",".join(b"c%d" % n for n in range(1_000)) + b"\n1", "x.csv")
