"""Trades out, in and out again: byte for byte; foreign files, and what is wrong with them said by line."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from db.session import migrate, open_engine
from engine.access.cells import DANGEROUS, calculated, quoted, shielded, unshielded
from engine.ledger.export import TRADES, Table, decimal, table, trades
from engine.ledger.import_read import Options, from_bytes, read
from engine.ledger.import_rows import ImportFailed
from engine.ledger.imports import Preview, apply, preview, refuse_if_wrong
from engine.ledger.selection import Filter, match
from tests.db.samples import ROWS, insert_samples

NASTY = [
    "=1+1",
    "+SUM(A1)",
    "-2",
    "@cmd",
    "'quoted",
    "''=x",
    "\t=x",
    "\u200b=x",
    "\xa0@x",
    "\x7f+x",
    "a;=1+1",
    "a|=1+1",
    "  =x",
    "a,b",
    'say "hi"',
    "two\nlines",
    "\r",
    "ünï ☃",
    "",
    "＝1",
]
"""Texts that spreadsheets, CSV and careless readers stumble over."""


@pytest.fixture
def filled(tmp_path: Path) -> Iterator[Engine]:
    engine = open_engine(f"sqlite:///{tmp_path / 'evenkeel.db'}")
    migrate(engine)
    with engine.begin() as connection:
        insert_samples(connection, set(ROWS))
        for seq, words in enumerate(NASTY, 2):
            row = {
                **ROWS["trade"],
                "seq": seq,
                "pnl": 1 / seq,
                "exit_ts": ROWS["trade"]["exit_ts"] + seq // 2,
                "fees": 0.1 + 0.2,
            }
            connection.execute(
                text(f"INSERT INTO trade ({', '.join(row)}) VALUES ({', '.join(':' + n for n in row)})"), row
            )
            who = {"run": 1, "seq": seq, "note": words}
            connection.execute(
                text(
                    "INSERT INTO journal_entry (run_id, trade_seq, note, lesson, created_ts, updated_ts) "
                    "VALUES (:run, :seq, :note, :note, 1, 1)"
                ),
                who,
            )
    yield engine
    engine.dispose()


def brought(engine: Engine, content: bytes, name: str = "x.csv", **said: Any) -> Preview:
    """Previewed and written."""
    planned = preview(engine, from_bytes(content, name, Options(**said)), "theirs")
    refuse_if_wrong(planned, skip=False)
    apply(engine, planned)
    return planned


def imported(engine: Engine) -> int:
    with engine.connect() as connection:
        return int(connection.execute(text("SELECT id FROM run WHERE kind = 'imported'")).scalar_one())


@pytest.mark.parametrize("format", ["csv", "json", "parquet"])
def test_out_in_and_out_again_is_the_same_file(filled: Engine, format: str) -> None:
    first = trades(filled, [1]).file(format)
    planned = brought(filled, first, f"x.{format}")
    assert (planned.new, planned.known, planned.wrong) == (len(NASTY) + 1, 0, 0)
    assert trades(filled, [imported(filled)]).file(format) == first
    again = preview(filled, from_bytes(first, f"x.{format}"))
    assert (again.new, again.known) == (0, len(NASTY) + 1)


def test_no_cell_of_an_export_begins_as_a_formula(filled: Engine) -> None:
    rows = csv.reader(io.StringIO(trades(filled, [1]).file("csv").decode(), newline=""))
    texts = [i for i, kind in enumerate(TRADES.values()) if kind == "text"]
    next(rows)
    assert [row[i] for row in rows for i in texts if row[i].lstrip(" ").startswith(DANGEROUS)] == []


@given(st.text())
def test_a_shield_is_taken_off_again(words: str) -> None:
    assert unshielded(shielded(words)) == words
    assert not shielded(words).lstrip().startswith(DANGEROUS)
    assert calculated(words) <= shielded(words).startswith("'")


@given(st.text(), st.sampled_from(",;|\t"))
def test_a_cell_stays_one_cell_in_every_country(words: str, parted_by: str) -> None:
    (row,) = csv.reader(io.StringIO(quoted(shielded(words)) + "\r\n", newline=""), delimiter=parted_by) or [[""]]
    assert row in ([shielded(words)], [] if not words else None)


@given(st.floats(min_value=1e-12, max_value=1e15))
def test_a_plain_decimal_is_the_number(value: float) -> None:
    assert float(decimal(value)) == value
    assert "e" not in decimal(value)


def test_an_imported_run_is_marked_and_has_its_curve(filled: Engine) -> None:
    brought(filled, trades(filled, [1]).file("csv"))
    with filled.connect() as connection:
        run = connection.execute(text("SELECT * FROM run WHERE kind = 'imported'")).mappings().one()
        last = connection.execute(
            text("SELECT equity FROM equity WHERE run_id = :r ORDER BY ts DESC"), {"r": run["id"]}
        ).scalar()
        total = connection.execute(text("SELECT sum(pnl) FROM trade WHERE run_id = 1")).scalar_one()
    assert (run["name"], run["status"]) == ("main (imported)", "complete")
    assert last == pytest.approx(10_000 + total)


def test_the_same_number_with_other_prices_is_refused(filled: Engine) -> None:
    rows = json.loads(trades(filled, [1]).file("json"))
    brought(filled, json.dumps(rows[:3]).encode(), "x.json")
    rows[0]["exit_price"] *= 2
    planned = preview(filled, from_bytes(json.dumps(rows).encode(), "x.json"))
    assert planned.problems == [(1, "trade 1 of 'main' is there already with other numbers")]
    with pytest.raises(ImportFailed, match="nothing was imported"):
        refuse_if_wrong(planned, skip=False)


def test_a_filter_exports_its_trades_alone(filled: Engine) -> None:
    found = trades(filled, [1], Filter(tag="!chased"))
    assert list(found.columns["seq"]) == [1]
    assert trades(filled, [1], Filter(find="LINES")).columns["note"] == ["two\nlines"]
    assert trades(filled, [1], Filter(find="lines"), full_text=False).columns["note"] == ["two\nlines"]
    assert match('a" OR b*') == '"a"* "OR"* "b"*'


@pytest.mark.parametrize("name", ["fills", "orders", "signals", "equity", "tax"])
def test_the_other_tables_are_exported(filled: Engine, name: str) -> None:
    found: Table = table(filled, name, [1])
    assert found.rows == 1
    assert len(list(csv.reader(io.StringIO(found.file("csv").decode())))) == 2
    assert table(filled, name, [1], until=5).rows == 0


def test_a_fill_for_the_tax_program(filled: Engine) -> None:
    row = {name: values[0] for name, values in table(filled, "tax", [1]).columns.items()}
    assert (row["Sent Amount"], row["Sent Currency"], row["Received Amount"], row["Received Currency"]) == (
        "300",
        "USD",
        "0.01",
        "BTC",
    )
    assert (row["Fee Amount"], row["Date"]) == ("1.5", "2023-11-14 22:13:20 UTC")


# ---- foreign --------------------------------------------------------------------------------------------------------------
FREQ = {
    "trade_id": 7, "pair": "ETH/USDT", "strategy": "Ichi", "enter_tag": "=cloud", "open_date": "2026-01-01 10:00:00",
    "close_date": "2026-01-01 12:30:00.500000", "open_rate": 3000.0, "close_rate": 2940.0, "amount": 0.5, "fee_open": 0.001,
    "fee_close": 0.001, "exit_reason": "trailing_stop_loss", "is_short": 1, "is_open": 0, "initial_stop_loss_abs": 3060.0,
    "min_rate": 2900.0, "max_rate": 3030.0, "timeframe": 5, "exchange": "binance", "stake_currency": "USDT", "funding_fees": 0.25,
}  # fmt: skip


def _freqtrade(tmp_path: Path) -> Path:
    path = tmp_path / "tradesv3.sqlite"
    rows = [FREQ, {**FREQ, "trade_id": 8, "is_open": 1, "close_date": None, "close_rate": None}]
    names = {"id" if name == "trade_id" else name: name for name in FREQ}
    with sqlite3.connect(path) as raw:
        raw.execute(f"CREATE TABLE trades ({', '.join(names)})")
        raw.executemany(
            f"INSERT INTO trades VALUES ({', '.join('?' * len(names))})", [[r[n] for n in names.values()] for r in rows]
        )
    raw.close()
    return path


def test_freqtrades_database_and_json_bring_the_same(filled: Engine, tmp_path: Path) -> None:
    found = read(_freqtrade(tmp_path))
    assert found.notes == ["1 trade is still open and left out"]
    of_json = from_bytes(json.dumps({"trades": [FREQ]}).encode(), "t.json")
    of_result = from_bytes(json.dumps({"strategy": {"Ichi": {"trades": [FREQ], "timeframe": "5m"}}}).encode(), "r.json")
    assert found.rows == of_json.rows
    assert of_result.rows[0]["entry_ts"] == of_json.rows[0]["entry_ts"] == 1_767_261_600_000
    planned = preview(filled, found, "bot")
    apply(filled, planned)
    exported = trades(filled, [imported(filled)])
    row = {name: values[0] for name, values in exported.columns.items()}
    assert (row["run"], row["source"], row["side"], row["tag"]) == ("bot", "freqtrade", "short", "=cloud")
    assert row["exit_reason"] == "trailing_stop_loss"
    assert row["fees"] == pytest.approx(0.5 * (3000 + 2940) * 0.001)
    assert row["pnl"] == pytest.approx(0.5 * 60 - row["fees"] + 0.25)
    assert row["r_multiple"] == pytest.approx(row["pnl"] / 30)
    assert (row["mae"], row["mfe"]) == pytest.approx((0.01, 1 / 30))
    assert preview(filled, read(tmp_path / "tradesv3.sqlite"), "bot").new == 0
    first = exported.file("csv")
    assert preview(filled, from_bytes(first, "again.csv")).known == 1


def test_a_csv_of_elsewhere_is_understood(filled: Engine) -> None:
    content = (
        "Ticket;Market;Direction;Quantity;Open Time;Close Time;Open Price;Close Price;Commission;Notes\r\n"
        "9;btc/usd;Buy;0,5;2026-01-01 10:00:00;2026-01-02 10:00:00;1.000,50;1.100,00;1,25;=HYPERLINK(1)\r\n"
    )
    planned = brought(filled, content.encode("utf-16"), zone="Europe/Berlin")
    assert planned.mapping["number"] == "Ticket"
    row = {name: values[0] for name, values in trades(filled, [imported(filled)]).columns.items()}
    assert (row["symbol"], row["side"], row["qty"], row["entry_price"]) == ("BTC/USD", "long", 0.5, 1000.5)
    assert row["entry_ts"] == 1_767_258_000_000
    assert row["pnl"] == pytest.approx(0.5 * 99.5 - 1.25)
    assert row["note"] == "=HYPERLINK(1)"


HEAD = "symbol,side,qty,entry_ts,exit_ts,entry_price,exit_price,note\n"
GOOD = "BTC/USD,long,1,2026-01-01T00:00:00Z,2026-01-01T01:00:00Z,10,11,x\n"


def test_what_is_wrong_is_said_by_line(filled: Engine) -> None:
    bad = [
        "BTC/USD,up,1,2026-01-01T00:00Z,2026-01-01T01:00Z,10,11,\n",
        "BTC/USD,long,=1+1,2026-01-01T00:00Z,2026-01-01T01:00Z,10,11,\n",
        "BTC/USD,long,1,yesterday,2026-01-01T01:00Z,10,11,\n",
        "BTC/USD,long,1,2026-01-02T00:00Z,2026-01-01T01:00Z,10,11,\n",
        "BTC/USD,long,0,2026-01-01T00:00Z,2026-01-01T01:00Z,10,11,\n",
        "BTC/USD,long,1\n",
        "BTC/USD,long,1,2026-01-01T00:00Z,2026-01-01T01:00Z,10,nan,\n",
        "BTC/USD,long,1,5,2026-01-01T01:00Z,10,11,\n",
    ]
    planned = preview(filled, from_bytes((HEAD + GOOD + "".join(bad) + GOOD).encode(), "t.csv"), "t")
    assert [line for line, _ in planned.problems] == list(range(3, 11))
    for (_, said), words in zip(
        planned.problems,
        ("long or short", "no number", "no time", "closed before", "above zero", "3 cells", "no number", "no time"),
        strict=True,
    ):
        assert words in said
    assert (planned.new, planned.known, planned.total) == (1, 1, 10)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"a,b\n1,2\n", "which column is symbol, side"),
        (b"[1, 2", "no JSON"),
        (b'[{"a": 1}]', "neither Evenkeel's export nor freqtrade's"),
        (b"a,a\n1,2\n", "two columns have one name"),
        ((HEAD + GOOD.replace("Z", "")).encode(), "have no zone"),
        (b"PK\x03\x04nonsense", "cannot be unpacked"),
        (b"PAR1nonsense", "cannot be read"),
    ],
)
def test_a_file_that_cannot_be_imported_says_why(content: bytes, words: str) -> None:
    with pytest.raises(ImportFailed, match=words):
        from_bytes(content, "file")


def test_mixed_encodings_are_read_line_by_line(filled: Engine) -> None:
    content = (HEAD + GOOD).encode() + GOOD.replace("x", "caf\xe9").replace("1,2026", "2,2026").encode("cp1252")
    found = from_bytes(content + GOOD.replace("x", "naïve").replace("1,2026", "3,2026").encode(), "t.csv")
    assert found.notes == ["1 line is not UTF-8: read as Windows-1252"]
    assert [row["note"] for row in found.rows] == ["x", "café", "naïve"]


def test_an_interrupted_import_is_taken_up_again(filled: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    content = (HEAD + "".join(GOOD.replace(",1,", f",{n},") for n in range(1, 1_201))).encode()
    planned = preview(filled, from_bytes(content, "t.csv"), "t")

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        apply(filled, planned, progress=stop)
    with filled.connect() as connection:
        assert connection.execute(text("SELECT status FROM run WHERE kind = 'imported'")).scalar_one() == "writing"
    again = preview(filled, from_bytes(content, "t.csv"), "t")
    assert (again.new, again.known) == (700, 500)
    apply(filled, again)
    assert trades(filled, [imported(filled)]).rows == 1_200


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=300))
def test_no_bytes_make_it_fall_over(content: bytes) -> None:
    try:
        from_bytes(content, "file", Options(zone="UTC"))
        from_bytes(HEAD.encode() + content, "file", Options(zone="UTC"))
    except ImportFailed:
        pass
