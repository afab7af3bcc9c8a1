"""Candle files: read whatever the format, refused with the reason, repaired exactly as chosen."""

import gzip
import re
import zipfile

import numpy as np
import pytest

from engine.market.candles import DataError
from engine.market.files import read_candles
from tests.market.candle_files import MINUTE, START, candles, equal, real, rows_of, write_csv, write_table

GOOD = candles()


@pytest.mark.parametrize("name", ["c.parquet", "c.feather"])
@pytest.mark.parametrize(("unit", "zone"), [("s", "UTC"), ("ms", None), ("us", "UTC"), ("ns", None)])
def test_columnar_files_in_any_time_unit(tmp_path, name, unit, zone):
    read = read_candles(write_table(tmp_path / name, GOOD, unit, zone))
    assert equal(read, GOOD)
    assert read.timeframe_ms == MINUTE
    assert any("UTC was assumed" in note for note in read.notes) == (zone is None)


@pytest.mark.parametrize(
    ("unit", "factor"), [("seconds", 0.001), ("milliseconds", 1), ("microseconds", 1000), ("nanoseconds", 10**6)]
)
def test_numbers_of_any_unit_are_recognised_and_said(tmp_path, unit, factor):
    rows = [[int(row[0] * factor), *row[1:]] for row in rows_of(GOOD)]
    read = read_candles(write_csv(tmp_path / "c.csv", rows))
    assert equal(read, GOOD)
    assert any(unit in note for note in read.notes) == (unit != "milliseconds")


@pytest.mark.parametrize(
    "form", ["%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M:%S.000000", "%m/%d/%Y %H:%M"]
)
def test_text_times(tmp_path, form):
    span = candles(60 * 24 * 14, MINUTE)  # past the 12th, so that month and day cannot be confused
    text = [np.datetime64(int(t), "ms").astype(object).strftime(form) for t in span.ts]
    rows = [[t, *row[1:]] for t, row in zip(text, rows_of(span), strict=True)]
    assert equal(read_candles(write_csv(tmp_path / "c.csv", rows)), span)


def test_a_date_that_reads_two_ways_is_refused(tmp_path):
    text = [f"01/02/2024 00:{i:02}" for i in range(5)]
    rows = [[t, *row[1:]] for t, row in zip(text, rows_of(GOOD)[:5], strict=True)]
    with pytest.raises(DataError, match="reads as month/day/year and as day/month/year"):
        read_candles(write_csv(tmp_path / "c.csv", rows))


@pytest.mark.parametrize(
    "header", ["Timestamp,Open,High,Low,Close,Volume", "date,o,h,l,c,v", "time;open;high;low;close;vol"]
)
def test_other_names_and_delimiters(tmp_path, header):
    sep = ";" if ";" in header else ","
    assert equal(read_candles(write_csv(tmp_path / "c.csv", rows_of(GOOD), header, sep)), GOOD)


def test_packed_files(tmp_path):
    plain = write_csv(tmp_path / "c.csv", rows_of(GOOD))
    (tmp_path / "c.csv.gz").write_bytes(gzip.compress(plain.read_bytes()))
    with zipfile.ZipFile(tmp_path / "c.zip", "w") as archive:
        archive.write(plain, "inner.csv")
    assert equal(read_candles(tmp_path / "c.csv.gz"), GOOD)
    assert equal(read_candles(tmp_path / "c.zip"), GOOD)
    packed = (tmp_path / "c.zip").read_bytes()
    flag = packed.index(b"PK\x01\x02") + 8
    broken = {
        "torn.csv.gz": gzip.compress(plain.read_bytes())[:-40],
        "bitten.csv.gz": b"\x1f\x8b\x08" + b"\0" * 6 + b"\xffnonsense",
        "torn.zip": packed[:-30],
        "locked.zip": packed[:flag] + b"\x01" + packed[flag + 1 :],
    }
    for name, data in broken.items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(DataError, match=f"{name} cannot be unpacked .*: unpack it and give the file"):
            read_candles(tmp_path / name)


def test_rows_are_the_first_ones(tmp_path):
    assert equal(read_candles(write_table(tmp_path / "c.parquet", GOOD), rows=10), GOOD.take(slice(0, 10)))


