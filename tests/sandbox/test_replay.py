"""Replay: every candle of a file comes back from REST and from its prints, to the last digit."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from engine.market.files import read_candles
from engine.sandbox.errors import SandboxError
from engine.sandbox.market import bars
from engine.sandbox.opening import open_market, opening_time
from engine.sandbox.products import decimal
from tests.sandbox.reader import START_MS, same

MINUTE = 60_000
REAL = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "ohlcv"


def written(path: Path, rows: int = 400, step: int = MINUTE, first: int = START_MS, **changes: object) -> Path:
    """A candle file of a wandering price; columns replaced by `changes`."""
    rng = np.random.default_rng(3)
    close = np.round(100 + np.cumsum(rng.normal(0, 0.3, rows)), 2)
    open_ = np.round(np.concatenate(([100.0], close[:-1])) + rng.choice([0, 0.01, -0.02], rows), 2)
    columns: dict[str, object] = {
        "ts": first + step * np.arange(rows),
        "open": open_,
        "high": np.round(np.maximum(open_, close) + rng.choice([0, 0.05, 1.3], rows), 2),
        "low": np.round(np.minimum(open_, close) - rng.choice([0, 0.04, 0.9], rows), 2),
        "close": close,
        "volume": np.round(rng.exponential(5, rows) + 0.001, 5),
    }
    table = pa.table({**columns, **changes})
    if path.suffix == ".csv":
        import pyarrow.csv

        pyarrow.csv.write_csv(table, path)
    else:
        pq.write_table(table, path)
    return path


@pytest.mark.parametrize("name", ["BTCUSD.parquet", "BTC-USD_1m.csv"])
def test_a_file_comes_back_exactly(tmp_path: Path, name: str) -> None:
    path = written(tmp_path / name)
    market = open_market(replay=[path])
    product = market.products["BTC-USD"]
    rows, (first, last) = read_candles(path), market.source.span("BTC-USD")
    served = market.candles("BTC-USD", MINUTE, first, last)
    assert same(bars(market.prints("BTC-USD", first, last), MINUTE), served)
    assert (served.ts == rows.ts).all()
    for column, texts in (
        (rows.open, served.open),
        (rows.high, served.high),
        (rows.low, served.low),
        (rows.close, served.close),
    ):
        assert [Decimal(product.price_text(int(v))) for v in texts] == [Decimal(repr(float(v))) for v in column]
    assert [Decimal(product.size_text(int(v))) for v in served.volume] == [Decimal(repr(float(v))) for v in rows.volume]


@pytest.mark.parametrize("name", ["BTCUSDT_20240101_20240906.parquet"])
def test_real_candles_come_back_exactly(name: str) -> None:
    found = sorted(REAL.glob(f"*/15m/{name}")) if REAL.is_dir() else []
    if not found:
        pytest.skip("no real candles beside the repository (../shared/data)")
    market = open_market(replay=[found[0]])
    product_id = next(iter(market.products))
    first = market.source.span(product_id)[0]
    end = first + 200 * market.source.step_ms
    assert same(
        bars(market.prints(product_id, first, end), market.source.step_ms),
        market.candles(product_id, market.source.step_ms, first, end),
    )
    rows = read_candles(found[0], rows=200)
    served = market.candles(product_id, market.source.step_ms, first, end)
    digits = market.products[product_id].price_digits
    assert [float(decimal(int(v), digits)) for v in served.high] == rows.high.tolist()


def test_shorter_candles_are_made_of_the_prints_and_add_up(tmp_path: Path) -> None:
    market = open_market(replay=[written(tmp_path / "ETHUSD.parquet", rows=30, step=3_600_000)])
    first, last = market.source.span("ETH-USD")
    minutes = market.candles("ETH-USD", MINUTE, first, last)
    assert len(minutes.ts) > 1000
    hours = market.candles("ETH-USD", 3_600_000, first, last)
    from engine.sandbox.market import gathered

    assert same(gathered(minutes, 3_600_000), hours)


def test_a_candle_without_volume_has_no_prints_and_is_not_served(tmp_path: Path) -> None:
    flat = {name: np.full(10, 100.0) for name in ("open", "high", "low", "close")}
    volume = np.array([1.0, 0, 2, 0, 0, 1, 1, 0, 3, 1])
    market = open_market(replay=[written(tmp_path / "BTCUSD.parquet", rows=10, **flat, volume=volume)])
    first, last = market.source.span("BTC-USD")
    served = market.candles("BTC-USD", MINUTE, first, last)
    assert ((served.ts - START_MS) // MINUTE).tolist() == [0, 2, 5, 6, 8, 9]
    assert same(bars(market.prints("BTC-USD", first, last), MINUTE), served)


def test_a_hole_in_the_file_stays_a_hole_and_the_last_print_is_found_beyond_it(tmp_path: Path) -> None:
    ts = START_MS + MINUTE * np.concatenate((np.arange(10), 5000 + np.arange(10)))
    path = written(tmp_path / "BTCUSD.parquet", rows=20, ts=ts)
    market = open_market(replay=[path])
    inside = START_MS + 3000 * MINUTE
    assert len(market.prints("BTC-USD", START_MS + 10 * MINUTE, START_MS + 5000 * MINUTE).ts) == 0
    last = market.latest("BTC-USD", inside, 5)
    assert (last.ts < START_MS + 10 * MINUTE).all()
    assert len(last.ts) == 5
    assert market.quote("BTC-USD", inside) is not None


def test_several_files_open_after_some_history(tmp_path: Path) -> None:
    market = open_market(replay=[written(tmp_path / "BTCUSD.parquet"), f"WAGMI-USD={written(tmp_path / 'x.parquet')}"])
    assert list(market.products) == ["BTC-USD", "WAGMI-USD"]
    assert opening_time(market, None, True) == (START_MS + 100 * MINUTE, START_MS + 400 * MINUTE)
    assert opening_time(market, "2026-01-05T10:00:30", True)[0] == START_MS + 30_000


def test_sums_of_binary_fractions_are_rounded_and_noted(tmp_path: Path) -> None:
    noisy = np.arange(1, 11) / 3.0
    market = open_market(replay=[written(tmp_path / "BTCUSD.parquet", rows=10, volume=noisy)])
    first, last = market.source.span("BTC-USD")
    assert market.candles("BTC-USD", MINUTE, first, last).volume.tolist() == np.rint(noisy * 1e8).tolist()
    assert any("volumes" in note and "rounded" in note for note in market.source.notes)


def test_volumes_of_a_coin_counted_in_trillions_fit(tmp_path: Path) -> None:
    volume = np.arange(1, 11) * 123_456_789_012.0
    market = open_market(replay=[written(tmp_path / "PEPEUSD.parquet", rows=10, volume=volume)])
    first, last = market.source.span("PEPE-USD")
    product, served = market.products["PEPE-USD"], market.candles("PEPE-USD", MINUTE, first, last)
    assert [float(product.size_text(int(lots))) for lots in served.volume] == volume.tolist()
    assert same(bars(market.prints("PEPE-USD", first, last), MINUTE), served)


def test_what_cannot_be_replayed_is_refused_in_a_sentence(tmp_path: Path) -> None:
    moving = written(tmp_path / "BTCUSD.parquet", rows=5, volume=np.zeros(5))
    with pytest.raises(SandboxError, match="moved without volume"):
        open_market(replay=[moving])
    with pytest.raises(SandboxError, match="does not say its symbol"):
        open_market(replay=[written(tmp_path / "1.parquet")])
    one, other = written(tmp_path / "SOLUSD.parquet"), written(tmp_path / "ETHUSD.parquet", step=300_000)
    with pytest.raises(SandboxError, match="one timeframe"):
        open_market(replay=[one, other])
    with pytest.raises(SandboxError, match="second file"):
        open_market(replay=[one, one])
    with pytest.raises(SandboxError, match=r"nothing\.parquet"):
        open_market(replay=[tmp_path / "nothing.parquet"])
    bad = written(tmp_path / "XRPUSD.parquet", rows=5, low=np.full(5, 500.0))
    with pytest.raises(SandboxError, match="impossible"):
        open_market(replay=[bad])
    assert (
        len(open_market(replay=[written(bad, rows=5, low=np.array([1, 500, 1, 1, 1.0]))], repair="drop").source.notes)
        > 0
    )


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"start": "yesterday"}, "is no time"),
        ({"start": "2001-01-01"}, "outside the market"),
        ({"symbols": ["ABC/USD"]}, "ABC-USD is not listed"),
        ({"speed": 5000}, "not between 1 and 3600"),
        ({"rate": 99}, "rate 99"),
        ({"batch_ms": 300}, "divide a second"),
        ({"seconds": -1}, "above 0"),
    ],
)
def test_bad_options_are_refused_in_a_sentence(options: dict[str, object], words: str) -> None:
    from engine.sandbox.server import exchange_of

    async def made() -> None:
        exchange_of(**options)

    import asyncio

    with pytest.raises(SandboxError, match=words):
        asyncio.run(made())
