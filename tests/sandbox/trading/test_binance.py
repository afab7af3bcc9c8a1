"""Unmodified ccxt.binance on the exchange in the same process: orders, look-ups, stops, refusals with their real codes."""

from __future__ import annotations

from typing import Any

import ccxt
import pytest

from engine.sandbox.trading.opening import Opened, open_binance
from engine.sandbox.trading.prices import SetPrices
from engine.sandbox.trading.terms import ATOM
from tests.sandbox.trading.seam import BTC, START, client, market, signed

PAIR = "BTC/USDT"


@pytest.fixture
def prices() -> SetPrices:
    return market()


@pytest.fixture
def opened(prices: SetPrices) -> Opened:
    return open_binance(prices, balances={"USDT": "10000", "BTC": "1"}, start=START)


@pytest.fixture
def bot(opened: Opened) -> Any:
    made = client(opened)
    made.load_markets()
    return made


def test_a_market_order_fills_at_the_quote_and_its_fee_is_what_was_received(bot: Any) -> None:
    placed = bot.create_order(PAIR, "market", "buy", 0.01, None, {"newClientOrderId": "one"})
    assert (placed["status"], placed["filled"], placed["average"]) == ("closed", 0.01, BTC[1] / 100)
    (trade,) = bot.fetch_my_trades(PAIR)
    assert trade["fee"] == {"currency": "BTC", "cost": 0.00001}
    assert bot.fetch_order(None, PAIR, {"origClientOrderId": "one"})["id"] == trade["order"] == placed["id"]
    balance = bot.fetch_balance()
    assert (balance["BTC"]["total"], balance["USDT"]["free"]) == (1.00999, 10000 - 640.02)


def test_a_limit_rests_holds_its_money_and_fills_as_maker_when_a_print_reaches_it(bot: Any, prices: SetPrices) -> None:
    order = bot.create_order(PAIR, "limit", "buy", 0.01, 63_900)
    assert order["status"] == "open"
    assert bot.fetch_balance()["USDT"] == {"free": 9361.0, "used": 639.0, "total": 10000.0}
    prices.set("BTC-USD", 6_389_900, 6_390_100, START + 500, price=6_389_900)
    bot.session.now = START + 60_000
    (trade,) = bot.fetch_my_trades(PAIR)
    assert (trade["price"], trade["takerOrMaker"], trade["timestamp"]) == (63_900, "maker", START + 500)
    assert bot.fetch_order(order["id"], PAIR)["status"] == "closed"
    assert bot.fetch_balance()["USDT"]["used"] == 0


def test_cancelling_frees_the_hold_and_a_second_cancel_is_refused(bot: Any) -> None:
    order = bot.create_order(PAIR, "limit", "sell", 0.5, 70_000)
    assert [one["id"] for one in bot.fetch_open_orders(PAIR)] == [order["id"]]
    assert bot.cancel_order(order["id"], PAIR)["status"] == "canceled"
    assert bot.fetch_balance()["BTC"]["used"] == 0
    with pytest.raises(ccxt.OrderNotFound, match="-2011"):
        bot.cancel_order(order["id"], PAIR)


@pytest.mark.parametrize(("kind", "limit", "price"), [("STOP_LOSS", None, 63_498), ("STOP_LOSS_LIMIT", 63_000, 63_498)])
def test_a_stop_waits_and_sells_at_the_quote_that_woke_it(
    bot: Any, prices: SetPrices, kind: str, limit: float | None, price: float
) -> None:
    stop = bot.create_order(PAIR, kind, "sell", 0.1, limit, {"stopPrice": 63_500})
    prices.set("BTC-USD", 6_350_000, 6_350_200, START + 100)
    bot.session.now = START + 200
    assert bot.fetch_order(stop["id"], PAIR)["status"] == "open"
    prices.set("BTC-USD", 6_349_800, 6_350_000, START + 300, price=6_350_000)
    bot.session.now = START + 1_000
    assert bot.fetch_order(stop["id"], PAIR)["status"] == "closed"
    assert bot.fetch_my_trades(PAIR)[0]["price"] == price


def test_a_stop_limit_that_the_market_jumped_over_stays_open(bot: Any, prices: SetPrices) -> None:
    stop = bot.create_order(PAIR, "STOP_LOSS_LIMIT", "sell", 0.1, 63_400, {"stopPrice": 63_500})
    prices.set("BTC-USD", 6_300_000, 6_300_200, START + 300)
    bot.session.now = START + 1_000
    told = bot.fetch_order(stop["id"], PAIR)
    assert (told["status"], told["filled"], told["info"]["isWorking"]) == ("open", 0, True)