def spoiled(name):
    rows = rows_of(GOOD)
    if name == "duplicates":
        rows[10:10] = [rows[9]]
    elif name == "unsorted":
        rows[10], rows[11] = rows[11], rows[10]
    elif name == "nan":
        rows[10][2] = "nan"
    elif name == "negative":
        rows[10][1:5] = [-1, -1, -1, -1]
    elif name == "impossible":
        rows[10][2] = rows[10][3] - 1
    elif name == "off_grid":
        rows[10][0] += 7_000
    return rows


DEFECTS = ["duplicates", "unsorted", "nan", "negative", "impossible", "off_grid"]


@pytest.mark.parametrize("defect", DEFECTS)
def test_a_defect_refuses_with_count_row_and_remedy(tmp_path, defect):
    with pytest.raises(DataError) as refusal:
        read_candles(write_csv(tmp_path / "bad.csv", spoiled(defect)))
    text = str(refusal.value)
    assert refusal.value.counts == {defect: 1}
    assert refusal.value.rows[0] in (11, 12)
    assert text.startswith("bad.csv is refused: 1 rows")
    assert re.search(r"first: row 1[12]: 2024-01-01T00:\d\dZ?", text)
    assert "--repair drop" in text
    assert "--repair fill" in text
    assert "\n" not in text


@pytest.mark.parametrize("defect", DEFECTS)
def test_drop_leaves_only_rows_that_were_there(tmp_path, defect):
    read = read_candles(write_csv(tmp_path / "bad.csv", spoiled(defect)), repair="drop")
    if defect in ("duplicates", "unsorted"):
        assert equal(read, GOOD)
    else:
        assert equal(read, GOOD.take(np.arange(len(GOOD)) != 10))
        assert any("1 of 50 bars are missing" in note for note in read.notes)
    assert any(note.startswith("repaired: ") for note in read.notes)


@pytest.mark.parametrize("defect", ["nan", "negative", "impossible", "off_grid"])
def test_fill_puts_a_flat_bar_where_a_bad_row_was(tmp_path, defect):
    read = read_candles(write_csv(tmp_path / "bad.csv", spoiled(defect)), repair="fill")
    assert read.ts.tolist() == GOOD.ts.tolist()
    close = GOOD.close[9]
    assert [float(column[10]) for column in read.ohlcv] == [close, close, close, close, 0.0]
    assert any("1 missing 1m bars filled flat" in note for note in read.notes)


def test_the_last_of_two_different_rows_of_one_time_is_kept_and_said(tmp_path):
    rows = rows_of(GOOD)
    rows.append([rows[5][0], 100, 101, 99, 100.5, 9])
    read = read_candles(write_csv(tmp_path / "bad.csv", rows), repair="drop")
    assert read.close[5] == 100.5
    assert any("1 of the repeated times came with different values" in note for note in read.notes)


def test_a_missing_volume_alone_is_filled_with_none_traded(tmp_path):
    rows = [[*row[:5], ""] for row in rows_of(GOOD)]
    path = write_csv(tmp_path / "mark.csv", rows)
    with pytest.raises(DataError, match="50 rows hold a value that is no number"):
        read_candles(path)
    read = read_candles(path, repair="fill")
    assert (read.close.tolist(), set(read.volume)) == (GOOD.close.tolist(), {0.0})
    assert "repaired: 50 missing volumes set to 0" in read.notes


def test_missing_bars_do_not_refuse_but_are_told(tmp_path):
    read = read_candles(write_csv(tmp_path / "c.csv", rows_of(GOOD.take(np.arange(50) % 10 != 3))))
    assert len(read) == 45
    assert any("5 of 50 bars are missing (10.0%, in 5 holes" in note and "grade D" in note for note in read.notes)


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("ts,open,high,low,close", "no column 'volume' among"),
        ("moment,open,high,low,close,volume", "no column 'ts' among"),
        ("a,b,c,d,e,f", "the header names 'a', 'b'"),
        ("", "has no header line"),
    ],
)
def test_a_bad_header_is_named(tmp_path, header, words):
    rows = [row[: header.count(",") + 1] for row in rows_of(GOOD)] if header else rows_of(GOOD)
    with pytest.raises(DataError, match=re.escape(words)):
        read_candles(write_csv(tmp_path / "c.csv", rows, header))


