"""Each fault of an exchange with accounts: what the client sees, and what is true behind it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ccxt
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.sandbox.trading.door import DELAY
from engine.sandbox.trading.faults import KINDS, TradeFault, drawn
from engine.sandbox.trading.opening import Opened, open_binance, open_coinbase
from engine.sandbox.trading.prices import SetPrices
from engine.sandbox.trading.terms import ATOM, Ask
from engine.sandbox.trading.wire import NO_ANSWER
from tests.sandbox.trading.seam import BTC, START, client, market, signed
from tests.sandbox.trading.test_laws import STEPS, check, play

ORDER, OPEN, ALL, TRADES = "/api/v3/order", "/api/v3/openOrders", "/api/v3/allOrders", "/api/v3/myTrades"
MARKET: dict[str, Any] = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.01"}
LIMIT: dict[str, Any] = {**MARKET, "type": "LIMIT", "timeInForce": "GTC", "price": "60000"}


@pytest.fixture
def prices() -> SetPrices:
    return market()


@pytest.fixture
def opened(prices: SetPrices) -> Opened:
    return open_binance(prices, balances={"USDT": "10000", "BTC": "1"}, start=START)


def place(opened: Opened, client_id: str, now: int = START, **order: Any) -> tuple[int, Any]:
    return signed(opened, "POST", ORDER, now, **{**MARKET, "newClientOrderId": client_id, **order})


def look(opened: Opened, client_id: str, now: int = START) -> Any:
    said = signed(opened, "GET", ORDER, now, symbol="BTCUSDT", origClientOrderId=client_id)[1]
    return said.get("status", said.get("code"))


def names(opened: Opened, path: str, now: int = START) -> list[str]:
    return [row["clientOrderId"] for row in signed(opened, "GET", path, now, symbol="BTCUSDT")[1]]


def delivered(opened: Opened) -> list[tuple[str, int]]:
    return [(one.client_id, one.status) for one in opened.door.heard if one.what == "place"]


def test_a_lost_request_never_arrives(opened: Opened) -> None:
    opened.fault("lost_request", what="place", count=1)
    assert place(opened, "a")[0] == NO_ANSWER
    assert (look(opened, "a"), delivered(opened)) == (-2013, [])
    assert place(opened, "a")[0] == 200


def test_the_answer_is_lost_and_the_order_is_there(opened: Opened) -> None:
    opened.fault("lost_answer", what="place", count=1)
    assert place(opened, "a")[0] == NO_ANSWER
    assert (look(opened, "a"), delivered(opened)) == ("FILLED", [("a", 200)])


@pytest.mark.parametrize(("delay", "status", "state"), [(4_000, 200, "FILLED"), (6_000, 400, -2013)])
def test_a_late_request_counts_only_before_it_expires(opened: Opened, delay: int, status: int, state: object) -> None:
    opened.fault("late", what="place", delay=delay, count=1)
    assert place(opened, "a")[0] == NO_ANSWER
    assert look(opened, "a", START + 3_999) == -2013
    assert look(opened, "a", START + 10_000) == state
    assert [(one.ts, one.status) for one in opened.door.heard] == [(START + delay, status)]


def test_a_request_delivered_twice_makes_two_orders_once_the_first_has_filled(opened: Opened) -> None:
    opened.fault("twice", delay=500)
    place(opened, "market")
    place(opened, "limit", **LIMIT)
    opened.matching.advance(START + 1_000)
    assert delivered(opened) == [("market", 200), ("limit", 200), ("market", 200), ("limit", 400)]
    assert [order.ask.client_id for order in opened.venue.orders.all] == ["market", "limit", "market"]


def test_coinbase_makes_one_order_of_a_request_delivered_twice(prices: SetPrices) -> None:
    opened = open_coinbase(prices, start=START)
    opened.fault("twice", what="place", delay=500)
    client(opened, "coinbase").create_order("BTC/USD", "market", "buy", 100, None,
                                            {"createMarketBuyOrderRequiresPrice": False})  # fmt: skip
    opened.matching.advance(START + 1_000)
    assert (len(opened.door.heard), len(opened.venue.orders.all)) == (2, 1)


@pytest.mark.parametrize("done", [False, True])
def test_an_error_of_the_server_says_nothing_about_the_order(opened: Opened, done: bool) -> None:
    opened.fault("error", what="place", status=504, done=done, count=1)
    status, said = place(opened, "a")
    assert (status, said["code"]) == (504, -1007)
    assert (look(opened, "a") == "FILLED") is done


@pytest.mark.parametrize("kind", ["html", "cut"])
def test_an_answer_that_cannot_be_read_leaves_an_order_behind(opened: Opened, kind: str) -> None:
    opened.fault(kind, what="place", count=1)
    status, said = place(opened, "a")
    assert (status, type(said)) == (200, bytes)
    assert look(opened, "a") == "FILLED"


def test_ccxt_takes_what_cannot_be_read_for_trouble_of_the_network(opened: Opened) -> None:
    bot = client(opened)
    bot.load_markets()
    for kind, error in (("lost_answer", ccxt.RequestTimeout), ("error", ccxt.ExchangeNotAvailable)):
        opened.fault(kind, what="place", count=1)
        with pytest.raises(error):
            bot.create_order("BTC/USDT", "market", "buy", 0.01)


def test_a_ban_answers_429_and_then_418_until_it_is_over(opened: Opened) -> None:
    opened.fault("ban", count=1, delay=20_000)
    assert place(opened, "a")[1]["code"] == -1003
    assert [place(opened, "a", START + at)[0] for at in (1, 19_999, 20_000)] == [418, 418, 200]
    assert delivered(opened) == [("a", 200)]
    opened.fault("ban", count=1, delay=5_000)
    answer = opened.door.handle("GET", "/api/v3/time", "", {}, b"", START + 21_000)
    assert (answer[0], answer[1]["Retry-After"]) == (429, "6")


def test_in_maintenance_nothing_is_done(opened: Opened) -> None:
    opened.fault("maintenance", seconds=60)
    assert place(opened, "a")[0] == 503
    assert place(opened, "b", START + 60_000)[0] == 200
    assert delivered(opened) == [("b", 200)]


@pytest.mark.parametrize("kind", ["reject", "halt"])
def test_the_exchange_rejects_for_reasons_of_its_own(opened: Opened, kind: str) -> None:
    opened.fault(kind, count=1)
    assert place(opened, "a")[1]["code"] == -1013
    assert not opened.venue.orders.all


@pytest.mark.parametrize(("kind", "number"), [("no_id", None), ("wrong_id", 1)])
def test_the_answer_has_no_id_or_that_of_another_order(opened: Opened, kind: str, number: int | None) -> None:
    place(opened, "first")
    opened.fault(kind, count=1)
    assert place(opened, "second")[1]["orderId"] == number
    assert look(opened, "second") == "FILLED"


def test_the_fill_is_there_before_the_answer_knows_it(opened: Opened) -> None:
    opened.fault("quiet", count=1)
    said = place(opened, "a")[1]
    assert (said["status"], said["executedQty"], said["fills"]) == ("NEW", "0.00000000", [])
    assert look(opened, "a") == "FILLED"


def test_an_answer_takes_its_time(opened: Opened) -> None:
    opened.fault("slow_answer", count=1, delay=7_000)
    status, headers, _ = opened.door.handle("GET", "/api/v3/time", "", {}, b"", START)
    assert (status, headers[DELAY]) == (200, "7000")


def test_a_fill_comes_in_pieces_one_after_the_other(opened: Opened) -> None:
    opened.fault("pieces", pieces=6, delay=100)
    for place_ in range(4):
        place(opened, f"c{place_}")
    assert {look(opened, f"c{at}") for at in range(4)} <= {"PARTIALLY_FILLED", "FILLED"}
    opened.matching.advance(START + 600)
    orders = opened.venue.orders.all
    assert all(order.state == "filled" for order in orders)
    assert max(len(order.fills) for order in orders) > 1
    for order in orders:
        assert [fill.ts for fill in order.fills] == [START + 100 * at for at in range(len(order.fills))]
    check(opened)


def test_the_end_of_a_fill_never_comes_and_the_rest_is_freed(opened: Opened) -> None:
    opened.fault("short", count=1)
    place(opened, "a")
    opened.matching.advance(START + 1)
    (order,) = opened.venue.orders.all
    assert (order.state, 0 < order.filled < order.ask.lots) == ("expired", True)
    check(opened)


def test_an_order_vanishes_from_the_open_ones_before_it_is_among_the_closed(opened: Opened) -> None:
    opened.fault("vanish", delay=5_000)
    place(opened, "a")
    assert (look(opened, "a"), names(opened, OPEN), names(opened, ALL)) == (-2013, [], [])
    assert len(signed(opened, "GET", TRADES, symbol="BTCUSDT")[1]) == 1
    assert (look(opened, "a", START + 5_000), names(opened, ALL, START + 5_000)) == ("FILLED", ["a"])


def test_readings_lag_each_in_its_own_way(opened: Opened) -> None:
    opened.fault("stale", path="orders", delay=3_000)
    opened.fault("stale", path="trades", delay=1_000)
    place(opened, "a", START + 10_000)
    told = []
    for later in (10_500, 11_500, 13_500):
        trades = signed(opened, "GET", TRADES, START + later, symbol="BTCUSDT")[1]
        told.append((look(opened, "a", START + later), len(trades)))
    assert told == [(-2013, 0), (-2013, 1), ("FILLED", 1)]
    assert opened.venue.books.shown(START + 9_999)["BTC"] == (ATOM, 0)
    assert opened.venue.books.shown(START + 10_000)["BTC"][0] > ATOM


def test_a_cancelled_order_stays_open_for_a_reader_who_is_late(opened: Opened) -> None:
    place(opened, "a", **LIMIT)
    signed(opened, "DELETE", ORDER, START + 5_000, symbol="BTCUSDT", origClientOrderId="a")
    opened.fault("stale", delay=2_000)
    assert [names(opened, OPEN, START + at) for at in (6_999, 7_000)] == [["a"], []]


def cancel(opened: Opened, client_id: str, now: int = START) -> Any:
    said = signed(opened, "DELETE", ORDER, now, symbol="BTCUSDT", origClientOrderId=client_id)[1]
    return said.get("status", said.get("code"))


def test_an_order_fills_while_its_cancel_is_on_the_way(opened: Opened) -> None:
    opened.fault("fill_in_cancel")
    for at in range(8):
        place(opened, f"c{at}", **{**LIMIT, "quantity": "0.002"})
    answers = [cancel(opened, f"c{at}") for at in range(8)]
    assert set(answers) == {-2011, "CANCELED"}
    for answer, order in zip(answers, opened.venue.orders.all, strict=True):
        assert (order.state == "filled") == (answer == -2011)
        assert order.filled > 0
    check(opened)


def test_a_refused_cancel_leaves_an_order_that_fills_later(opened: Opened, prices: SetPrices) -> None:
    place(opened, "a", **LIMIT)
    opened.fault("cancel_fails", count=1)
    assert cancel(opened, "a") == -2011
    prices.set("BTC-USD", 5_999_900, 6_000_100, START + 400)
    assert look(opened, "a", START + 500) == "FILLED"


def test_the_exchange_cancels_by_itself(opened: Opened) -> None:
    opened.fault("self_cancel", delay=2_000)
    place(opened, "a", **LIMIT)
    assert [look(opened, "a", START + at) for at in (1_999, 2_000)] == ["NEW", "CANCELED"]
    assert opened.venue.books.balance("USDT", "held") == 0


def test_the_fee_changes_and_changes_back(opened: Opened) -> None:
    opened.fault("fee", at=START + 1_000, seconds=10, maker="0.002", taker="0.005")
    for at in (0, 1_000, 11_000):
        place(opened, f"c{at}", START + at)
    assert [fill.fee for fill in opened.venue.orders.fills] == [ATOM // 100_000 * n for n in (1, 5, 1)]


def test_the_lot_grows_and_what_is_off_the_new_grid_is_refused(opened: Opened) -> None:
    opened.fault("grid", market="BTCUSDT", step=500, seconds=10)
    opened.matching.advance(START)
    info = orjson.loads(opened.door.handle("GET", "/api/v3/exchangeInfo", "symbol=BTCUSDT", {}, b"", START)[2])
    lot = next(row for row in info["symbols"][0]["filters"] if row["filterType"] == "LOT_SIZE")
    assert lot["stepSize"] == "0.00500000"
    assert [place(opened, f"a{qty}", quantity=qty)[0] for qty in ("0.012", "0.015")] == [400, 200]
    assert place(opened, "b", START + 10_000, quantity="0.012")[0] == 200


def test_an_amount_to_spend_is_never_exceeded_when_the_price_runs_away(prices: SetPrices) -> None:
    opened = open_coinbase(prices, balances={"USD": "10000"}, start=START)
    opened.fault("pieces", pieces=50, delay=100)
    one = opened.venue.instruments["BTC-USD"]
    opened.matching.advance(START)
    opened.matching.place(Ask(one, "a", 1, "market", spend=640 * ATOM, life="IOC"))
    prices.set("BTC-USD", BTC[0] * 2, BTC[1] * 2, START + 50)
    opened.matching.advance(START + 10_000)
    (order,) = opened.venue.orders.all
    assert order.state == "cancelled"
    assert opened.venue.books.balance("USD", "free") >= 9_360 * ATOM
    check(opened)


def test_a_person_trades_pays_in_and_takes_out(opened: Opened) -> None:
    opened.fault("person_buy", market="BTCUSDT", amount="0.02", at=START + 1_000)
    opened.fault("deposit", asset="USDT", amount="500", at=START + 2_000)
    opened.fault("withdrawal", asset="BTC", amount="0.5", at=START + 3_000)
    opened.fault("withdrawal", asset="BTC", amount="50", at=START + 3_000)
    opened.fault("person_sell", market="BTCUSDT", amount="0.01", at=START + 4_000)
    assert names(opened, ALL, START + 999) == []
    assert names(opened, ALL, START + 5_000) == ["web_1", "web_2"]
    assert [order.ask.side for order in opened.venue.orders.all] == [1, -1]
    assert [(one.asset, one.amount) for one in opened.venue.transfers] == [("USDT", 500 * ATOM), ("BTC", -ATOM // 2)]
    check(opened)


def test_a_person_may_come_by_chance(opened: Opened) -> None:
    opened.fault("deposit", asset="USDT", amount="1", probability=0.5)
    opened.fault("person_buy", market="BTCUSDT", amount="0.001", probability=0.5)
    for at in range(40):
        opened.door.handle("GET", "/api/v3/time", "", {}, b"", START + at)
    assert 5 < len(opened.venue.transfers) < 35
    assert 5 < len(opened.venue.orders.all) < 35


def test_every_kind_of_fault_is_tried_here() -> None:
    here = Path(__file__).read_text()
    assert [kind for kind in KINDS if f'"{kind}"' not in here] == []


# --- laws -----------------------------------------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(steps=STEPS, seed=st.integers(0, 10_000), which=st.sampled_from([open_binance, open_coinbase]))
def test_the_books_balance_whatever_goes_wrong(steps: Any, seed: int, which: Any) -> None:
    prices = SetPrices()
    opened = which(prices, balances={"USD": "10000", "ETH": "5"}, start=START, seed=seed)
    for fault in drawn(seed, 0.2, 0.8):
        opened.door.trouble.add(fault)
    play(opened, prices, steps)


def session(seed: int) -> list[bytes]:
    """Everything that a busy client hears from Binance on a violent day."""
    prices = market()
    opened = open_binance(prices, start=START, seed=seed)
    for fault in drawn(3, 0.1, 0.5):
        opened.door.trouble.add(fault)
    heard = []
    for at in range(120):
        now = START + at * 700
        prices.set("BTC-USD", BTC[0] - at * 900, BTC[1] - at * 900, now)
        order = {**(LIMIT if at % 3 else MARKET), "price": "63900"} if at % 3 else MARKET
        heard.append(orjson.dumps(str(place(opened, f"c{at}", now, **order))))
        for path in (OPEN, ALL, TRADES, "/api/v3/account"):
            heard.append(orjson.dumps(str(signed(opened, "GET", path, now, symbol="BTCUSDT"))))
        heard.append(
            str(signed(opened, "DELETE", ORDER, now, symbol="BTCUSDT", origClientOrderId=f"c{at - 5}")).encode()
        )
    return heard


def test_the_same_seed_gives_the_same_bytes_and_another_one_others() -> None:
    assert session(7) == session(7)
    assert session(7) != session(8)


def test_a_plan_of_faults_is_quiet_or_violent_by_its_seed() -> None:
    sizes = [len(drawn(seed)) for seed in range(50)]
    assert min(sizes) < 11 < 16 < max(sizes)
    assert drawn(4) == drawn(4)
    assert {fault.kind for seed in range(50) for fault in drawn(seed)} < set(KINDS)


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "deposit"},
        {"kind": "person_buy"},
        {"kind": "late", "least": 9, "delay": 8},
        {"kind": "cut", "to": "bits"},
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"needs|least|Extra"):
        TradeFault.model_validate(wrong)


def test_orders_of_the_same_moment_are_met_in_the_order_they_came(opened: Opened, prices: SetPrices) -> None:
    one = opened.venue.instruments["BTCUSDT"]
    opened.matching.advance(START)
    for at in range(5):
        opened.matching.place(Ask(one, f"c{at}", 1, "limit", lots=100, limit=6_300_000 - at))
    prices.set("BTC-USD", 6_200_000, 6_200_100, START + 10)
    opened.matching.advance(START + 20)
    assert [fill.order.number for fill in opened.venue.orders.fills] == [1, 2, 3, 4, 5]
