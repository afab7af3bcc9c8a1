"""`fetch`, `data` and `sandbox` from the command line, against a real sandbox exchange."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.cli.candles import symbol_in
from engine.cli.failures import Fail
from engine.cli.sandbox import parse_fault
from engine.sandbox.server import Sandbox
from tests.house.conftest import Cli
from tests.market.candle_files import candles, rows_of, write_csv

DAY = ("--from", "2026-01-04T23:00", "--to", "2026-01-05T06:00")


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox.running(seed=3, start="2026-01-05T08:00", hold=True) as running:
        yield running


def test_candles_come_into_the_store_once(cli: Cli, sandbox: Sandbox) -> None:
    argv = ("fetch", "--symbol", "btc-usd", "--timeframe", "1m", *DAY, "--base-url", sandbox.rest_url, "--json")
    first = cli(*argv)
    assert first.code == 0, first.err
    row = first.json["fetched"][0]
    assert (row["symbol"], row["bars"], row["new"], row["grade"]) == ("BTC/USD", 420, 420, "A")
    assert (row["from"], row["to"]) == ("2026-01-04 23:00:00Z", "2026-01-05 05:59:00Z")
    assert "100%" in first.err
    assert cli(*argv).json["fetched"][0]["new"] == 0
    listed = cli("data", "--json").json["stored"]
    assert [(row["symbol"], row["bars"]) for row in listed] == [("BTC/USD", 420)]
    assert "BTC/USD" in cli("data").out


def test_an_unknown_symbol_is_usage(cli: Cli, sandbox: Sandbox) -> None:
    outcome = cli("fetch", "--symbol", "NOPE/USD", *DAY, "--base-url", sandbox.rest_url)
    assert outcome.code == 2
    assert "does not list NOPE/USD" in outcome.err


@pytest.mark.parametrize(
    ("argv", "word"),
    [
        (["--symbol", "BTC/USD", "--from", "yesterday"], "2026-01-31"),
        (["--symbol", "BTC/USD", "--from", "2026-01-05", "--to", "2026-01-01"], "before it begins"),
        (["--symbol", "B", "--days", "1"], "not a pair"),
        (["--symbol", "BTC/USD", "--timeframe", "7x"], "timeframe"),
    ],
)
def test_what_cannot_be_meant_is_usage(cli: Cli, argv: list[str], word: str) -> None:
    outcome = cli("fetch", *argv)
    assert (outcome.code, word in outcome.err) == (2, True), outcome.err


def test_an_empty_store_says_how_to_fill_it(cli: Cli) -> None:
    assert "run_engine.py fetch" in cli("data").out


def test_a_fault_is_read_or_refused_in_words() -> None:
    assert parse_fault("silence:seconds=30,at=1000") == {"kind": "silence", "seconds": "30", "at": "1000"}
    for text, word in (("nope", "disconnect"), ("silence", "needs seconds"), ("http:status=9", "status")):
        with pytest.raises(Fail, match=word):
            parse_fault(text)


@pytest.mark.parametrize(
    ("stem", "pair"),
    [
        ("BTCUSDT_20240101_20240906", "BTC/USDT"),
        ("BTC-USD_1m", "BTC/USD"),
        ("ETH_USD", "ETH/USD"),
        ("XRPETH_20191011", "XRP/ETH"),
        ("candles", "ASSET/USD"),
    ],
)
def test_a_files_name_says_its_symbol(stem: str, pair: str) -> None:
    assert symbol_in(stem) == pair


def test_a_file_is_imported_listed_and_deleted(cli: Cli, folder: Path) -> None:
    file = write_csv(folder / "kraken_BTC-EUR.csv", rows_of(candles(100)))
    dry = cli("import", str(file), "--dry-run", "--json").json["files"][0]
    assert (dry["exchange"], dry["symbol"], dry["bars"]) == ("kraken", "BTC/EUR", 100)
    assert cli("data", "--json").json["stored"] == []
    assert cli("import", str(file), "--json").json["files"][0]["stored"] == 100
    (row,) = cli("data", "--json").json["stored"]
    assert (row["grade"], row["bytes"] > 4800, row["hash"]) == ("A", True, row["quality"]["content_hash"][:12])
    assert cli("data", "--delete", "kraken:BTC/EUR:5m").code == 1
    assert cli("data", "--delete", "kraken").code == 2
    assert cli("data", "--delete", "kraken:BTC/EUR:1m", "--yes").code == 0
    assert cli("data", "--json").json["stored"] == []


def test_a_file_without_a_pair_asks_for_it(cli: Cli, folder: Path) -> None:
    file = write_csv(folder / "x.csv", rows_of(candles(20)))
    outcome = cli("import", str(file))
    assert (outcome.code, "--symbol" in outcome.err) == (2, True)
    assert cli("import", str(file), "--symbol", "BTC/USD", "--json").json["files"][0]["exchange"] == "imported"
    assert cli("import", str(folder / "none.csv")).code == 1
