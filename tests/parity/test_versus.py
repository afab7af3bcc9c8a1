"""A paper run beside its candle backtest: trades matched, differences that add up, and causes that can be provoked one by one."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from db.session import open_engine
from engine.cli.app import app
from engine.market.candles import DataError
from engine.market.history import fetch
from engine.market.store import Store
from engine.research.versus import Versus, VersusError, row_of, versus, worst
from tests.parity.living import LOOSE, Life
from tests.parity.test_lived_is_replayed import THREE, slot

Begin = Callable[..., Life]
MINUTE = 60_000


def beside(life: Life, change: Callable[[Store], None] | None = None) -> Versus:
    """The run beside candles that the exchange has of its time and of three hours before."""
    store = Store(life.folder / "candles")
    begun = life.sandbox.exchange.clock.start
    for symbol in ("BTC/USD", "ETH/USD", "SOL/USD"):
        fetch("coinbase", symbol, "1m", begun - 180 * MINUTE, life.now, store, base_url=life.sandbox.rest_url)
    if change is not None:
        change(store)
    engine = open_engine(f"sqlite:///{life.database}")
    try:
        made = versus(engine, 1, store, life.folder / "runs")
    finally:
        engine.dispose()
    adds_up(made)
    return made


def adds_up(made: Versus) -> None:
    """Every difference is the sum of its parts, and all of them are what lies between the two results."""
    for one in made.differences:
        assert sum(one.parts.values()) == pytest.approx(one.money, abs=1e-9)
        assert (one.cause is None) == (one.money == 0)
    assert sum(one.money for one in made.differences) == pytest.approx(made.paper.pnl - made.candles.pnl, abs=1e-6)
    assert sum(made.by_cause.values()) == pytest.approx(made.paper.pnl - made.candles.pnl, abs=1e-6)


def test_signals_on_a_quiet_market_differ_by_spread_and_path_alone(begin: Begin) -> None:
    """Entries and exits by the clock: both make the same trades, at other prices."""
    life = begin(slot("by_the_clock", '["BTC/USD", "ETH/USD"]'))
    life.live(42)
    made = beside(life)
    assert made.bars > 70
    assert made.bars_differing == 0
    assert len(made.paper.deals) >= 8
    assert made.reproduced == 1.0
    assert made.explained == 1.0
    assert all(one.paper and one.candles for one in made.differences)
    assert set(made.by_cause) <= {"spread", "path within the bar", "fee", "shared capital", "slippage"}
    assert made.by_cause["spread"] < 0, "crossing the spread always costs"
    assert abs(made.by_cause.get("slippage", 0.0)) < 0.05 * abs(made.by_cause["spread"]), "the same 5 bp on both sides"
    assert made.costs.fills >= 15
    assert made.costs.slippage_bps is not None
    assert made.costs.slippage_bps == pytest.approx(5.0, abs=2.0), (
        "what is configured, and what the market did meanwhile"
    )
    assert made.costs.taker == pytest.approx(0.0005, rel=1e-4)
    told = made.as_dict()
    assert told["biggest_cause"] == made.biggest[0]  # type: ignore[index]
    assert "reproduce 100% of" in made.sentence
    assert {row_of(one)["cause"] for one in worst(made.differences)} <= set(made.by_cause)
    words = ["--data-dir", str(life.folder), "parity", "--run", "parity", "--candles"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EVENKEEL_DATA", str(life.folder))
        printed, plain = (CliRunner().invoke(app, [*words, *more]) for more in ([], ["--json"]))
    assert printed.exit_code == plain.exit_code == 0, printed.output
    assert made.sentence in printed.output
    assert "slippage met" in printed.output
    both = json.loads(plain.stdout)
    assert both["ok"]
    assert both["candles"]["paper_pnl"] == made.paper.pnl


def test_pauses_and_closes_are_manual_and_an_outage_is_an_outage(begin: Begin) -> None:
    life = begin(slot("by_the_clock", '["BTC/USD"]'))

    def lose(pump: Any) -> None:
        pump.lose(240)

    life.live(
        46,
        (4.3, life.ask("close", slot="BTC/USD")),
        (10.5, life.ask("pause")),
        (18.5, life.ask("resume")),
        (21.2, lose),
    )
    made = beside(life)
    only_candles = [one for one in made.differences if one.paper is None]
    assert [one.cause for one in only_candles] == ["manual", "outage"]
    assert all(one.shown for one in only_candles)
    assert made.reproduced is not None
    assert made.reproduced < 1
    closed = next(one for one in made.differences if one.paper and one.paper.reason == "manual")
    assert closed.candles is not None
    assert "manual" in closed.parts
    assert "a person closed it" in closed.sentence
    assert not closed.reproduced


def test_breakers_are_told_from_persons(begin: Begin) -> None:
    """A loss closes the slot for a while; the backtest, under the same breakers, loses at other moments."""
    limits = LOOSE.replace("consecutive_losses = 0", "consecutive_losses = 1\nconsecutive_losses_minutes = 15")
    life = begin(slot("by_the_clock", '["BTC/USD"]', stop=0.0004), limits=limits)
    life.live(46)
    made = beside(life)
    assert life.count("signal WHERE status = 'refused' AND reason = 'breaker'")
    for one in made.differences:
        if one.paper is None or one.candles is None:
            assert one.cause in ("breaker", "path within the bar")
            assert one.shown == ("breaker" in one.sentence or "after" in one.sentence)


def test_other_candles_are_data(begin: Begin) -> None:
    life = begin(slot("by_the_clock", '["BTC/USD"]') + slot("sma_cross", '["SOL/USD"]', params={"fast": 2, "slow": 4}))
    life.live(26)

    def spoil(store: Store) -> None:
        for symbol in ("BTC/USD", "SOL/USD"):
            candles = store.read("coinbase", symbol, "1m")
            noise = 1 + np.random.default_rng(1).uniform(0.002, 0.02, len(candles))
            wrong = {name: (getattr(candles, name) * noise).round(2) for name in ("open", "high", "low", "close")}
            store.write("coinbase", symbol, "1m", replace(candles, **wrong))

    made = beside(life, spoil)
    assert made.bars_differing == made.bars > 40
    assert made.biggest is not None
    assert made.biggest[0] == "data"
    assert any(one.candles is None or one.paper is None for one in made.differences), "other bars, other signals"
    for one in made.differences:
        if one.paper is None or one.candles is None:
            assert one.cause == "data", one.sentence


def test_stops_within_the_bar_and_capital_that_was_taken(begin: Begin) -> None:
    limits = LOOSE.replace("max_positions = 20", "max_positions = 2")
    life = begin(
        slot("by_the_clock", THREE, stop=0.0006, target=0.0006)
        + slot("by_the_clock", '["SOL/USD"]', label="late", params={"enter": 4, "leave": 8}),
        limits=limits,
    )
    life.live(36)
    made = beside(life)
    assert life.count("signal WHERE status = 'refused' AND reason = 'max_positions'")
    both = [one for one in made.differences if one.paper and one.candles]
    elsewhere = [one for one in both if one.paper and one.candles and one.paper.reason != one.candles.reason]
    assert all("path within the bar" in one.parts for one in elsewhere)
    for one in made.differences:
        if one not in both:
            assert one.cause in ("shared capital", "path within the bar"), one.sentence


def test_without_candles_it_says_what_to_fetch(begin: Begin) -> None:
    life = begin(slot("by_the_clock", '["BTC/USD"]'))
    life.live(6)
    engine = open_engine(f"sqlite:///{life.database}")
    with pytest.raises(DataError, match="fetch --exchange coinbase --symbol BTC/USD --timeframe 1m"):
        versus(engine, 1, Store(life.folder / "candles"), life.folder / "runs")
    with pytest.raises(VersusError, match="not in this database"):
        versus(engine, 9, Store(life.folder / "candles"), life.folder / "runs")
    engine.dispose()
