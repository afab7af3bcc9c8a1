"""Random entries: as many trades as the strategy made, the same whoever makes them, and no edge where there is none."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from engine.analytics.values import Undefined
from engine.core.setup import Setup
from engine.core.types import Sizing, SlotSpec
from engine.market.candles import Candles
from engine.research.backtest import BacktestSpec
from engine.research.play import Played, play
from engine.research.random_entries import random_entries
from engine.strategies import catalog
from tests.research.conftest import MINUTE, account, spec, walk


def setup_of(one: BacktestSpec) -> Setup:
    return Setup(one.account, (one.instrument,), (one.slot,), (one.params,), (), 0, 0)


def played(setup: Setup, candles: dict[str, Candles]) -> Played:
    slots = [(s, catalog.make(s.strategy, dict(p))) for s, p in zip(setup.slots, setup.params, strict=True)]
    return play(setup.account, setup.instruments, slots, candles, setup.breakers)


def test_as_many_trades_with_the_same_costs_whatever_the_threads() -> None:
    candles = {"BTC/USD": walk(12_000)}
    setup = setup_of(spec(candles["BTC/USD"]))
    own = played(setup, candles)
    one, two = (random_entries(setup, own, candles, runs=60, seed=3, workers=n) for n in (1, 2))
    assert np.array_equal(one.returns, two.returns)
    assert np.unique(one.returns).size > 50
    made = own.reports.trades.size
    assert (np.abs(one.trades - made) <= 1).all(), "the last may still be open"
    assert one.own == pytest.approx(own.machine.account["equity"][0] / 1000 - 1)
    assert one.beaten == pytest.approx(float((one.returns < one.own).mean()), abs=0.02)
    assert not np.array_equal(one.returns, random_entries(setup, own, candles, runs=60, seed=4).returns)


def test_who_knows_the_future_beats_them_all(mine: Callable[[str, str], None]) -> None:
    body = "up = np.append(np.diff(np.asarray(bars.close)) > 0, False); e = up.astype(np.int8); "
    mine("seer", body + "return Signals(e, ~up)")
    candles = {"BTC/USD": walk(6_000)}
    setup = setup_of(spec(candles["BTC/USD"], "seer", fee="0.0001"))
    assert random_entries(setup, played(setup, candles), candles, runs=100).beaten == 1.0


def test_always_in_on_both_sides_and_sized_by_volatility(mine: Callable[[str, str], None]) -> None:
    """Nothing is left for pauses, and every stop is the signal's own."""
    body = "c = np.asarray(bars.close); up = c > np.roll(c, 7); up[:60] = False; "
    mine("turner", body + "return Signals.long_short_while(up, ~up, stop=0.002 * c, ready=np.ones(n, bool))")
    candles = {"BTC/USD": walk(5_000), "ETH/USD": walk(5_000, seed=8, symbol="ETH/USD", price=2_000.0)}
    slots = tuple(SlotSpec("", "turner", s, MINUTE, Sizing("volatility", 0.3), allow_short=True) for s in candles)
    instruments = tuple(spec(c).instrument for c in candles.values())
    setup = Setup(account(max_positions=2), instruments, slots, ({}, {}), (), 0, 0)
    own = played(setup, candles)
    found = random_entries(setup, own, candles, runs=20)
    assert own.reports.trades.size > 500
    assert (found.trades > 0.9 * own.reports.trades.size).all()


def test_without_a_trade_there_is_nothing_to_weigh(mine: Callable[[str, str], None]) -> None:
    mine("never", "return Signals(np.zeros(n, np.int8), np.zeros(n, bool))")
    candles = {"BTC/USD": walk(500)}
    setup = setup_of(spec(candles["BTC/USD"], "never"))
    with pytest.raises(Undefined, match="no trade"):
        random_entries(setup, played(setup, candles), candles)


def test_ninety_days_of_minutes_a_thousand_times(record_property: Any) -> None:
    candles = {"BTC/USD": walk(129_600)}
    one = spec(candles["BTC/USD"], params={"fast": 40, "slow": 200})
    setup = setup_of(one)
    own = played(setup, candles)
    begun = time.process_time()
    found = random_entries(setup, own, candles)
    spent = time.process_time() - begun
    record_property("cpu_seconds", spent)
    assert found.returns.size == 1_000
    assert spent < 4.0, "two seconds on two cores"
