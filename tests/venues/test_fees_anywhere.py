"""What a trade costs is in the books whatever it was paid in: quote, the bought coin, a third one, or less than nothing."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.types import Instrument
from engine.venues.live.amounts import booked, fee_in_quote, fitted, guessed, too_many, too_small
from engine.venues.port import Accepted, Rules, Trade
from tests.venues.benches import Bench

BTC = Instrument("BTC/USDT", "BTC", "USDT", Decimal("0.01"), Decimal("0.00001"), Decimal("0.000001"),
                 maker=Decimal("0.001"), taker=Decimal("0.002"))  # fmt: skip


def trade(side: str, fee: str, currency: str, value: str | None = None, maker: bool = False) -> Trade:
    worth = None if value is None else Decimal(value)
    return Trade(
        "1", "1", "", "BTC/USDT", side, Decimal("0.01"), Decimal(64_000), Decimal(fee), currency, maker, 1, worth
    )  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("one", "lots", "fee"),
    [
        (trade("buy", "0.64", "USDT"), 1000, "0.64"),
        (trade("buy", "0.00001", "BTC"), 999, "0.64"),  # a lot less, and what it cost
        (trade("sell", "0.64", "USDT"), 1000, "0.64"),
        (trade("buy", "0.001", "BNB", "0.61"), 1000, "0.61"),
        (trade("sell", "0.001", "BNB", "0.61"), 1000, "0.61"),
        (trade("sell", "0.00001", "BTC"), 1000, "0.64"),
        (trade("buy", "-0.064", "USDT", maker=True), 1000, "-0.064"),
        (trade("sell", "-0.064", "USDT", maker=True), 1000, "-0.064"),
        (trade("buy", "-0.00001", "BTC", maker=True), 1001, "-0.64"),
        (trade("buy", "0.001", "XYZ"), 1000, "1.28"),  # nobody names its price: the market's whole rate
        (trade("buy", "0.001", "XYZ", maker=True), 1000, "0.64"),
        (trade("buy", "0.001", "XYZ", "64"), 1000, "1.28"),  # no fee is a tenth of the trade
        (trade("buy", "0", ""), 1000, "0"),
    ],
)
def test_what_is_booked_keeps_cash_and_coins_as_the_venue_has_them(one: Trade, lots: int, fee: str) -> None:
    got, ticks, quanta = booked(one, BTC)
    assert (got, ticks, quanta * BTC.quantum) == (lots, 6_400_000, Decimal(fee))
    cash = (1 if one.side == "buy" else -1) * got * BTC.lot * one.price + quanta * BTC.quantum
    coin = one.fee_currency == "BTC" and one.side == "buy"
    paid = Decimal(0) if coin else fee_in_quote(one, BTC)
    assert cash == (640 if one.side == "buy" else -640) + paid
    assert guessed(one, BTC) == (one.fee_currency == "XYZ")


@given(st.lists(st.integers(1, 50_000), min_size=1, max_size=12))
def test_a_sale_in_pieces_finer_than_a_lot_takes_all_its_lots(pieces: list[int]) -> None:
    """What was sold is sold: an order of whole lots leaves none behind, however the exchange cut it; no piece counts twice."""
    fine = BTC.lot / 10_000
    pieces = [*pieces, 10_000 - (sum(pieces) % 10_000)]
    before, lots = Decimal(0), 0
    for piece in pieces:
        one = replace(trade("sell", "0", "USDT"), qty=fine * piece)
        got, *_ = booked(one, BTC, before)
        lots, before = lots + got, before + one.qty
        assert lots * BTC.lot <= before < (lots + 1) * BTC.lot
    assert lots * BTC.lot == before


def test_binances_fee_in_another_coin_is_valued_by_the_coins_own_market() -> None:
    b = Bench("binance", begin={"USDT": "10000", "SOL": "5"})
    b.prices.set("SOL-USD", 14_990, 15_010, b.now)
    b.opened.fault("fee", taker="0.00075", maker="-0.0001", asset="SOL")
    b.wait(61_000)
    b.prices.set("SOL-USD", 19_990, 20_010, b.now)
    asked = b.order("buy", "0.01", "market", limit=Decimal("64002"))
    assert isinstance(b.port.place(asked), Accepted)
    (found,) = b.port.trades_since(b.symbol, b.now - 60_000)
    assert found.fee_currency == "SOL"
    assert found.fee_value is not None
    rate = Decimal("640.02") * Decimal("0.00075")
    # The sandbox takes coins at the price of the moment; the ledger goes by the minute's opening price, which never changes.
    assert found.fee == (rate / 200).quantize(Decimal("1e-8"))
    assert found.fee_value == found.fee * 150
    again = sum("klines" in path for path in b.asked)
    assert b.port.trades_since(b.symbol, b.now - 60_000) == [found]
    assert sum("klines" in path for path in b.asked) == again == 1
    # A maker's rebate comes in what is received.
    resting = b.order("buy", "0.01", limit=Decimal("63000"))
    b.port.place(resting)
    b.wait(1000)
    b.drop_to("62990")
    b.wait(1000)
    rebate = b.port.trades_since(b.symbol, b.now - 3000)[-1]
    assert (rebate.fee, rebate.fee_currency, rebate.maker) == (Decimal("-0.000001"), "BTC", True)


def test_binances_filters_are_read_and_kept_to() -> None:
    rules = Bench("binance").port.rules("BTC/USDT")
    assert isinstance(rules, Rules)
    assert (rules.market_notional, rules.max_orders, rules.max_stops) == (True, 200, 5)
    assert rules.buy_band == rules.sell_band == (Decimal("0.2"), Decimal(5))
    told = Rules("A/B", "A", "B", Decimal(1), Decimal("0.1"), Decimal(1), Decimal(100), Decimal(5), True,
                 market_lot=Decimal("0.5"), market_min=Decimal(2), market_max=Decimal(10), market_notional=False)  # fmt: skip
    assert (fitted(Decimal("12.3"), told, True), fitted(Decimal("12.3"), told, False)) == (Decimal(10), Decimal("12.3"))
    assert "minimum of 2" in too_small(Decimal(1), Decimal(9), told, True)
    assert not too_small(Decimal(2), Decimal(1), told, True)
    assert "minimum of 5" in too_small(Decimal(2), Decimal(1), told)
    assert "at most 5 stops" in too_many(5, rules)
    assert not too_many(4, rules)
