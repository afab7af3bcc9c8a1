"""The judgement on candles and the store that keeps both."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from engine.market.candles import Candles, DataError
from engine.market.files import read_candles
from engine.market.quality import assess, content_hash
from engine.market.store import Store, describe
from tests.market.candle_files import MINUTE, START, candles, equal, real


def judged(c: Candles):
    return assess(c.ts, c.ohlcv, MINUTE)


def test_a_clean_series_is_an_a():
    quality = judged(candles(200))
    assert (quality.grade, quality.defects, quality.gaps, quality.expected) == ("A", 0, 0, 200)
    assert (quality.start, quality.end) == (START, START + 199 * MINUTE)


@pytest.mark.parametrize(("missing", "grade"), [(0, "A"), (5, "B"), (40, "C"), (150, "D"), (300, "F")])
def test_grades_go_by_the_share_of_missing_bars(missing, grade):
    keep = np.ones(1000, bool)
    keep[1 : 1 + missing] = False
    quality = judged(candles(1000).take(keep))
    assert (quality.gaps, quality.longest_gap, quality.grade) == (missing, missing, grade)


def test_holes_are_counted_and_the_longest_is_named():
    keep = np.ones(100, bool)
    keep[[10, 40, 41, 42, 70]] = False
    quality = judged(candles(100).take(keep))
    assert (quality.gap_runs, quality.longest_gap, quality.longest_gap_at) == (3, 3, START + 40 * MINUTE)


def test_a_jump_and_back_is_an_outlier_and_no_defect():
    c = candles(300)
    c.close[100], c.low[100] = 50.0, 50.0
    quality = judged(c)
    assert (quality.outliers, quality.defects, quality.grade) == (2, 0, "B")


def test_the_real_false_close_is_found():
    c = read_candles(real("ohlcv/coinbase/4h").glob("BTCUSD*").__next__())
    quality = assess(c.ts, c.ohlcv, c.timeframe_ms)
    assert quality.outliers >= 1


def test_the_hash_is_of_values_and_of_every_one():
    a, b = candles(), candles()
    assert content_hash(a.ts, a.ohlcv) == content_hash(b.ts.copy(), b.ohlcv)
    b.volume[7] = np.nextafter(b.volume[7], 9)
    assert content_hash(a.ts, a.ohlcv) != content_hash(b.ts, b.ohlcv)


def test_an_empty_series_has_no_times():
    quality = judged(candles(0))
    assert (quality.rows, quality.start, quality.grade) == (0, None, "F")


def test_what_is_written_is_read_back(tmp_path):
    store, c = Store(tmp_path), candles()
    series = store.write("coinbase", "BTCUSD", "1m", c)
    assert series.path == tmp_path / "coinbase" / "1m" / "BTC-USD.arrow"
    assert equal(store.read("coinbase", "BTC/USD", "1m"), c)
    part = store.read("coinbase", "BTC/USD", "1m", START + 5 * MINUTE, START + 8 * MINUTE)
    assert part.ts.tolist() == [START + i * MINUTE for i in (5, 6, 7)]
    (listed,) = store.list()
    assert listed == series
    assert describe(listed) == "coinbase BTC/USD 1m: 50 bars, 2024-01-01T00:00Z to 2024-01-01T00:49Z, grade A"


def test_append_merges_and_counts_revised_candles(tmp_path):
    store, c = Store(tmp_path), candles(100)
    store.write("x", "BTC/USD", "1m", c.take(slice(0, 60)))
    newer = c.take(slice(50, 100))
    newer = Candles(newer.ts, *(column.copy() for column in newer.ohlcv))
    newer.volume[0] += 1
    series = store.append("x", "BTC/USD", "1m", newer)
    read = store.read("x", "BTC/USD", "1m")
    assert (series.revised, len(read), read.volume[50]) == (1, 100, newer.volume[0])
    assert store.append("x", "BTC/USD", "1m", newer).revised == 1


def test_a_reader_keeps_its_view_while_the_file_is_replaced(tmp_path):
    store, c = Store(tmp_path), candles(100)
    store.write("x", "BTC/USD", "1m", c)
    before = store.read("x", "BTC/USD", "1m")
    store.write("x", "BTC/USD", "1m", candles(10, seed=9))
    assert equal(before, c)


def test_a_record_older_than_its_candles_is_made_anew(tmp_path):
    store = Store(tmp_path)
    series = store.write("x", "BTC/USD", "1m", candles(100))
    record = series.path.with_suffix(".json")
    wrong = json.loads(record.read_text())
    wrong["quality"]["rows"] = 7
    record.write_text(json.dumps(wrong))
    os.utime(record, ns=(1, 1))
    assert store.quality("x", "BTC/USD", "1m").rows == 100


def test_defective_candles_do_not_enter(tmp_path):
    c = candles()
    c.close[3] = np.nan
    with pytest.raises(DataError, match="x BTC/USD 1m is refused"):
        Store(tmp_path).write("x", "BTC/USD", "1m", c)
    assert list(tmp_path.rglob("*.arrow")) == []


def test_what_is_not_there_or_damaged_says_how_to_get_it(tmp_path):
    store = Store(tmp_path)
    with pytest.raises(DataError, match=r"run_engine\.py fetch --exchange coinbase"):
        store.read("coinbase", "BTC/USD", "1m")
    path = store.write("x", "BTC/USD", "1m", candles()).path
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(DataError, match="is damaged"):
        store.read("x", "BTC/USD", "1m")


def test_the_store_does_not_load_pandas(tmp_path):
    Store(tmp_path).write("x", "BTC/USD", "1m", candles())
    code = (
        "import sys; from engine.market.store import Store; s = Store(sys.argv[1]); c = s.read('x', 'BTC/USD', '1m');"
        "s.write('x', 'ETH/USD', '1m', c); assert len(s.list()) == 2; sys.exit('pandas' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False).returncode == 0
