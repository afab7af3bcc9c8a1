"""The whole chain in one process: a live run (machine, ledger, lane) whose port is an adapter on an exchange of the sandbox."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any, cast

import pytest

from engine.sandbox.trading.faults import drawn
from engine.sandbox.trading.terms import text
from engine.venues.live import ids

from .benches import SPECS, Bench
from .live.exchange import MemoryPort
from .live.life import BEGUN, SYMBOL, LiveLife

CENT = Decimal("0.01")
VENUE_LOT = {"binance": Decimal("0.00001"), "coinbase": Decimal("0.00000001")}


class OnExchange:
    """An adapter and its exchange where LiveLife expects one in memory: `price`, `advance`, `now_ms` and the port's methods."""

    def __init__(self, venue: str) -> None:
        self.bench = Bench(venue, start=BEGUN - 60_000, begin={"USD": "50000"})
        self.price: dict[str, Decimal] = {}
        self.script: list[str] = []
        self._told = Decimal(0)
        self._faults = NoFaults()

    @property
    def now_ms(self) -> int:
        return self.bench.now

    @now_ms.setter
    def now_ms(self, now: int) -> None:
        self.advance(now)

    def advance(self, now: int) -> None:
        self.bench.now = now
        price = self.price[SYMBOL]
        if price != self._told:
            self._told = price
            self.bench.price(price - CENT, price + CENT, price)
        self.bench.opened.matching.advance(now)

    @property
    def faults(self) -> NoFaults:
        return self._faults

    @faults.setter
    def faults(self, _none: NoFaults) -> None:
        self.bench.opened.door.faults.clear()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.bench.port, name)


class NoFaults:
    """What LiveLife puts when it wants quiet."""


def begun(folder: Path, venue: str) -> tuple[LiveLife, OnExchange]:
    port = OnExchange(venue)
    life = LiveLife(folder / "data", cast(MemoryPort, port))
    life.pump(16, 100)
    assert life.lane.started
    return life, port


def agree(life: LiveLife, port: OnExchange) -> None:
    """The ledger and the exchange tell the same story of our orders."""
    tag = ids.tag_of(life.instance)
    ours = [order for order in port.bench.truth() if ids.is_ours(tag, order.ask.client_id)]
    assert len({order.ask.client_id for order in ours}) == len(ours), "one order for an id"
    sent = {one.client_order_id: one for one in life.intents()}
    assert {order.ask.client_id for order in ours} <= sent.keys()
    for order in ours:
        filled = Decimal(order.instrument.size_text(order.filled))
        assert Decimal(sent[order.ask.client_id].filled) == filled, order
        if order.state == "open":
            assert sent[order.ask.client_id].state not in ("not_placed", "rejected", "filled"), order
    there = sum(len(order.fills) for order in ours)
    assert len(life.rows("SELECT * FROM fill")) == there
    free, held = port.bench.opened.venue.books.shown(port.bench.now)["BTC"]
    assert 0 <= Decimal(text(free + held)) - life.held() < Decimal("0.001"), (
        "never more than there is; crumbs of fees stay"
    )
    life.audited()


@pytest.mark.parametrize("venue", sorted(SPECS))
def test_an_entry_is_filled_protected_and_left(tmp_path: Path, venue: str) -> None:
    life, port = begun(tmp_path, venue)
    life.enter()
    life.pump(24, 250)
    entry, stop = life.intents()[:2]
    assert entry.role == "entry"
    assert 0 <= Decimal(entry.qty) - Decimal(entry.filled) < VENUE_LOT[venue], "down to the venue's lot"
    assert (stop.role, stop.state, stop.kind) == ("stop", "acked", port.native_stop)
    agree(life, port)
    life.second(life.price * Decimal("0.985").quantize(CENT) // CENT * CENT)
    life.pump(40, 250)
    life.settle(1)
    assert life.held() < VENUE_LOT[venue], "less than can be sold there"
    agree(life, port)


def wandering(life: LiveLife, rng: Random, minutes: int) -> None:
    for _ in range(minutes):
        life.minute(life.price + rng.choice([-60, -25, 20, 20, 45]))
        if rng.random() < 0.15:
            life.die()
            life.begin()
            life.pump(4, 200)


def lived(folder: Path, venue: str, seed: int, minutes: int) -> None:
    life, port = begun(folder, venue)
    for fault in drawn(seed, low=0.01, high=0.08):
        port.bench.opened.door.trouble.add(fault)
    wandering(life, Random(seed), minutes)
    life.settle(2)
    agree(life, port)


@pytest.mark.parametrize("venue", sorted(SPECS))
def test_a_life_on_an_exchange_that_fails(tmp_path: Path, venue: str) -> None:
    lived(tmp_path, venue, 3, 4)


@pytest.mark.long
@pytest.mark.parametrize("venue", sorted(SPECS))
@pytest.mark.parametrize("seed", range(60))
def test_lives_on_exchanges_that_fail(tmp_path: Path, venue: str, seed: int) -> None:
    lived(tmp_path, venue, seed, 25)
