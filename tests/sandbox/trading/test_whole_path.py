"""The engine's own orders all the way: protocol, adapter, unmodified ccxt, and this exchange on a violent day; with deaths.

Long: every seed lives minutes of a run. What must hold at the end is judged by the exchange's own books.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import urlsplit

import pytest

from engine.sandbox.products import LISTED
from engine.sandbox.trading import opening
from engine.sandbox.trading.faults import drawn
from engine.sandbox.trading.prices import SetPrices
from engine.sandbox.trading.wire import NO_ANSWER
from engine.venues import adapters
from engine.venues.adapters._wire import Incoming, NoAnswer, Outgoing
from engine.venues.live.states import TERMINAL
from tests.venues.live.life import BEGUN, SYMBOL, LiveLife

DIGITS = 6
"""The exchange's lot is the engine's: a millionth."""


class SandboxPort:
    """An adapter whose requests this exchange answers in the same process, with the hands on time and price that a
    `LiveLife` reaches for.
    """

    def __init__(self, venue: str, seed: int) -> None:
        self.now_ms, self.price, self.script, self.faults = BEGUN, dict[str, Decimal](), list[str](), object
        self.set = SetPrices((replace(LISTED[0], size_digits=DIGITS),))
        self.set.set("BTC-USD", 4_999_900, 5_000_100, BEGUN - 1)
        made = {"coinbase": opening.open_coinbase, "binance": opening.open_binance}[venue]
        self.opened = made(self.set, seed=seed, balances={"USD": "50000"}, start=BEGUN)
        key = self.opened.keys[-1]
        self.adapter = adapters.make(
            venue, key.name, key.secret, transport=self.carry, clock=lambda: self.now_ms, steady=lambda: self.now_ms
        )

    def __getattr__(self, name: str) -> Any:
        return getattr(self.adapter, name)

    def carry(self, out: Outgoing) -> Incoming:
        split = urlsplit(out.url)
        ask = (out.method, split.path, split.query, {**out.headers, "Host": split.netloc}, out.body, self.now_ms)
        status, headers, body = self.opened.door.handle(*ask)
        if status == NO_ANSWER:
            raise NoAnswer("read timed out")
        return Incoming(status, headers, body)

    def advance(self, now: int) -> None:
        self.now_ms = now
        if SYMBOL in self.price:
            ticks = int(self.price[SYMBOL] * 100)
            self.set.set("BTC-USD", ticks - 100, ticks + 100, now, ticks)
        self.opened.matching.advance(now)


def live(life: LiveLife, dice: Random) -> None:
    """Ten stretches of market, some of them after a death."""
    for _ in range(10):
        what = dice.random()
        if what < 0.4:
            for change in (-60, -40, 150):
                life.minute(life.price + change, pumps=dice.randint(0, 8))
        elif what < 0.8:
            life.minute(life.price + Decimal(dice.randint(-700, 500)), pumps=dice.randint(0, 10))
        else:
            life.die()
            life.now += dice.choice([10, 4_000, 90_000])
            life.port.advance(life.now)
            life.begin()
        always(life)


def always(life: Any) -> None:
    """One order an intent at most, none without its commit, no fill twice."""
    intents = {one.client_order_id for one in life.intents()}
    orders = Counter(order.ask.client_id for order in life.port.opened.venue.orders.all)
    assert not orders or max(orders.values()) == 1
    assert {heard.client_id for heard in life.port.opened.door.heard if heard.what == "place"} <= intents
    ids = [row.venue_trade_id for row in life.rows("SELECT venue_trade_id FROM fill")]
    assert len(set(ids)) == len(ids)


def converged(life: Any) -> None:
    """Every fill of the exchange is booked; what is over here is over there; the position is the exchange's."""
    always(life)
    venue = life.port.opened.venue
    booked = sum(life.rows(f"SELECT count(*) AS n FROM {table}")[0].n for table in ("fill", "external_trade"))
    assert booked == len(venue.orders.fills)
    for one in life.intents():
        orders = venue.orders.by_client(one.client_order_id)
        assert not orders or one.state != "not_placed"
        if orders and one.state in TERMINAL:
            assert orders[0].state != "open"
            assert Decimal(orders[0].instrument.size_text(orders[0].filled)) == Decimal(one.filled)
    market = next(iter(venue.instruments.values()))
    coins = venue.books.balance("BTC", "free") + venue.books.balance("BTC", "held")
    over = Decimal(market.size_text(market.lots(coins))) - life.held()
    # Fees that are taken from the coins leave less than a lot a fill, which no book of whole lots can hold.
    dust = len(venue.orders.fills) if venue.rules.fee_on == "received" else 0
    assert 0 <= over <= dust * Decimal(10) ** -DIGITS
    life.audited()


@pytest.mark.long
@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("venue", ["coinbase", "binance"])
def test_orders_are_sent_once_and_every_fill_is_booked(
    venue: str, seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "COARSEST", DIGITS)
    port: Any = SandboxPort(venue, seed)
    life = LiveLife(tmp_path / "data", port)
    try:
        life.pump(12, 100)
        for fault in drawn(seed, 0.03, 0.15):
            port.opened.door.trouble.add(fault)
        live(life, Random(seed))
        port.opened.door.faults.clear()
        for _ in range(36):
            life.second(life.price)
            life.pump(6, 500)
            life.now += 1_000
        converged(life)
    finally:
        life.die()
        life.engine.dispose()
