"""Binance's streams of the sandbox through a real websocket-client: its frames, and the market that Coinbase's side tells too."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import orjson
import pytest
import requests

from engine.core.bars import Beat, Quote, Tick
from engine.core.types import Instrument
from engine.market.events import Malformed, SequenceGap
from engine.market.feeds import binance
from engine.market.feeds._socket import Continuity
from engine.market.wire import listing
from engine.sandbox.binance_stream import DAY_MS, BinanceSpeech
from engine.sandbox.market import Market
from engine.sandbox.server import Sandbox
from tests.sandbox.reader import START, START_MS, Reader

GRID = {"tick": Decimal("0.01"), "lot": Decimal("0.00001"), "quantum": Decimal("0.000001")}
LISTED = listing([Instrument(f"{base}/USDT", base, "USDT", **GRID) for base in ("BTC", "ETH")], binance.native)
Texts = list[tuple[dict[str, Any], bytes]]


@contextmanager
def served(path: str = "/ws", **options: Any) -> Iterator[tuple[Sandbox, Reader]]:
    with Sandbox.running(**{"seed": 7, "start": START, "speed": 3600, "hold": True, **options}) as sandbox:
        reader = Reader(f"ws://127.0.0.1:{sandbox.port}{path}")
        yield sandbox, reader
        reader.socket.shutdown()


def until(reader: Reader, ts: int) -> Texts:
    """Messages, as data and as they came, up to and with the kline of a second at `ts` or later."""
    found: Texts = []
    while True:
        text = reader.frame()
        message = orjson.loads(text)
        found.append((message, text))
        data = message.get("data", message)
        if data.get("e") == "kline" and data["k"]["i"] == "1s" and data["E"] >= ts:
            return found


def subscribed(reader: Reader) -> None:
    for request in binance.subscribe(["BTCUSDT", "ETHUSDT"]):
        reader.say(request)
    assert orjson.loads(reader.frame()) == {"result": None, "id": 1}


def test_the_engines_feed_reads_the_whole_market_from_it() -> None:
    with served() as (_, reader):
        subscribed(reader)
        texts = until(reader, START_MS + 60_000)
    events = [event for _, text in texts for event in binance.parse(text, LISTED)]
    ticks = [e for e in events if isinstance(e, Tick) and e.symbol == 1]
    truth = Market(7).prints("ETH-USD", START_MS, START_MS + 60_000)
    assert [(t.ts, t.price, t.trade_id) for t in ticks if t.ts < START_MS + 60_000] == list(
        zip(truth.ts.tolist(), truth.price.tolist(), truth.id.tolist(), strict=True)
    )
    assert {e.ts for e in events if isinstance(e, Beat)} >= set(range(START_MS + 1000, START_MS + 61_000, 1000))
    assert all(e.bid < e.ask for e in events if isinstance(e, Quote))
    assert not [e for e in events if isinstance(e, Malformed)]
    klines = [m["k"] for m, _ in texts if m.get("e") == "kline" and m["s"] == "BTCUSDT"]
    seconds = Market(7).candles("BTC-USD", 1000, START_MS, START_MS + 60_000)
    told = {k["t"]: k["h"] for k in klines if float(k["v"])}
    assert told == {
        ts: f"{high / 100:.8f}" for ts, high in zip(seconds.ts.tolist(), seconds.high.tolist(), strict=True)
    }


def test_a_lost_message_is_told_by_the_numbers_of_its_prints() -> None:
    with served() as (sandbox, reader):
        sandbox.fault("drop", at=START_MS + 20_000, seconds=10, probability=0.5)
        subscribed(reader)
        texts = until(reader, START_MS + 60_000)
    watch = Continuity(10_000)
    events = [event for _, text in texts for event in binance.parse(text, LISTED)]
    gaps = [gap for e in events if isinstance(e, Beat | binance.Sequence) and (gap := watch.check(e)) is not None]
    assert gaps
    assert all(isinstance(gap, SequenceGap) and START_MS + 20_000 <= gap.ts < START_MS + 40_000 for gap in gaps)


def test_a_combined_stream_by_its_address_and_what_can_be_asked_on_it() -> None:
    streams = "btcusdt@kline_1s/btcusdt@kline_1m/btcusdt@trade/btcusdt@depth5@100ms/btcusdt@depth/btcusdt@ticker/nonesuch@trade"
    with served(f"/stream?streams={streams}") as (sandbox, reader):
        messages = [message for message, _ in until(reader, START_MS + 61_000)]
        by_stream = {message["stream"]: message["data"] for message in messages}
        assert set(by_stream) == set(streams.split("/")[:-1])
        closed = [m["data"]["k"] for m in messages if m["stream"].endswith("1m") and m["data"]["k"]["x"]]
        url = f"{sandbox.rest_url}/api/v3/klines?symbol=BTCUSDT&interval=1m&startTime={START_MS}&limit=1"
        (row,) = requests.get(url, timeout=10).json()
        assert [[k["t"], k["o"], k["h"], k["l"], k["c"], k["v"]] for k in closed] == [row[:6]]
        reader.say({"method": "UNSUBSCRIBE", "params": ["btcusdt@trade"], "id": 7})
        reader.say({"method": "SUBSCRIBE", "params": ["btcusdt@nonsense"], "id": 8})
        reader.say({"method": "LIST_SUBSCRIPTIONS", "id": 9})
        answers: dict[int, Any] = {}
        while len(answers) < 3:
            message = reader.next()
            if "id" in message:
                answers[message["id"]] = message
    assert answers[7]["result"] is None
    assert "btcusdt@nonsense" in answers[8]["error"]["msg"]
    assert "btcusdt@trade" not in answers[9]["result"]
    assert "btcusdt@depth5@100ms" in answers[9]["result"]


def test_a_connection_lives_a_day(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BinanceSpeech, "life_ms", 30_000)
    with served("/ws/btcusdt@kline_1s") as (sandbox, reader):
        last = [message["E"] for message in reader.to_the_end()][-1]
        assert last < START_MS + 30_000 <= sandbox.now()
        again = Reader(f"ws://127.0.0.1:{sandbox.port}/ws/btcusdt@kline_1s")
        assert again.next()["E"] > last
        again.socket.shutdown()
    assert DAY_MS == 24 * 3_600_000
