"""Both adapters over real sockets, on the sandbox's server: what the pack proves in process holds over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

import pytest

from engine.sandbox.server import Sandbox
from engine.venues import adapters
from engine.venues.port import (
    Accepted,
    Clock,
    Fees,
    NotFound,
    Permissions,
    Port,
    Refused,
    Request,
    Rules,
    Seen,
    Unknown,
)
from tests.sandbox.reader import START


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox.running(seed=7, start=START, hold=True, balances={"USD": "5000", "USDT": "5000"}) as running:
        yield running


def reached(sandbox: Sandbox, venue: str) -> Port:
    key = sandbox.keys(venue)[0]
    return adapters.make(venue, key.name, key.secret, base_url=sandbox.rest_url)


@pytest.mark.parametrize("venue", adapters.available())
def test_a_day_at_the_venue(sandbox: Sandbox, venue: str) -> None:
    port = reached(sandbox, venue)
    clock = port.sync()
    assert isinstance(clock, Clock), clock
    rules, rights, fees = port.rules("BTC/USD"), port.permissions(), port.fees("BTC/USD")
    assert isinstance(rules, Rules), rules
    assert isinstance(rights, Permissions), rights
    assert isinstance(fees, Fees), fees
    assert (rules.quote, rights.withdraw, rights.trade) == ("USD", False, True)

    began = port.now() - 60_000
    expires = port.now() + port.expiry_ms if port.expiry_ms else 0
    buy = Request("a1" * 16, "BTC/USD", "buy", Decimal("0.01"), "market", expires_ts=expires)
    told = port.place(buy)
    assert isinstance(told, Accepted), told
    seen = port.look_up("BTC/USD", buy.client_id, "", began)
    assert isinstance(seen, Seen), seen
    assert (seen.venue_id, seen.state, seen.filled) == (told.venue_id, "filled", buy.qty)
    (trade,) = port.trades_since("BTC/USD", began)  # type: ignore[misc]
    base = trade.qty if trade.fee_currency == "BTC" else trade.qty * trade.price
    assert (trade.venue_id, trade.fee) == (told.venue_id, base * fees.taker)

    low = (trade.price / 2 // rules.tick) * rules.tick
    rest = replace(buy, client_id="a2" * 16, kind="limit", limit=low, post_only=True)
    resting = port.place(rest)
    assert isinstance(resting, Accepted), resting
    assert [o.client_id for o in port.open_orders(["BTC/USD"])] == [rest.client_id]  # type: ignore[union-attr]
    assert isinstance(port.cancel("BTC/USD", rest.client_id, resting.venue_id), Accepted)
    assert {o.client_id: o.state for o in port.orders_since("BTC/USD", began)} == {  # type: ignore[union-attr]
        buy.client_id: "filled",
        rest.client_id: "cancelled",
    }
    assert isinstance(port.look_up("BTC/USD", "a3" * 16, "", began), NotFound)
    big = port.place(replace(rest, client_id="a4" * 16, qty=Decimal(50)))
    assert isinstance(big, Refused), big
    assert big.reason == "funds"
    held = port.balances()
    assert isinstance(held, dict)
    assert held["USD"].free == held["USD"].total
    port.close()


def test_an_exchange_that_is_not_there(sandbox: Sandbox) -> None:
    key = sandbox.keys("binance")[0]
    nobody = adapters.make("binance", key.name, key.secret, base_url="http://127.0.0.1:1")
    assert isinstance(nobody.place(Request("a1" * 16, "BTC/USD", "buy", Decimal(1), "market")), Unknown)
    nobody.close()