def test_a_file_without_header_gets_the_order_its_values_fit(tmp_path):
    with pytest.raises(DataError, match="the values fit `ts,open,high,low,close,volume`"):
        read_candles(write_csv(tmp_path / "c.csv", rows_of(GOOD), ""))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"hello\n", "at least five columns"),
        (b"\x00\x01" * 500, "not a text file"),
        (b"ts,open,high,low,close,volume\n", "no rows"),
        (b"ts,open,high,low,close,volume\n1704067200000,1,1,1,one,1\n", "'one' in row 1, which is no number"),
        (b"ts,open,high,low,close,volume\n1704067200000,1,1,1,1\n", "cannot be read as a candle file"),
        (b"ts,open,high,low,close,volume\nyesterday,1,1,1,1,1\n", "holds text that is no time (row 1: 'yesterday')"),
        (b"ts,open,high,low,close,volume\n17,1,1,1,1,1\n", "no time in s, ms, us or ns"),
        (
            b"ts,open,high,low,close,volume\n1704067200000,1,1,1,1,1\n1704067260,1,1,1,1,1\n",
            "bring all rows to one unit",
        ),
        (b"ts,open,high,low,close,volume\n,1,1,1,1,1\n1704067200000,1,1,1,1,1\n", "without a time"),
    ],
)
def test_bad_content_is_one_clear_sentence(tmp_path, content, words):
    path = tmp_path / "c.csv"
    path.write_bytes(content)
    with pytest.raises(DataError, match=re.escape(words)) as refusal:
        read_candles(path)
    assert "c.csv" in str(refusal.value)


def test_a_missing_file_a_folder_and_a_broken_parquet(tmp_path):
    (tmp_path / "x.parquet").write_bytes(b"not parquet at all")
    for path, words in [("none.csv", "does not exist"), (".", "is a folder"), ("x.parquet", "cannot be read")]:
        with pytest.raises(DataError, match=words):
            read_candles(tmp_path / path)


def test_several_symbols_in_one_file(tmp_path):
    rows = [[*row, "BTC" if i % 2 else "ETH"] for i, row in enumerate(rows_of(GOOD))]
    with pytest.raises(DataError, match="mixes 2 symbols"):
        read_candles(write_csv(tmp_path / "c.csv", rows, "ts,open,high,low,close,volume,symbol"))


def test_nothing_left_is_an_error(tmp_path):
    with pytest.raises(DataError, match="no row is left"):
        read_candles(
            write_csv(tmp_path / "c.csv", [[START + MINUTE * i, 0, 0, 0, 0, 0] for i in range(4)]), repair="drop"
        )


@pytest.mark.parametrize(
    ("file", "words"),
    [
        ("binance_5m_mislabelled_BTC-USD_duplicates.csv", "the values fit `ts,low,high,open,close,volume`"),
        ("bitfinex_LTCUSD_2016_merged.csv.gz", "has no header line"),
        ("cryptodatadownload_Coinbase_BTCUSD_1h.csv", "its rows run newest first"),
        ("gemini_BTCUSD_2020_1min.csv", "50,196 of 50,500 times equal an earlier one"),
        ("ws/cryptofeed_COINBASE.ws.28.0.gz", "holds messages, not a table"),
    ],
)
def test_real_messy_files_are_refused(file, words):
    with pytest.raises(DataError, match=re.escape(words)):
        read_candles(real(f"raw/{file}"))


def test_the_real_file_with_duplicates_once_it_has_a_header(tmp_path):
    body = real("raw/binance_5m_mislabelled_BTC-USD_duplicates.csv").read_text()
    path = tmp_path / "headed.csv"
    path.write_text("ts,low,high,open,close,volume\n" + body)
    with pytest.raises(DataError) as refusal:
        read_candles(path)
    assert refusal.value.counts == {"duplicates": 83}
    dropped, filled = read_candles(path, repair="drop"), read_candles(path, repair="fill")
    assert len(dropped) == len(body.splitlines()) - 83
    assert len(filled) == len(dropped) + 72


def test_the_monthly_zip_equals_the_first_rows_of_the_parquet():
    packed = read_candles(real("raw/binance_vision_BTCUSDT-1m-2026-03.zip"))
    whole = read_candles(real("ohlcv/binance_spot/1m/BTCUSDT_20260301_20260531.parquet"), rows=44_640)
    assert equal(packed, whole)


def test_a_paging_bug_is_graded_not_hidden():
    read = read_candles(real("raw/bybit_ADAUSDT_1m_paging_holes.parquet"))
    assert any("in 524 holes, longest 801 bars" in note and "grade F" in note for note in read.notes)
