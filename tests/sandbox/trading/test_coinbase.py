"""Unmodified ccxt.coinbase on the exchange in the same process: orders, look-ups, stops, refusals, both kinds of key."""

from __future__ import annotations

from typing import Any

import ccxt
import pytest

from engine.sandbox.trading.opening import Opened, open_coinbase
from engine.sandbox.trading.prices import SetPrices
from engine.sandbox.trading.terms import ATOM
from tests.sandbox.trading.seam import BTC, START, client, market

PAIR = "BTC/USD"
CENT = ATOM // 100


@pytest.fixture
def prices() -> SetPrices:
    return market()


@pytest.fixture
def opened(prices: SetPrices) -> Opened:
    return open_coinbase(prices, balances={"USD": "10000", "BTC": "1"}, start=START)


@pytest.fixture
def bot(opened: Opened) -> Any:
    made = client(opened, "coinbase")
    made.load_markets()
    return made


def balances(bot: Any) -> Any:
    return bot.fetch_balance({"v3": True})


@pytest.mark.parametrize("key", [0, 1])
def test_both_kinds_of_key_open_the_door_and_a_forged_one_does_not(opened: Opened, key: int) -> None:
    assert balances(client(opened, "coinbase", key))["USD"]["free"] == 10_000
    forged = client(open_coinbase(market(), seed=8), "coinbase", key)
    forged.apiKey, forged.session.opened = opened.keys[key].name, opened
    with pytest.raises(ccxt.AuthenticationError):
        balances(forged)


@pytest.mark.parametrize(("away", "let_in"), [(0, True), (119, True), (121, False), (-31, False)])
def test_a_token_lives_two_minutes(opened: Opened, away: int, let_in: bool) -> None:
    bot = client(opened, "coinbase")
    bot.seconds = lambda: START // 1000 - away
    if let_in:
        assert bot.v3_private_get_brokerage_key_permissions()["can_transfer"] is False
    else:
        with pytest.raises(ccxt.AuthenticationError):
            bot.v3_private_get_brokerage_key_permissions()


def test_a_token_is_good_for_its_own_request_only(opened: Opened) -> None:
    bot = client(opened, "coinbase")
    headers = bot.sign("brokerage/accounts", ["v3", "private"])["headers"]
    paths = ("/api/v3/brokerage/accounts", "/api/v3/brokerage/key_permissions")
    assert [opened.door.handle("GET", path, "", headers, b"", START)[0] for path in paths] == [200, 401]
    assert opened.door.handle("GET", paths[0], "", {}, b"", START)[0] == 401


def test_buying_for_an_amount_spends_at_most_that_with_the_fee_in_it(bot: Any, opened: Opened) -> None:
    params = {"client_order_id": "one", "createMarketBuyOrderRequiresPrice": False}
    order = bot.fetch_order(bot.create_order(PAIR, "market", "buy", 640, None, params)["id"])
    (trade,) = bot.fetch_my_trades(PAIR)
    assert (order["status"], order["clientOrderId"], order["average"]) == ("closed", "one", BTC[1] / 100)
    spent = 10_000 * 100 * CENT - opened.venue.books.balance("USD", "free")
    assert 639_99 * CENT < spent <= 640_00 * CENT
    assert trade["fee"] == {"currency": "USD", "cost": pytest.approx(order["cost"] * 0.012)}
    assert balances(bot)["BTC"]["free"] == 1 + order["filled"]


def test_a_limit_rests_with_its_fee_held_and_fills_as_maker(bot: Any, prices: SetPrices) -> None:
    order = bot.create_order(PAIR, "limit", "buy", 0.01, 63_900)
    assert balances(bot)["USD"]["used"] == pytest.approx(639 * 1.012)
    prices.set("BTC-USD", 6_389_900, 6_390_100, START + 500, price=6_389_900)
    bot.session.now = START + 60_000
    (trade,) = bot.fetch_my_trades(PAIR)
    assert (trade["price"], trade["takerOrMaker"], trade["timestamp"]) == (63_900, "maker", START + 500)
    assert float(bot.fetch_order(order["id"])["fee"]["cost"]) == pytest.approx(639 * 0.006)
    assert balances(bot)["USD"]["used"] == 0


