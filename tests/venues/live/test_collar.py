"""Orders at market and the worst price they carry: entries and ordinary exits have one, what protects has none."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from tests.venues.live import invariants
from tests.venues.live.exchange import MemoryPort
from tests.venues.live.life import SYMBOL, LiveLife, setup_of


def begun(folder: Path, stop: float | None = 0.01) -> LiveLife:
    setup = setup_of(stop=stop)
    setup = replace(setup, account=replace(setup.account, collar=0.02))
    life = LiveLife(folder / "data", MemoryPort(seed=1), setup=setup)
    life.pump(12, 100)
    return life


def away(life: LiveLife, share: str) -> None:
    """The book at the exchange is elsewhere than our feed's price."""
    life.port.price[SYMBOL] = (life.price * Decimal(share)).quantize(Decimal("0.01"))


def test_an_entry_fills_within_the_collar_or_not_at_all(tmp_path: Path) -> None:
    life = begun(tmp_path)
    life.enter(pumps=0)
    away(life, "1.03")
    life.pump(16, 250)
    _, request = life.port.came[0]
    assert (request.kind, request.limit) == ("market", life.price * Decimal("1.02"))
    (entry,) = life.intents("entry")
    assert (entry.state, entry.filled, entry.reserved) == ("canceled", "0", 0.0)
    assert life.held() == 0
    assert life.trader.machine.account["reserved"][0] == 0
    life.settle(1)
    invariants.converged(life)
    life.enter()  # the next decision is as free as any
    life.pump(10, 200)
    assert life.held() > 0


def leave(life: LiveLife) -> None:
    for _ in range(12):
        life.minute(life.price - 30, pumps=0)
        if life.slot["x_purpose"]:
            return
        life.pump(2, 250)
    raise AssertionError("the strategy did not leave")


def exits(life: LiveLife) -> list[tuple[str, Decimal | None]]:
    return [(one.purpose, one.limit_price and Decimal(one.limit_price)) for one in life.intents("exit")]


def test_an_exit_waits_for_its_price_twice_and_then_goes_at_any(tmp_path: Path) -> None:
    life = begun(tmp_path, stop=None)
    life.enter()
    life.pump(10, 200)
    leave(life)
    for _ in range(8):
        away(life, "0.9")
        life.pump(8, 250)
        life.second(life.price)
    limit = (life.price * Decimal("0.95")).quantize(Decimal("0.01"))
    assert exits(life) == [("exit", limit), ("exit", limit), ("exit", None)]
    assert [one.state for one in life.intents("exit")] == ["canceled", "canceled", "filled"]
    life.settle(1)
    invariants.converged(life)


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_what_protects_goes_at_any_price(tmp_path: Path, how: str) -> None:
    life = begun(tmp_path)
    life.enter()
    life.pump(10, 200)
    life.port.hold = how == "stop"  # the exchange's stop finds nobody
    if how == "kill":
        life.killed = True
        life.desk.event(life.trader.now, ["command", life.trader.now, "kill", {"flatten": True, "source": "test"}, 0])
        life.turn()
    else:
        life.second(life.price * Decimal("0.98"))
    for _ in range(12):
        life.pump(8, 250)
        life.second(life.price)
        life.port.hold = life.port.hold and not life.states("exit")
    assert life.held() == 0
    assert {limit for _, limit in exits(life)} == {None}
