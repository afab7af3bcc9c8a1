"""What a stranger's script does with unmodified ccxt, call by call, and the class of each error."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import ccxt
import pytest

from engine.sandbox.server import Sandbox
from tests.sandbox.reader import START, START_MS
from tests.sandbox.trading.test_served import clients

SYMBOL = {"coinbase": "BTC/USD", "binance": "BTC/USDT"}


@pytest.fixture(scope="module")
def bots() -> Iterator[dict[str, Any]]:
    with Sandbox.running(seed=7, start=START, hold=True) as sandbox:
        found = dict(zip(SYMBOL, clients(sandbox), strict=True))
        for bot in found.values():
            bot.load_markets()
        yield found


@pytest.mark.parametrize("venue", SYMBOL)
def test_the_market(bots: dict[str, Any], venue: str) -> None:
    bot, symbol = bots[venue], SYMBOL[venue]
    ticker, book = bot.fetch_ticker(symbol), bot.fetch_order_book(symbol)
    assert ticker["bid"] < ticker["ask"]
    assert [book["bids"][0][0], book["asks"][0][0]] == [ticker["bid"], ticker["ask"]]
    minutes = bot.fetch_ohlcv(symbol, "1m", START_MS - 3_600_000, 60)
    hours = bot.fetch_ohlcv(symbol, "1h", START_MS - 3_600_000, 1)
    assert max(row[2] for row in minutes) == hours[0][2]
    trades = bot.fetch_trades(symbol, limit=5)
    assert trades[-1]["price"] == ticker["last"]
    pages = [bot.fetch_ohlcv(symbol, "1m", START_MS - n * 300 * 60_000, 300) for n in (3, 2, 1)]
    assert [row[0] for page in pages for row in page] == [START_MS - (900 - i) * 60_000 for i in range(900)]
    if venue == "binance":
        (week,) = bot.fetch_ohlcv(symbol, "1w", START_MS - 10 * 86_400_000, 1)
        days = bot.fetch_ohlcv(symbol, "1d", week[0], 7)
        assert (week[2], week[4]) == (max(day[2] for day in days), days[-1][4])
        assert bot.fetch_ohlcv(symbol, "1M", START_MS - 20 * 86_400_000, 1)[0][0] == 1_767_225_600_000


@pytest.mark.parametrize("venue", SYMBOL)
def test_orders_of_each_kind(bots: dict[str, Any], venue: str) -> None:
    bot, symbol = bots[venue], SYMBOL[venue]
    price = bot.fetch_ticker(symbol)["ask"]
    bot.create_market_buy_order_with_cost(symbol, 1000)
    low, high = round(price * 0.9, 2), round(price * 1.1, 2)
    resting = [
        bot.create_order(symbol, "limit", "buy", 0.001, low),
        bot.create_order(symbol, "limit", "buy", 0.001, low, {"postOnly": True}),
        bot.create_order(symbol, "limit", "sell", 0.001, low, {"stopLossPrice": round(price * 0.95, 2)}),
    ]
    done = [bot.create_order(symbol, "limit", "buy", 0.001, high, {"timeInForce": life}) for life in ("IOC", "FOK")]
    done.append(bot.create_order(symbol, "market", "sell", 0.001))
    if venue == "binance":
        done.append(bot.create_market_sell_order_with_cost(symbol, 100))
    assert {one["id"] for one in bot.fetch_open_orders(symbol)} == {one["id"] for one in resting}
    assert {one["id"] for one in bot.fetch_closed_orders(symbol)} >= {one["id"] for one in done}
    trades = bot.fetch_my_trades(symbol)
    assert {one["order"] for one in trades} >= {one["id"] for one in done}
    assert all(one["fee"]["cost"] > 0 for one in trades)
    bot.cancel_order(resting[0]["id"], symbol)
    assert bot.fetch_order(resting[0]["id"], symbol)["status"] == "canceled"
    wrong = ccxt.OrderNotFound if venue == "binance" else ccxt.BadRequest
    with pytest.raises(wrong):
        bot.cancel_order(resting[0]["id"], symbol)
    assert bot.fetch_trading_fee(symbol)["taker"] == (0.001 if venue == "binance" else 0.012)
    assert bot.fetch_deposits(None if venue == "binance" else "USD") == []


@pytest.mark.parametrize("venue", SYMBOL)
def test_errors_have_the_right_class(bots: dict[str, Any], venue: str) -> None:
    bot, symbol = bots[venue], SYMBOL[venue]
    price = bot.fetch_ticker(symbol)["ask"]
    with pytest.raises(ccxt.InsufficientFunds):
        bot.create_order(symbol, "limit", "buy", 1000, round(price * 0.9, 2))
    with pytest.raises(ccxt.OrderImmediatelyFillable if venue == "binance" else ccxt.ExchangeError, match="take"):
        bot.create_order(symbol, "limit", "buy", 0.001, round(price * 1.1, 2), {"postOnly": True})
    with pytest.raises(ccxt.ExchangeError):
        bot.create_order(symbol, "limit", "buy", 0.00001, round(price * 0.0001, 2))
    with pytest.raises(ccxt.BadSymbol):
        bot.fetch_ticker("NOPE/USD")
    with pytest.raises(ccxt.OrderNotFound if venue == "binance" else ccxt.ExchangeError, match=r"not exist|not found"):
        bot.fetch_order("123456789", symbol)
    stranger = type(bot)({"apiKey": "nobody", "secret": bot.secret, "urls": {"api": bot.urls["api"]}})
    with pytest.raises(ccxt.AuthenticationError):
        stranger.fetch_balance()