def test_a_stop_limit_wakes_and_fills_where_it_can(bot: Any, prices: SetPrices) -> None:
    near, far = (
        bot.create_order(PAIR, "limit", "sell", 0.1, limit, {"stopLossPrice": 63_500})["id"]
        for limit in (63_000, 63_450)
    )
    prices.set("BTC-USD", 6_340_000, 6_340_200, START + 300, price=6_340_100)
    bot.session.now = START + 1_000
    orders = [bot.fetch_order(one) for one in (near, far)]
    assert [(one["status"], one["average"]) for one in orders] == [("closed", 63_400), ("open", None)]
    assert [one["info"]["trigger_status"] for one in orders] == ["STOP_TRIGGERED"] * 2
    assert [one["id"] for one in bot.fetch_open_orders(PAIR)] == [far]
    assert bot.cancel_order(far)["id"] == far
    with pytest.raises(ccxt.BadRequest):
        bot.cancel_order(far)


def test_a_client_id_that_was_ever_used_gives_its_order_back(bot: Any, opened: Opened) -> None:
    twins = [bot.create_order(PAIR, "limit", "sell", 0.1, 70_000 + at, {"client_order_id": "twin"}) for at in range(2)]
    assert twins[0]["id"] == twins[1]["id"]
    bot.cancel_order(twins[0]["id"])
    assert bot.create_order(PAIR, "limit", "sell", 0.1, 71_000, {"client_order_id": "twin"})["id"] == twins[0]["id"]
    assert len(opened.venue.orders.all) == 1


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ((100, 64_000, {}), "PREVIEW_INSUFFICIENT_FUND"),
        ((0.00000002, 64_000, {}), "PREVIEW_INVALID_QUOTE_SIZE_TOO_SMALL"),
        ((0.01, 65_000, {"postOnly": True}), "POST_ONLY"),
        ((0.01, 63_000, {"stopLossPrice": 63_500}), "PREVIEW_STOP_PRICE_BELOW_LAST_TRADE_PRICE"),
    ],
)
def test_what_breaks_a_rule_is_refused_by_name_and_leaves_nothing(
    bot: Any, opened: Opened, asked: tuple[float, float, dict[str, Any]], words: str
) -> None:
    amount, price, params = asked
    with pytest.raises(ccxt.ExchangeError, match=words):
        bot.create_order(PAIR, "limit", "buy", amount, price, params)
    assert not opened.venue.orders.all
    assert balances(bot)["USD"]["used"] == 0


def test_lists_go_on_by_cursor_and_miss_nothing_when_orders_come_between(bot: Any) -> None:
    ids = [bot.create_order(PAIR, "limit", "sell", 0.01, 70_000 + at)["id"] for at in range(5)]
    first = bot.v3_private_get_brokerage_orders_historical_batch({"limit": 2})
    bot.create_order(PAIR, "limit", "sell", 0.01, 80_000)
    rest = bot.v3_private_get_brokerage_orders_historical_batch({"limit": 9, "cursor": first["cursor"]})
    assert [one["order_id"] for one in first["orders"] + rest["orders"]] == ids[::-1]
    assert (first["has_next"], rest["has_next"]) == (True, False)


def test_transfers_stand_among_the_legs_of_trades_as_the_exchange_lists_them(bot: Any, opened: Opened) -> None:
    bot.create_order(PAIR, "market", "sell", 0.01)
    opened.venue.transfer("USD", 500 * 100 * CENT, START)
    opened.venue.transfer("BTC", -10 * CENT, START)
    kinds = [one["info"]["type"] for one in bot.fetch_deposits_withdrawals("USD")]
    assert sorted(kinds) == ["advanced_trade_fill", "advanced_trade_fill", "fiat_deposit"]
    assert [one["amount"] for one in bot.fetch_deposits("USD")] == [500]
    sent = [one for one in bot.fetch_deposits_withdrawals("BTC") if one["info"]["type"] == "send"]
    assert [(one["type"], one["amount"]) for one in sent] == [("withdrawal", 0.1)]


def test_ccxt_reads_the_fees_of_the_account(bot: Any) -> None:
    fees = bot.fetch_trading_fees()[PAIR]
    assert (fees["maker"], fees["taker"]) == (0.006, 0.012)
    assert bot.fetch_time() == START
