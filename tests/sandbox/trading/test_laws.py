"""What holds whatever is asked and however the market moves: the books balance, nobody spends what they have not got,
fills add up, and the same requests get the same bytes.
"""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.sandbox.market import Market
from engine.sandbox.trading.books import OWN
from engine.sandbox.trading.opening import Opened, open_binance, open_coinbase
from engine.sandbox.trading.prices import MarketPrices, SetPrices
from engine.sandbox.trading.terms import ATOM, Ask, Refusal
from tests.sandbox.trading.seam import START

STEPS = st.lists(
    st.tuples(
        st.sampled_from(["buy", "sell", "cancel", "move", "move", "wait"]),
        st.sampled_from(["market", "limit", "stop", "stop_limit"]),
        st.integers(1, 400_000),
        st.integers(-3_000, 3_000),
        st.booleans(),
    ),
    max_size=40,
)


def play(opened: Opened, prices: SetPrices, steps: Any) -> None:
    """Random orders, cancels and prices around 1,000 dollars; refusals are part of it."""
    now, middle = START, 100_000
    prices.set("ETH-USD", middle - 5, middle + 5, START)
    name = next(name for name in opened.venue.instruments if name.startswith("ETH"))
    one = opened.venue.instruments[name]
    for place, (what, kind, lots, away, flag) in enumerate(steps):
        opened.matching.advance(now)
        orders = list(opened.venue.orders.open.values())
        if what == "move":
            now, middle = now + 1000, max(middle + away, 1000)
            prices.set("ETH-USD", middle - 5, middle + 5, now)
        elif what == "wait":
            now += 1000
        elif what == "cancel":
            if orders:
                with suppress(Refusal):
                    opened.matching.cancel(orders[lots % len(orders)], opened.venue.now)
        else:
            price = max(middle + away, 1)
            ask = Ask(one, f"c{place}", 1 if what == "buy" else -1, kind, lots=lots * 1000 if one.size_digits > 5 else lots,
                      limit=price if "limit" in kind else 0, stop=price if "stop" in kind else 0, stop_up=what == "buy",
                      life="IOC" if kind == "market" or (flag and kind == "limit") else "GTC")  # fmt: skip
            if kind == "market" and what == "buy" and flag:
                ask.spend, ask.lots = lots * ATOM // 1000, 0
            with suppress(Refusal):
                opened.matching.place(ask)
        check(opened)


def check(opened: Opened) -> None:
    books, orders = opened.venue.books, opened.venue.orders
    sums: Counter[tuple[str, str]] = Counter()
    for entry in books.journal:
        assert entry.amount > 0
        sums[entry.asset, entry.source] -= entry.amount
        sums[entry.asset, entry.target] += entry.amount
    for asset in books.assets:
        accounts = {name: books.balance(asset, name) for name in ("free", "held", "market", "fees", "outside")}
        assert sum(accounts.values()) == 0
        assert min(accounts[name] for name in OWN) >= 0
        assert accounts == {name: sums[asset, name] for name in accounts}
        held = sum(
            one.hold
            for one in orders.open.values()
            if asset == (one.instrument.quote if one.ask.side > 0 else one.instrument.base)
        )
        assert accounts["held"] == held
    for order in orders.all:
        assert order.filled == sum(fill.lots for fill in order.fills) <= order.ask.lots
        assert (order.state == "filled") == (order.filled == order.ask.lots > 0)
        assert (order.state == "open") == (order.number in orders.open)
    assert [fill.number for fill in orders.fills] == list(range(1, len(orders.fills) + 1))
    assert sum(len(order.fills) for order in orders.all) == len(orders.fills)


@settings(max_examples=60, deadline=None)
@given(steps=STEPS, which=st.sampled_from([open_binance, open_coinbase]))
def test_the_books_balance_and_fills_add_up_whatever_is_asked(steps: Any, which: Any) -> None:
    prices = SetPrices()
    opened = which(prices, balances={"USD": "10000", "ETH": "5"}, start=START)
    play(opened, prices, steps)
    fees = {(fill.fee_asset, fill.number): fill.fee for fill in opened.venue.orders.fills}
    for asset in opened.venue.books.assets:
        assert opened.venue.books.balance(asset, "fees") == sum(fee for (of, _), fee in fees.items() if of == asset)


def test_what_an_order_meets_does_not_depend_on_who_asks_when() -> None:
    told = []
    for step in (997, 60_000, 600_000):
        opened = open_coinbase(MarketPrices(Market(seed=7)), start=START)
        one = opened.venue.instruments["BTC-USD"]
        opened.matching.advance(START)
        price = opened.venue.standing(one, START).bid
        for place in range(6):
            lots, away = 10_000_000, (place - 3) * 2_000
            opened.matching.place(Ask(one, f"c{place}", 1, "limit", lots=lots, limit=price - 1_000 + away))
        for now in range(START, START + 1_200_001, step):
            opened.matching.advance(now)
        opened.matching.advance(START + 1_200_000)
        told.append([(fill.order.number, fill.ts, fill.ticks, fill.lots) for fill in opened.venue.orders.fills])
    assert told[0] == told[1] == told[2]
    assert len(told[0]) >= 2


def test_the_quote_of_the_market_is_the_quote_orders_meet() -> None:
    market = Market(seed=7)
    prices = MarketPrices(market)
    for now in range(START, START + 1_300_000, 61_007):
        standing, truth = prices.standing("BTC-USD", now), market.quote("BTC-USD", now + 1)
        assert standing is not None
        assert truth is not None
        assert (standing.bid, standing.ask, standing.ts) == (truth.bid, truth.ask, truth.ts)
