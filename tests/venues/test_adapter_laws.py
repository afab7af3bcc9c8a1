"""Laws of what an adapter says, on exchanges that fail at random (seeded): a refusal is never wrong, and in the end it tells all.

1. `place` that is Refused: the exchange has no order with that id, now or later.
2. `place` that is Accepted: it has exactly one.
3. One request to place leaves for one call, whatever happens.
4. What is listed is true at some time: no order, fill or id that the exchange does not know.
5. When faults are over: every order and every fill of the account is told, to the last digit, and nothing else.
"""

from __future__ import annotations

import random
from decimal import Decimal
from typing import Any

import pytest

from engine.sandbox.trading.faults import drawn
from engine.sandbox.trading.terms import text
from engine.venues.adapters._wire import NoAnswer, Wire
from engine.venues.adapters.binance import Adapter
from engine.venues.port import Accepted, NotFound, Refused, Request, Seen, Unknown

from .benches import SPECS, START, Bench


def some_order(b: Bench, rng: random.Random) -> Request:
    side = rng.choice(["buy", "sell"])
    qty = str(Decimal(rng.randrange(1, 4000)) / 100_000)
    kind = rng.choice(["market", "limit", "limit", "stop_limit"])
    if kind == "market":
        return b.order(side, qty, "market")  # type: ignore[arg-type]
    near = Decimal(rng.randrange(6_380_000, 6_420_000)) / 100
    if kind == "limit":
        return b.order(side, qty, limit=near, post_only=rng.random() < 0.3)  # type: ignore[arg-type]
    away = Decimal(rng.choice([-300, 300]))
    return b.order(side, qty, kind, stop=near + away, limit=near + away * 2)  # type: ignore[arg-type]


class Life:
    """One seed: a fault plan, a walk of prices, and calls of the port, with the laws looked at after each."""

    def __init__(self, venue: str, seed: int) -> None:
        self.rng = random.Random(f"{venue} {seed}")
        self.b = Bench(venue)
        for fault in drawn(seed):
            self.b.opened.door.trouble.add(fault)
        self.told: dict[str, Any] = {}
        self.asked: dict[str, Request] = {}

    def orders_of(self, client_id: str) -> list[Any]:
        return [order for order in self.b.truth() if order.ask.client_id == client_id]

    def step(self) -> None:
        b, rng = self.b, self.rng
        b.wait(rng.choice([1, 50, 700, 4_000]))
        if rng.random() < 0.5:
            b.drop_to(str(Decimal(rng.randrange(6_370_000, 6_430_000)) / 100))
        request = rng.choice([*self.asked.values()]) if self.asked else some_order(b, rng)
        venue_id = self.id_of(request)
        match rng.randrange(6):
            case 0 | 1:
                self.place(some_order(b, rng))
            case 2:
                b.port.cancel(b.symbol, request.client_id, venue_id)
            case 3:
                self.sound(b.port.look_up(b.symbol, request.client_id, venue_id, START))
            case 4:
                self.sound(b.port.open_orders([b.symbol]), b.port.orders_since(b.symbol, START))
            case 5:
                self.fills(b.port.trades_since(b.symbol, START))

    def id_of(self, request: Request) -> str:
        told = self.told.get(request.client_id)
        return told.venue_id if isinstance(told, Accepted) else ""

    def place(self, request: Request) -> None:
        before = sum("order" in a and a.startswith("POST") for a in self.b.asked)
        told = self.b.port.place(request)
        sent = sum("order" in a and a.startswith("POST") for a in self.b.asked) - before
        self.asked[request.client_id], self.told[request.client_id] = request, told
        assert sent <= 1, "law 3"
        if isinstance(told, Accepted):
            assert len(self.orders_of(request.client_id)) == 1, "law 2"
        if isinstance(told, Refused) and told.code == "unsent":
            assert sent == 0
        self.refusals_hold()

    def refusals_hold(self) -> None:
        for client_id, told in self.told.items():
            if isinstance(told, Refused):
                assert self.orders_of(client_id) == [], ("law 1", told)

    def sound(self, *answers: Any) -> None:
        for answer in answers:
            if isinstance(answer, Unknown | NotFound):
                continue
            for seen in answer if isinstance(answer, list) else [answer]:
                (order,) = self.orders_of(seen.client_id)
                number = order.number if self.b.venue == "binance" else order.id
                assert str(number) == seen.venue_id, "law 4"
                assert seen.qty == Decimal(order.instrument.size_text(order.ask.lots))
                assert seen.filled <= Decimal(order.instrument.size_text(order.filled))

    def fills(self, answer: Any, whole: bool = False) -> None:
        if isinstance(answer, Unknown):
            return
        truth = sorted(
            (one.ts, Decimal(one.order.instrument.size_text(one.lots)), Decimal(one.order.instrument.price_text(one.ticks)),
             Decimal(text(one.fee)), one.fee_asset, one.maker)
            for one in self.b.opened.venue.orders.fills
        )  # fmt: skip
        told = sorted((t.ts, t.qty, t.price, t.fee, t.fee_currency, t.maker) for t in answer)
        assert len({t.trade_id for t in answer}) == len(answer)
        rest = list(truth)
        for one in told:
            rest.remove(one)  # law 4: ValueError names the fill that never was
        assert not whole or rest == [], "law 5"

    def end(self) -> None:
        """Faults over, two minutes later."""
        b = self.b
        b.opened.door.faults.clear()
        b.wait(120_000)
        self.refusals_hold()
        listed = b.port.orders_since(b.symbol, START)
        assert isinstance(listed, list), listed
        self.sound(listed)
        assert sorted(s.client_id for s in listed) == sorted(order.ask.client_id for order in b.truth()), "law 5"
        self.fills(b.port.trades_since(b.symbol, START), whole=True)
        for client_id, told in self.told.items():
            found = b.port.look_up(b.symbol, client_id, told.venue_id if isinstance(told, Accepted) else "", START)
            assert isinstance(found, Seen if self.orders_of(client_id) else NotFound), (told, found)


def live(venue: str, seed: int, steps: int = 40) -> None:
    life = Life(venue, seed)
    for _ in range(steps):
        life.step()
    life.end()


@pytest.mark.parametrize("venue", sorted(SPECS))
def test_laws_hold_whatever_fails(venue: str) -> None:
    for seed in range(4):
        try:
            live(venue, seed)
        except Exception as error:
            raise AssertionError(f"seed {seed} at {venue}: {error}") from error


@pytest.mark.long
@pytest.mark.parametrize("venue", sorted(SPECS))
@pytest.mark.parametrize("seed", range(1_000, 1_300))
def test_laws_hold_for_long(venue: str, seed: int) -> None:
    live(venue, seed, 120)


def test_the_laws_see_what_they_are_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two bugs that others have shipped: what cannot be read taken for a refusal, and a transport that tries again."""
    reading, sending = Adapter._placed, Wire.request

    def too_sure(self: Adapter, answer: Any, request: Request) -> Any:
        return reading(self, answer, request) or Refused("x", "surely not", "other")

    def again(self: Wire, *args: Any, **kwargs: Any) -> Any:
        try:
            return sending(self, *args, **kwargs)
        except NoAnswer:
            self.sent = 0
            return sending(self, *args, **kwargs)

    for target, name, bug, law in ((Adapter, "_placed", too_sure, "law 1"), (Wire, "request", again, "law 3")):
        monkeypatch.setattr(target, name, bug)
        with pytest.raises(AssertionError, match=law):
            live("binance", 0)
        monkeypatch.undo()
    live("binance", 0)
