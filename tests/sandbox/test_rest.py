"""Unmodified ccxt.coinbase with only its URL overridden, and the limits and refusals of the REST side."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ccxt
import numpy as np
import pytest
import requests

from engine.sandbox.market import Market
from engine.sandbox.server import Sandbox
from tests.sandbox.reader import START, START_MS, ms

MINUTE, DAY = 60_000, 86_400_000
V3 = "/api/v3/brokerage"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    # Held without a client, the exchange's clock stands at its start for the whole module.
    with Sandbox.running(seed=7, start=START, hold=True) as running:
        yield running


@pytest.fixture(scope="module")
def bot(sandbox: Sandbox) -> Any:
    made = ccxt.coinbase({"urls": {"api": {"rest": sandbox.rest_url}}, "enableRateLimit": False})
    made.load_markets()
    return made


def get(sandbox: Sandbox, path: str, **query: object) -> tuple[int, dict[str, Any]]:
    reply = requests.get(sandbox.rest_url + path, params=query, timeout=20)
    return reply.status_code, reply.json()


def test_ccxt_loads_the_markets(bot: Any) -> None:
    assert list(bot.markets) == ["BTC/USD", "ETH/USD", "SOL/USD", "XRP/USD", "LINK/USD", "DOGE/USD"]
    link = bot.markets["LINK/USD"]
    assert link["precision"] == {
        "amount": 0.01,
        "price": 0.001,
        **{k: None for k in link["precision"] if k not in ("amount", "price")},
    }
    assert link["limits"]["cost"]["min"] == 1
    assert link["active"]
    assert link["spot"]
    assert {"BTC", "USD"} <= set(bot.currencies)


def test_ccxt_loads_the_markets_with_keys_too(sandbox: Sandbox) -> None:
    key = sandbox.keys("coinbase")[0]
    made = ccxt.coinbase({"urls": {"api": {"rest": sandbox.rest_url}}, "apiKey": key.name, "secret": key.secret})
    assert made.load_markets()["BTC/USD"]["taker"] == 0.012


def test_ccxt_reads_time_ticker_book_and_tickers(bot: Any) -> None:
    assert bot.fetch_time() == START_MS
    assert bot.fetch_time({"method": "v3PublicGetBrokerageTime"}) == START_MS
    ticker = bot.fetch_ticker("BTC/USD")
    assert ticker["bid"] <= ticker["last"] <= ticker["ask"]
    assert ticker["timestamp"] < START_MS
    book = bot.fetch_order_book("BTC/USD")
    assert [book["bids"][0][0], book["asks"][0][0]] == [ticker["bid"], ticker["ask"]]
    assert bot.fetch_tickers()["BTC/USD"]["last"] == ticker["last"]
    assert bot.fetch_ticker("ETH/USD", {"method": "fetchTickerV2"})["last"] > 0


def test_ccxt_pages_candles_that_equal_the_market(bot: Any) -> None:
    start = START_MS - 700 * MINUTE
    rows: list[list[float]] = []
    while start < START_MS:
        page = bot.fetch_ohlcv("ETH/USD", "1m", since=start, limit=300)
        assert 0 < len(page) <= 300
        rows += page
        start = int(page[-1][0]) + MINUTE
    truth = Market(7).candles("ETH-USD", MINUTE, START_MS - 700 * MINUTE, START_MS)
    assert [int(row[0]) for row in rows] == truth.ts.tolist()
    for place, column, digits in (
        (1, truth.open, 2),
        (2, truth.high, 2),
        (3, truth.low, 2),
        (4, truth.close, 2),
        (5, truth.volume, 8),
    ):
        assert [row[place] for row in rows] == (column / 10**digits).tolist()


@pytest.mark.parametrize(
    ("name", "step"), [("5m", 5), ("15m", 15), ("30m", 30), ("1h", 60), ("2h", 120), ("6h", 360), ("1d", 1440)]
)
def test_every_timeframe_is_served(bot: Any, name: str, step: int) -> None:
    rows = bot.fetch_ohlcv("SOL/USD", name, since=START_MS - 300 * step * MINUTE)
    truth = Market(7).candles("SOL-USD", step * MINUTE, START_MS - 300 * step * MINUTE, START_MS, START_MS)
    assert [int(row[0]) for row in rows] == truth.ts.tolist()[:300]
    assert [row[2] for row in rows] == (truth.high[:300] / 100).tolist()


def test_more_than_300_candles_are_refused(sandbox: Sandbox) -> None:
    path = f"{V3}/market/products/BTC-USD/candles"
    end = START_MS // 1000
    status, body = get(sandbox, path, granularity="ONE_MINUTE", start=end - 301 * 60, end=end)
    assert status == 400
    assert body["error"] == "INVALID_ARGUMENT"
    assert "300" in body["message"]
    status, body = get(sandbox, path, granularity="ONE_MINUTE", start=end - 300 * 60, end=end)
    assert status == 200
    assert len(body["candles"]) == 300
    starts = [int(candle["start"]) for candle in body["candles"]]
    assert starts == sorted(starts, reverse=True)
    assert all(isinstance(value, str) for candle in body["candles"] for value in candle.values())


def test_the_running_candle_holds_what_was_printed_so_far() -> None:
    with Sandbox.running(seed=7, start=START_MS + 47_000, hold=True) as sandbox:
        _, body = get(sandbox, f"{V3}/market/products/BTC-USD/candles", granularity="ONE_HOUR",
                      start=START_MS // 1000 - 3600, end=START_MS // 1000 + 9000)  # fmt: skip
    assert [int(c["start"]) * 1000 for c in body["candles"]] == [START_MS, START_MS - 3_600_000]
    prints = Market(7).prints("BTC-USD", START_MS, START_MS + 47_000)
    assert float(body["candles"][0]["volume"]) == prints.size.sum() / 1e8
    assert float(body["candles"][0]["close"]) == prints.price[-1] / 100


def test_trades_of_a_window_newest_first_and_capped(sandbox: Sandbox, bot: Any) -> None:
    start, end = START_MS // 1000 - 3600, START_MS // 1000 - 1800
    truth = Market(7).prints("BTC-USD", start * 1000, end * 1000 + 1)
    path = f"{V3}/market/products/BTC-USD/ticker"
    _, body = get(sandbox, path, limit=5000, start=start, end=end)
    ids = [int(trade["trade_id"]) for trade in body["trades"]]
    assert ids == truth.id[::-1][:1000].tolist()
    assert len(truth.id) > 1000
    # Going on from the oldest one, as a bot that fills a gap must, gives all of them.
    found = dict.fromkeys(ids)
    while True:
        oldest = ms(body["trades"][-1]["time"])
        _, body = get(sandbox, path, limit=5000, start=start, end=-(-oldest // 1000))
        before = len(found)
        found.update(dict.fromkeys(int(trade["trade_id"]) for trade in body["trades"]))
        if len(found) == before:
            break
    assert sorted(found) == truth.id.tolist()
    rows = bot.fetch_trades("BTC/USD", since=start * 1000, limit=1000, params={"until": start * 1000 + 60_000})
    minute = truth.slice(start * 1000, start * 1000 + 60_001)
    assert [row["price"] for row in rows] == (minute.price / 100).tolist()
    assert [row["amount"] for row in rows] == (minute.size / 1e8).tolist()


def test_the_future_is_not_told(sandbox: Sandbox) -> None:
    _, body = get(
        sandbox, f"{V3}/market/products/BTC-USD/ticker", limit=10, start=START_MS // 1000, end=START_MS // 1000 + 600
    )
    assert body["trades"] == []
    _, body = get(sandbox, f"{V3}/market/products/BTC-USD/candles", granularity="ONE_MINUTE",
                  start=START_MS // 1000, end=START_MS // 1000 + 600)  # fmt: skip
    assert body["candles"] == []


def test_the_makers_side_is_told(sandbox: Sandbox) -> None:
    _, body = get(sandbox, f"{V3}/market/products/BTC-USD/ticker", limit=50)
    truth = Market(7).latest("BTC-USD", START_MS, 50)
    assert [trade["side"] for trade in body["trades"]] == ["SELL" if s > 0 else "BUY" for s in truth.side[::-1]]


@pytest.mark.parametrize(
    ("path", "query", "status", "words"),
    [
        (f"{V3}/market/products/ABC-USD/candles", {"granularity": "ONE_MINUTE", "start": 1, "end": 2}, 404, "is not listed"),
        (f"{V3}/market/products/BTC-USD/candles", {"granularity": "FOUR_HOUR", "start": 1, "end": 2}, 400, "ONE_HOUR"),
        (f"{V3}/market/products/BTC-USD/candles", {"granularity": "ONE_HOUR", "start": "x", "end": 2}, 400, "start must be"),
        (f"{V3}/market/products/BTC-USD/candles", {"granularity": "ONE_HOUR", "start": 5, "end": 2}, 400, "after end"),
        (f"{V3}/market/products/BTC-USD/ticker", {"limit": "-1"}, 400, "limit must be"),
        (f"{V3}/orders", {}, 404, "not served"),
    ],
)  # fmt: skip
def test_what_is_asked_wrongly_is_refused(
    sandbox: Sandbox, path: str, query: dict[str, object], status: int, words: str
) -> None:
    got, body = get(sandbox, path, **query)
    assert got == status
    assert words in body["message"]
    assert body["error"]


def test_products_can_be_chosen_and_there_are_no_futures(sandbox: Sandbox) -> None:
    _, body = get(sandbox, f"{V3}/market/products", product_ids=["ETH-USD", "SOL-USD"])
    assert [p["product_id"] for p in body["products"]] == ["ETH-USD", "SOL-USD"]
    assert get(sandbox, f"{V3}/market/products", product_type="FUTURE")[1]["products"] == []
    _, row = get(sandbox, f"{V3}/market/products/XRP-USD")
    assert (row["price_increment"], row["base_increment"]) == ("0.0001", "0.000001")
    day = Market(7).candles("XRP-USD", MINUTE, START_MS - DAY, START_MS)
    assert float(row["volume_24h"]) == np.sum(day.volume) / 1e6


def test_months_of_minutes_come_quickly(sandbox: Sandbox) -> None:
    """45 days in 216 calls without ccxt; the bound is generous, what it guards against is minutes."""
    import time

    session, began, rows = requests.Session(), time.perf_counter(), 0
    for page in range(216):
        start = START_MS // 1000 - (page + 1) * 18_000
        url = f"{sandbox.rest_url}{V3}/market/products/DOGE-USD/candles"
        reply = session.get(
            url, params={"granularity": "ONE_MINUTE", "start": start, "end": start + 18_000}, timeout=20
        )
        rows += len(reply.json()["candles"])
    assert rows == 216 * 300
    assert time.perf_counter() - began < 20


def test_the_documents_first_sample_runs(sandbox: Sandbox) -> None:
    text = (Path(__file__).resolve().parents[2] / "docs" / "sandbox.md").read_text()
    code = text.split("```py\n")[1].split("```")[0]
    assert "http://127.0.0.1:8765" in code
    names: dict[str, Any] = {}
    exec(code.replace("http://127.0.0.1:8765", sandbox.rest_url), names)
    assert "BTC/USD" in names["exchange"].markets
