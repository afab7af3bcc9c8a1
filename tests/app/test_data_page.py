"""The data page: an empty store, what is stored with its holes, a fetch asked for, a file brought in, a series deleted."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import text
from streamlit.testing.v1 import AppTest

from db.session import open_engine, write_session
from engine.market.store import Store
from engine.research import jobs, worker_start
from tests.app.conftest import Open, said, tables
from tests.app.seed import NOW
from tests.market.candle_files import MINUTE, START, candles, rows_of

DAY = 86_400_000


@pytest.fixture(autouse=True)
def _no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Jobs are asked for, and not done: the worker has tests of its own."""
    monkeypatch.setattr(worker_start, "ensure", lambda: False)


@pytest.fixture
def store(data_folder: Path) -> Store:
    """A whole series, and one with a hole of half a day and a jump."""
    made = Store(data_folder / "candles")
    whole = candles(3 * 1440)
    made.write("binance", "ETH/USDT", "1m", whole)
    close = np.where(np.arange(len(whole)) == 4000, whole.close * 1.5, whole.close)
    odd = replace(whole, close=close, high=np.maximum(whole.high, close))
    kept = np.ones(len(whole), bool)
    kept[1540:2260] = False
    made.write("kraken", "BTC/USD", "1m", odd.take(kept))
    return made


def test_an_empty_store_offers_both_ways_in(open_page: Open, data_folder: Path) -> None:
    test = open_page("data")
    words = said(test)
    assert "No candles are stored yet" in words
    assert "Fetch from an exchange" in words
    assert "Import a file" in words
    assert list(data_folder.iterdir()) == []


def test_what_is_stored_is_told(open_page: Open, store: Store) -> None:
    test = open_page("data")
    frame = tables(test)[0]
    assert list(frame["symbol"]) == ["ETH/USDT", "BTC/USD"]
    assert list(frame["grade"]) == ["A", "D"]
    assert list(frame["holes"]) == [0, 1]
    numbers = {m.label: m.value for m in test.metric}
    assert (numbers["Series"], numbers["Candles"], numbers["Worst grade"]) == ("2", "7,920", "D")
    figure = json.loads(test.get("plotly_chart")[0].proto.spec)
    assert figure["data"][0]["y"] == ["ETH/USDT 1m · binance", "BTC/USD 1m · kraken"]


def test_a_series_in_the_address_shows_holes_and_jumps(open_page: Open, store: Store) -> None:
    test = open_page("data", series="kraken:BTC/USD:1m")
    holes, jumps = tables(test)[1:3]
    assert list(holes["bars"]) == [720]
    assert holes["from"].iloc[0].timestamp() * 1000 == START + 1540 * MINUTE
    assert jumps["move"].iloc[0] == pytest.approx(50, abs=2)
    assert "720 missing" in said(test)


def test_deleting_asks_first(open_page: Open, store: Store) -> None:
    test = open_page("data", series="kraken:BTC/USD:1m")
    test.button(key="delete_series").click().run()
    assert "Takes 3,600 candles" in said(test)
    test.button(key="delete_keep").click().run()
    assert store.find("kraken", "BTC/USD", "1m") is not None
    test.button(key="delete_series").click().run()
    test.button(key="delete_do").click().run()
    assert store.find("kraken", "BTC/USD", "1m") is None
    assert list(tables(test)[0]["symbol"]) == ["ETH/USDT"]
    assert "series" not in test.query_params


def test_a_fetch_is_a_job_that_every_tab_sees(open_page: Open, data_folder: Path) -> None:
    first = open_page("data")
    _fetch(first, ["btc-usd", "ETH/USD"])
    engine = open_engine(f"sqlite:///{data_folder / 'evenkeel.db'}")
    (job,) = jobs.jobs_of(engine)
    assert (job.kind, job.state, job.args["symbols"]) == ("fetch", "new", ["BTC/USD", "ETH/USD"])
    assert job.args["end"] - job.args["start"] == 90 * DAY
    other = open_page("data")
    assert "waiting for the worker" in said(other)
    other.button(key=f"cancel_{job.uuid}").click().run()
    after = jobs.job_of(engine, job.uuid)
    assert after is not None
    assert after.state == "cancelled"
    engine.dispose()


def test_a_pair_that_is_none_is_a_sentence(open_page: Open, data_folder: Path) -> None:
    test = open_page("data")
    _fetch(test, ["B"])
    assert "is not a pair" in said(test)
    _fetch(test, [])
    assert "at least one pair" in said(test)
    test.text_input(key="fetch_address").set_value("127.0.0.1:8765")
    _fetch(test, ["BTC/USD"])
    assert "as in http://127.0.0.1:8765" in said(test)
    assert not (data_folder / "evenkeel.db").exists()


def _fetch(test: AppTest, symbols: list[str]) -> None:
    test.multiselect(key="fetch_symbols").set_value(symbols)
    next(button for button in test.button if button.label == "Fetch").click().run()


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ("state = 'failed', error = 'coinbase does not list NOPE/USD'", "coinbase does not list NOPE/USD"),
        ("state = 'running', progress = 0.4, message = 'BTC/USD 1m: 40 of 100', started_ts = 1", "40 of 100 · 40 %"),
    ],
)
def test_how_a_fetch_goes_is_said(open_page: Open, data_folder: Path, values: str, words: str) -> None:
    _fetch(open_page("data"), ["BTC/USD"])
    engine = open_engine(f"sqlite:///{data_folder / 'evenkeel.db'}")
    with write_session(engine) as session:
        session.execute(text(f"UPDATE job SET {values}, heartbeat_ts = {NOW}"))
    engine.dispose()
    assert words in said(open_page("data"))


def test_a_file_is_looked_at_then_stored(open_page: Open, data_folder: Path) -> None:
    test = open_page("data")
    _upload(test, "SOL_USDT-1m.json", json.dumps(rows_of(candles(300))).encode())
    words = said(test)
    assert "freqtrade JSON" in words
    assert "300 candles of 1m, grade A" in words
    next(box for box in test.text_input if box.label == "Exchange").input("okx")
    test.button(key="import_do").click().run()
    found = Store(data_folder / "candles").find("okx", "SOL/USDT", "1m")
    assert found is not None
    assert found.quality.rows == 300


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("x.csv", b"a,b,c\n1,2,3\n", "no rows of at least five columns"),
        ("x.json", b"{", "cannot be read as JSON"),
        ("x.parquet", b"nonsense", "cannot be read"),
        ("x.csv", b"", "is empty"),
    ],
)
def test_a_malformed_file_is_a_sentence(
    open_page: Open, data_folder: Path, name: str, content: bytes, words: str
) -> None:
    test = open_page("data")
    _upload(test, name, content)
    assert words in said(test)
    assert not (data_folder / "candles").exists()


def _upload(test: AppTest, name: str, content: bytes) -> None:
    uploader: Any = test.get("file_uploader")[0]
    uploader.set_value((name, content, "application/octet-stream"))
    test.run()
    assert [error.value for error in test.exception] == []
