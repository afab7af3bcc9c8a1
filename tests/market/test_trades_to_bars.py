"""Oracle: an exchange's own prints, folded by us, give that exchange's own bars."""

import gzip
from decimal import Decimal

import pyarrow.parquet as parquet
import pytest

from engine.core.bars import Beat, FrameBuilder, Resampler, Tick
from engine.core.types import Instrument
from engine.market.feeds import binance
from engine.market.files import read_candles
from engine.market.wire import listing, to_ticks
from tests.market.candle_files import real

MINUTE = 60_000


def instrument(symbol: str, tick: str) -> Instrument:
    base, quote = symbol.split("/")
    return Instrument(symbol, base, quote, Decimal(tick), Decimal("1e-8"), Decimal("1e-8"))


def bars_of(events, timeframe=MINUTE):
    """{ts: (open, high, low, close, volume)} in ticks, of the whole minutes among the events."""
    builder, resampler = FrameBuilder(1), Resampler(timeframe)
    frames = [frame for event in events for frame in builder.push(event)]
    closed = [bar for frame in frames for bar in resampler.push(frame.ts, frame.bars)]
    return {int(bar["ts"]): bar.tolist()[1:6] for _, bar in closed + resampler.close_until(builder.watermark)}


def prints_of(path, listed):
    table = parquet.ParquetFile(real(path)).read(["ts", "trade_id", "price", "qty"])
    columns = (table.column(name).to_pylist() for name in ("trade_id", "price", "qty"))
    times = table.column("ts").cast("int64").to_pylist()
    ticks = [Tick(0, ts, to_ticks(p, listed), q, i) for ts, i, p, q in zip(times, *columns, strict=True)]
    return [*ticks, Beat(ticks[-1].ts + 10 * MINUTE)]


def compared(ours, candles, listed, start, end):
    """How many bars of [start, end) were compared; each must be equal, volume to the rounding of its sum."""
    theirs = candles.between(start, end)
    assert [ts for ts in sorted(ours) if start <= ts < end] == theirs.ts.tolist()
    for i, ts in enumerate(theirs.ts.tolist()):
        expected = tuple(to_ticks(float(column[i]), listed) for column in theirs.ohlcv[:4])
        assert ours[ts][:4] == expected, ts
        assert ours[ts][4] == pytest.approx(float(theirs.volume[i]), rel=1e-12)
    return len(theirs)


@pytest.mark.parametrize("base", ["BTC", "ETH"])
@pytest.mark.parametrize(("timeframe", "whole"), [("1m", 10), ("5m", 2)])
def test_captured_prints_are_the_exchanges_bars(base, timeframe, whole):
    listed = listing([instrument(f"{base}/USDT", "0.01")], str)[f"{base}/USDT"]
    events = prints_of(f"ticks/binance_spot/{base}USDT_trades_20240808.parquet", listed)
    step = MINUTE * int(timeframe[:-1])
    folder = real(f"ohlcv/binance_spot/{timeframe}")
    candles = read_candles(next(f for f in sorted(folder.glob(f"{base}USDT_2024*")) if holds(f, events[0].ts)))
    start, end = -(-events[0].ts // step) * step, events[-2].ts // step * step
    assert compared(bars_of(events, step), candles, listed, start, end) == whole


def holds(path, ts):
    candles = read_candles(path)
    return candles.ts[0] <= ts <= candles.ts[-1]


def test_a_sparse_market_has_the_same_bars_and_the_same_missing_ones():
    listed = listing([instrument("XRP/ETH", "1e-8")], str)["XRP/ETH"]
    events = prints_of("ticks/binance_spot/XRPETH_aggtrades_20191011.parquet", listed)
    candles = read_candles(real("ohlcv/binance_spot/1m/XRPETH_20191011_20191013.parquet"))
    ours = bars_of(events)
    assert compared(ours, candles, listed, int(candles.ts[0]), int(candles.ts[-1])) == 2468


def test_the_wire_gives_the_bars():
    """The raw capture over midnight, message by message, through the feed's parser: quotes and all."""
    symbols = listing([instrument("BTC/USDT", "0.01")], binance.native)
    builder, resampler, bars = FrameBuilder(1), Resampler(MINUTE), {}
    clock = 0
    for day in ("20240808", "20240809"):
        with gzip.open(real(f"raw/ws/binance_spot_btcusdt_{day}.gz"), "rb") as file:
            for line in file:
                for event in binance.parse(line.split(b" ", 1)[1], symbols):
                    clock = max(clock, event.ts)
                    for frame in builder.push(event if event.ts else event._replace(ts=clock)):
                        for _, bar in resampler.push(frame.ts, frame.bars):
                            bars[int(bar["ts"])] = bar.tolist()[1:6]
    candles = read_candles(real("ohlcv/binance_spot/1m/BTCUSDT_20240726_20240825.parquet"))
    start = -(-min(bars) // MINUTE) * MINUTE + MINUTE
    assert compared(bars, candles, symbols["BTCUSDT"], start, max(bars) + MINUTE) >= 9
    assert builder.counters()["late"] == 0