REFUSED = [
    ({"quantity": "100"}, -2010, "insufficient balance"),
    ({"quantity": "0.000001"}, -1013, "LOT_SIZE"),
    ({"quantity": "0.00001"}, -1013, "NOTIONAL"),
    ({"quantity": "0.0100000001"}, -1111, "too much precision"),
    ({"quantity": "nan"}, -1100, "Illegal characters"),
    ({"quantity": "0.01", "type": "LIMIT", "timeInForce": "GTC", "price": "60000.001"}, -1013, "PRICE_FILTER"),
    ({"quantity": "0.01", "type": "LIMIT", "price": "60000"}, -1102, "timeInForce"),
    ({"quantity": "0.01", "type": "LIMIT_MAKER", "price": "65000"}, -2010, "immediately match"),
    ({"quantity": "0.01", "type": "STOP_LOSS", "stopPrice": "60000"}, -2010, "trigger immediately"),
    ({"quantity": "0.01", "type": "ICEBERG"}, -1116, "orderType"),
    ({"quantity": "0.01", "side": "HOLD"}, -1117, "side"),
    ({"quantity": "0.01", "symbol": "NOBTC"}, -1121, "symbol"),
    ({"quantity": "0.01", "newClientOrderId": "no spaces"}, -1100, "Illegal characters"),
    ({"quantity": "0.01", "recvWindow": "60001"}, -1131, "recvWindow"),
]


@pytest.mark.parametrize(("params", "code", "words"), REFUSED)
def test_what_breaks_a_rule_is_refused_with_its_code_and_leaves_nothing(
    opened: Opened, params: dict[str, str], code: int, words: str
) -> None:
    asked = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", **params}
    status, said = signed(opened, "POST", "/api/v3/order", **asked)
    assert (status, said["code"]) == (400, code)
    assert words in said["msg"]
    assert not opened.venue.orders.all


@pytest.mark.parametrize(("sent", "code"), [(-5_000, 0), (-5_001, -1021), (999, 0), (1_000, -1021)])
def test_a_request_from_outside_its_window_is_refused(opened: Opened, sent: int, code: int) -> None:
    params = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.01", "timestamp": START + sent}
    status, said = signed(opened, "POST", "/api/v3/order", **params)
    assert (status, said.get("code", 0)) == (400 if code else 200, code)


def test_only_the_owner_of_the_key_is_let_in(opened: Opened) -> None:
    thief = client(opened)
    thief.secret = "0" * 64
    with pytest.raises(ccxt.AuthenticationError, match="-1022"):
        thief.fetch_balance({"type": "spot"})
    thief.apiKey = "nobody"
    with pytest.raises(ccxt.AuthenticationError, match="-2015"):
        thief.fetch_balance({"type": "spot"})


def test_a_client_id_is_unique_among_open_orders_only(opened: Opened) -> None:
    order = {"symbol": "BTCUSDT", "side": "SELL", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01",
             "price": "70000", "newClientOrderId": "twin"}  # fmt: skip
    assert signed(opened, "POST", "/api/v3/order", **order)[0] == 200
    assert signed(opened, "POST", "/api/v3/order", **order)[1] == {"code": -2010, "msg": "Duplicate order sent."}
    signed(opened, "DELETE", "/api/v3/order", symbol="BTCUSDT", origClientOrderId="twin")
    assert signed(opened, "POST", "/api/v3/order", **order)[0] == 200
    assert signed(opened, "GET", "/api/v3/order", symbol="BTCUSDT", origClientOrderId="twin")[1]["orderId"] == 2


def test_beyond_the_weight_of_a_minute_comes_429_and_then_418(opened: Opened) -> None:
    answers = [signed(opened, "GET", "/api/v3/account")[0] for _ in range(320)]
    assert answers[:300] == [200] * 300
    assert answers[300:310] == [429] * 10
    assert answers[310:] == [418] * 10
    assert signed(opened, "GET", "/api/v3/account", START + 60_000)[0] == 200


def test_ccxt_reads_fees_permissions_and_transfers(bot: Any, opened: Opened) -> None:
    opened.venue.transfer("USDT", 5 * ATOM, START)
    opened.venue.transfer("BTC", -ATOM // 10, START)
    assert bot.fetch_trading_fee(PAIR)["taker"] == 0.001
    assert bot.sapi_get_account_apirestrictions()["enableWithdrawals"] is False
    assert [(t["currency"], t["amount"]) for t in bot.fetch_deposits()] == [("USDT", 5.0)]
    assert [(t["currency"], t["amount"], t["timestamp"]) for t in bot.fetch_withdrawals()] == [("BTC", 0.1, START)]


def test_ccxt_reads_what_came_from_a_bank_and_went_there(bot: Any, opened: Opened) -> None:
    opened.venue.transfer("USD", 250 * ATOM, START)
    opened.venue.transfer("USD", -20 * ATOM, START)
    assert bot.fetch_deposits() == [], "coins alone"
    told = [bot.fetch_deposits("USD"), bot.fetch_withdrawals(None, START - 1, None, {"fiat": True})]
    assert [[(t["currency"], t["amount"], t["status"]) for t in listed] for listed in told] == [
        [("USD", 250.0, "ok")], [("USD", 20.0, "ok")]
    ]  # fmt: skip
    with pytest.raises(ccxt.DDoSProtection):
        bot.fetch_deposits("USD")
