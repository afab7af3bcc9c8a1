"""Other programs' candle files, made on the spot in each layout, come out as the candles that went in; and where holes are."""

from __future__ import annotations

import gzip
import json
import zipfile
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.market.candles import Candles, DataError
from engine.market.coverage import coverage
from engine.market.imports import look, symbol_in
from engine.market.store import Store
from engine.research.stock import bring_in, cover, stock
from tests.market.candle_files import MINUTE, START, candles, equal, real, rows_of, write_csv, write_table

DAY = 86_400_000
HEAD = (
    "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,taker_buy_quote_volume,ignore"
)


def klines(c: Candles, factor: int = 1) -> list[list[Any]]:
    """Binance's twelve columns; `factor` 1000 for microseconds."""
    return [[row[0] * factor, *row[1:], (row[0] + MINUTE) * factor - 1, 1.0, 7, 0.5, 0.5, 0] for row in rows_of(c)]


def binance(path: Path, c: Candles, factor: int, header: str) -> Path:
    write_csv(path.with_suffix(".csv"), klines(c, factor), header)
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(path.with_suffix(".csv"), path.with_suffix(".csv").name)
    return path


def download(path: Path, c: Candles) -> Path:
    """CryptoDataDownload: a line of its own on top, newest first, two volumes."""
    rows = [[row[0] // 1000, _day(row[0]), "BTC/USD", *row[1:], row[5] * row[4]] for row in reversed(rows_of(c))]
    body = "\n".join(",".join(map(str, row)) for row in rows)
    path.write_text(
        f"https://www.CryptoDataDownload.com\nunix,date,symbol,open,high,low,close,Volume BTC,Volume USD\n{body}\n"
    )
    return path


def _day(ts: int) -> str:
    return datetime.fromtimestamp(ts / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")


def kaggle(path: Path, c: Candles) -> Path:
    """Bitstamp minutes: seconds, and rows of nothing where nothing was traded."""
    rows = [[row[0] // 1000, *row[1:], 1.0, 1.0] for row in rows_of(c)]
    rows.append([rows[-1][0] + 60, *["NaN"] * 7])
    return write_csv(path, rows, "Timestamp,Open,High,Low,Close,Volume_(BTC),Volume_(Currency),Weighted_Price")


def as_json(path: Path, c: Candles) -> Path:
    data = json.dumps(rows_of(c)).encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def objects(path: Path, c: Candles) -> Path:
    names = ("timestamp", "open", "high", "low", "close", "volume")
    path.write_text(json.dumps([dict(zip(names, row, strict=True)) for row in rows_of(c)]))
    return path


def feather(path: Path, c: Candles) -> Path:
    made = write_table(path.with_name("x.feather"), c)
    import pyarrow.feather as arrow

    table = arrow.read_table(made)
    arrow.write_feather(table.rename_columns(["date", *table.column_names[1:]]), path)
    return path


LAYOUTS: dict[str, tuple[str, Callable[[Path, Candles], Path], str, str, str]] = {
    "ccxt json": ("kraken_BTC-EUR.json", as_json, "ccxt JSON", "kraken", "BTC/EUR"),
    "objects": ("candles.json", objects, "ccxt JSON", "", ""),
    "ccxt csv": (
        "binance-BTCUSDT.csv",
        lambda p, c: write_csv(p, rows_of(c), "timestamp,open,high,low,close,volume"),
        "ccxt CSV",
        "binance",
        "BTC/USDT",
    ),
    "ccxt bare": ("ETH_USD.csv", lambda p, c: write_csv(p, rows_of(c), ""), "ccxt CSV without header", "", "ETH/USD"),
    "freqtrade feather": ("BTC_USDT-1m.feather", feather, "freqtrade Feather", "", "BTC/USDT"),
    "freqtrade futures": ("BTC_USDT_USDT-1m-futures.feather", feather, "freqtrade Feather", "", "BTC/USDT"),
    "freqtrade json": ("SOL_USDT-1m.json", as_json, "freqtrade JSON", "", "SOL/USDT"),
    "freqtrade packed": ("SOL_USDT-1m.json.gz", as_json, "freqtrade JSON", "", "SOL/USDT"),
    "binance bare": (
        "BTCUSDT-1m-2024-01.zip",
        lambda p, c: binance(p, c, 1, ""),
        "Binance Vision CSV without header",
        "binance",
        "BTC/USDT",
    ),
    "binance headed": (
        "BTCUSDT-1m-2024-01.zip",
        lambda p, c: binance(p, c, 1, HEAD),
        "Binance Vision CSV with header",
        "binance",
        "BTC/USDT",
    ),
    "binance microseconds": (
        "ETHUSDT-1m-2025-01.zip",
        lambda p, c: binance(p, c, 1000, ""),
        "Binance Vision CSV without header",
        "binance",
        "ETH/USDT",
    ),
    "cryptodatadownload": ("Coinbase_BTCUSD_minute.csv", download, "CryptoDataDownload CSV", "coinbase", "BTC/USD"),
    "kaggle": ("bitstampUSD_1-min_data_2012-01-01.csv", kaggle, "Kaggle Bitstamp CSV", "bitstamp", "BTC/USD"),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_each_layout_is_named_and_loses_nothing(tmp_path: Path, layout: str) -> None:
    name, write, words, exchange, symbol = LAYOUTS[layout]
    made = candles(200)
    found = look(write(tmp_path / name, made))
    assert equal(found.candles, made)
    assert found.layout.startswith(words)
    assert (found.exchange, found.symbol, found.timeframe, found.quality.grade) == (exchange, symbol, "1m", "A")


def test_an_upload_is_read_under_the_name_it_had(tmp_path: Path) -> None:
    """A copy under another name, as an upload is; messages name the file as the person knows it."""
    made = feather(tmp_path / "BTC_USDT-1m.feather", candles(50))
    copy = made.rename(tmp_path / "upload-1234")
    assert look(copy, "BTC_USDT-1m.feather").symbol == "BTC/USDT"
    (tmp_path / "other").write_text("nonsense")
    with pytest.raises(DataError, match=r"mine\.csv"):
        look(tmp_path / "other", "mine.csv")


def test_what_was_done_is_said(tmp_path: Path) -> None:
    assert "sorted by time" in " ".join(look(download(tmp_path / "a.csv", candles(60))).notes)
    assert "1 minutes" in " ".join(look(kaggle(tmp_path / "bitstamp.csv", candles(60))).notes)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[]", "no array of candles"),
        ('{"a": 1}', "no array of candles"),
        ("[[1,2", "cannot be read as JSON"),
        ('[[1704067200000,1,2,1,"x",3]]', "no number"),
        ("[[5,1,2,1,2,3],[6,1,2,1,2,3]]", "no time"),
        ('[{"a": 1}]', "must name timestamp"),
    ],
)
def test_json_that_is_none_is_one_sentence(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(DataError, match=words):
        look(tmp_path / "x.json")


def test_a_real_defect_still_refuses_and_repairs(tmp_path: Path) -> None:
    rows = rows_of(candles(60))
    rows[9][2] = 1.0
    file = write_csv(tmp_path / "x.csv", rows)
    with pytest.raises(DataError, match="impossible"):
        look(file)
    assert len(look(file, repair="drop").candles) == 59


def test_names_of_files() -> None:
    assert symbol_in("whatever.csv") == ""
    assert symbol_in("BTC-USD.csv") == "BTC/USD"
    assert symbol_in("ETHBTC-5m-2021-01.zip") == "ETH/BTC"


def test_a_file_comes_into_the_store_once(tmp_path: Path) -> None:
    store = Store(tmp_path / "candles")
    found = look(as_json(tmp_path / "SOL_USDT-1m.json", candles(300)))
    for _ in range(2):
        assert bring_in(store, found, "Binance", "sol-usdt").quality.rows == 300
    (one,) = stock(store)
    assert one.key == ("binance", "SOL/USDT", "1m")
    assert one.size > 300 * 48
    with pytest.raises(ValueError, match="which pair"):
        bring_in(store, found, "binance", "")
    with pytest.raises(ValueError, match="no name"):
        bring_in(store, found, "../up", "BTC/USD")
    assert store.delete("binance", "SOL/USDT", "1m")
    assert stock(store) == []
    assert not store.delete("binance", "SOL/USDT", "1m")


def test_coverage_tells_days_holes_and_jumps(tmp_path: Path) -> None:
    whole = candles(3 * 1440)
    jumped = replace(whole, close=np.where(np.arange(len(whole)) == 4000, whole.close * 1.5, whole.close))
    jumped = replace(jumped, high=np.maximum(jumped.high, jumped.close))
    kept = np.ones(len(whole), bool)
    kept[1440 + 100 : 1440 + 820] = False
    kept[50] = False
    Store(tmp_path).write("x", "BTC/USD", "1m", jumped.take(kept))
    told = cover(Store(tmp_path), "x", "BTC/USD", "1m")
    assert told.days.tolist() == [START, START + DAY, START + 2 * DAY]
    assert told.share.tolist() == pytest.approx([1439 / 1440, 0.5, 1.0])
    assert [(hole.from_ts, hole.bars) for hole in told.holes] == [
        (START + (1440 + 100) * MINUTE, 720),
        (START + 50 * MINUTE, 1),
    ]
    assert {jump.ts for jump in told.outliers} <= {START + k * MINUTE for k in (4000, 4001)}
    assert told.outliers[0].move == pytest.approx(0.5, abs=0.02)


def test_coverage_of_nothing_and_of_days_longer_than_a_day() -> None:
    assert coverage(candles(0)).days.size == 0
    weekly = replace(candles(5), ts=START + 7 * DAY * np.arange(5), timeframe_ms=7 * DAY)
    assert coverage(weekly).share.tolist() == [1.0] * 5


@pytest.mark.parametrize(
    ("file", "layout", "key"),
    [
        (
            "raw/binance_vision_BTCUSDT-1m-2026-03.zip",
            "Binance Vision CSV without header",
            ("binance", "BTC/USDT", "1m"),
        ),
        ("raw/cryptodatadownload_Coinbase_BTCUSD_1h.csv", "CryptoDataDownload CSV", ("coinbase", "BTC/USD", "1h")),
    ],
)
def test_real_files_of_these_layouts(file: str, layout: str, key: tuple[str, str, str]) -> None:
    found = look(real(file))
    assert (found.layout, (found.exchange, found.symbol, found.timeframe)) == (layout, key)
