"""Sweeps: every set is what a backtest of it alone would be; files go on after a crash; what is stopped keeps what is done."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.analytics.table import figures
from engine.core.setup import Setup
from engine.core.types import BreakerSpec, Protection, Sizing, SlotSpec
from engine.market.candles import Candles
from engine.research.figures import account_of
from engine.research.grid import Grid, Listed
from engine.research.play import play
from engine.research.space import Space
from engine.research.study import Source, Study
from engine.research.sweep import Table, sweep
from engine.research.sweep_figures import FIGURES
from engine.research.sweep_table import read_data
from engine.strategies import catalog
from tests.research.conftest import MINUTE, account, walk


def study(*slots: SlotSpec, breakers: tuple[BreakerSpec, ...] = (), **words: Any) -> Study:
    from engine.core.types import Instrument

    symbols = dict.fromkeys(slot.symbol for slot in slots)
    instruments = tuple(Instrument.unspecified(symbol) for symbol in symbols)
    setup = Setup(account(**words), instruments, slots, tuple({} for _ in slots), breakers, 0, 0)
    return Study(setup, tuple(Source(symbol) for symbol in symbols))


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plans come in few large chunks; several are wanted here."""
    monkeypatch.setattr("engine.research.sweep_work.PLANS", 32)


def slot(strategy: str = "sma_cross", symbol: str = "BTC/USD", **words: Any) -> SlotSpec:
    words = {"protection": Protection(stop=0.004, target=0.006), "sizing": Sizing("share", 0.5), **words}
    return SlotSpec(words.pop("label", ""), strategy, symbol, words.pop("timeframe_ms", MINUTE), **words)


def alone(one: Study, candles: Mapping[str, Candles], point: Mapping[str, Any]) -> dict[str, Any]:
    """The statistics of the single backtest at a point."""
    setup = Space(one).at(point).setup
    slots = [(s, catalog.make(s.strategy, p)) for s, p in zip(setup.slots, setup.params, strict=True)]
    made = account_of(play(setup.account, setup.instruments, slots, candles, setup.breakers))
    return {name: figure.value for name, figure in figures(made, [n for n in FIGURES if n != "sharpe_daily"]).items()}


def assert_equal_to_backtests(one: Study, candles: Mapping[str, Candles], table: Table) -> None:
    for i in range(len(table)):
        row, wanted = table.row(i), alone(one, candles, table.point(i))
        assert {name: row[name] for name in wanted} == wanted, table.point(i)


@pytest.mark.parametrize("research", [False, True])
def test_every_set_equals_its_backtest(research: bool) -> None:
    one, candles = study(slot(), research=research), {"BTC/USD": walk(9_000)}
    points = Grid.of(Space(one), ["fast=4:12:4", "slow=8,30,90", "stop=0,0.003"])
    table = sweep(one, points, candles, workers=2)
    assert (len(table), table.excluded, table.total, table.complete) == (14, 4, 18, True)
    assert np.unique(table.column("trades")).size > 3
    assert_equal_to_backtests(one, candles, table)


@pytest.mark.parametrize(
    ("strategy", "axes"),
    [
        ("rsi_reversion", ["length=7,14", "oversold=25,35", "stop_atr=0,2"]),
        ("bollinger_reversion", ["length=10,30", "width=1.5,2"]),
        ("donchian_breakout", ["entry=20,40", "exit=5,10"]),
        ("macd_trend", ["fast=6,12", "trend=5,20", "trend_factor=5,15"]),
    ],
)
def test_every_strategy_takes_the_way_that_fits(strategy: str, axes: list[str]) -> None:
    one, candles = study(slot(strategy)), {"BTC/USD": walk(6_000, seed=3)}
    table = sweep(one, Grid.of(Space(one), axes), candles, workers=1)
    assert table.column("trades").max() > 0
    assert_equal_to_backtests(one, candles, table)


def test_several_slots_symbols_timeframes_and_breakers() -> None:
    slots = (slot(), slot("rsi_reversion", timeframe_ms=5 * MINUTE), slot("sma_cross", "ETH/USD", label="two"))
    guard = BreakerSpec("losses", "consecutive_losses", "slot", 3, "paused", end="cooldown", minutes=60)
    one = study(*slots, breakers=(guard,))
    candles = {"BTC/USD": walk(6_000), "ETH/USD": walk(6_000, seed=9, symbol="ETH/USD", price=2_000.0)}
    table = sweep(one, Grid.of(Space(one), ["1.fast=5,10", "3.slow=30,60", "length=7,14"]), candles, workers=2)
    assert len(table) == 8
    assert_equal_to_backtests(one, candles, table)


def test_costs_sizes_and_delays_are_dimensions() -> None:
    one, candles = study(slot()), {"BTC/USD": walk(5_000)}
    points = Grid.of(Space(one), ["fee=0,0.001", "slippage_bps=0,10", "delay=0,1", "size=0.1,0.9", "trail=0,0.002"])
    table = sweep(one, points, candles, workers=2)
    assert np.unique(table.column("final_equity")).size > 20
    assert_equal_to_backtests(one, candles, table)


def test_daily_returns_are_kept() -> None:
    one, candles = study(slot()), {"BTC/USD": walk(9_000)}
    table = sweep(one, Grid.of(Space(one), ["fast=5,10"]), candles)
    setup = Space(one).at(table.point(1)).setup
    made = account_of(
        play(setup.account, setup.instruments, [(setup.slots[0], catalog.make("sma_cross", setup.params[0]))], candles)
    )
    assert table.daily.shape == (2, 7)
    assert table.daily[1].tobytes() == made.returns.tobytes()


def test_a_stopped_sweep_goes_on(tmp_path: Path) -> None:
    one, candles, out = study(slot()), {"BTC/USD": walk(3_000)}, tmp_path / "s.arrow"
    points = Grid.of(Space(one), ["fast=2:40:1", "slow=41:120:1"])
    whole = sweep(one, points, candles)
    seen: list[float] = []
    first = sweep(
        one,
        points,
        candles,
        workers=2,
        out=out,
        progress=lambda share, _: seen.append(share),
        cancelled=lambda: len(seen) > 2,
    )
    assert not first.complete
    assert 0 < len(first) < len(points)
    assert not out.exists()
    ran: list[float] = []
    again = sweep(one, points, candles, workers=1, out=out, progress=lambda share, _: ran.append(share))
    assert again.complete
    assert len(ran) * 32 < len(points)
    assert again.data.equals(whole.data)
    assert out.exists()
    assert sweep(one, points, candles, out=out, progress=lambda *_: pytest.fail("it was done")).data.equals(whole.data)


def test_what_a_killed_process_left_is_taken_over(tmp_path: Path) -> None:
    one, candles, out = study(slot()), {"BTC/USD": walk(3_000)}, tmp_path / "s.arrow"
    points = Grid.of(Space(one), ["fast=2:40:1", "slow=41:120:1"])
    seen: list[float] = []
    sweep(
        one,
        points,
        candles,
        workers=1,
        out=out,
        progress=lambda share, _: seen.append(share),
        cancelled=lambda: len(seen) > 3,
    )
    part = tmp_path / "s.arrow.part"
    part.write_bytes(part.read_bytes()[:-700])  # torn within its last rows
    again = sweep(one, points, candles, out=out)
    assert again.data.equals(sweep(one, points, candles).data)
    assert read_data(out).num_rows == len(points)


def test_what_progress_raises_ends_the_sweep_and_keeps_what_is_done(tmp_path: Path) -> None:
    class Enough(Exception):
        pass

    def enough(share: float, _: str) -> None:
        if share > 0.3:
            raise Enough

    one, candles, out = study(slot()), {"BTC/USD": walk(2_000)}, tmp_path / "s.arrow"
    points = Grid.of(Space(one), ["fast=2:40:1", "slow=41:50:1"])
    with pytest.raises(Enough):
        sweep(one, points, candles, out=out, progress=enough)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("sweep")]
    ran: list[float] = []
    assert sweep(one, points, candles, out=out, progress=lambda share, _: ran.append(share)).complete
    assert len(ran) < 10


def test_a_set_that_fails_is_a_row_that_says_why(mine: Any) -> None:
    mine(
        "odd",
        """if self.params.n == 3:
            raise ValueError("three is not my number")
        entry = np.zeros(n, np.int8)
        entry[self.params.n :: 50] = 1
        return Signals(entry, np.arange(n) % 50 == 40)

    from engine.strategies.base import StrategyParams

    class Params(StrategyParams):
        n: int = 1
""",
    )
    one, candles = study(slot("odd")), {"BTC/USD": walk(2_000)}
    table = sweep(one, Listed([{"n": 1}, {"n": 3}, {"n": 7}]), candles)
    assert table.failed == 1
    assert "three is not my number" in table.row(1)["error"]
    assert table.row(1)["sharpe"] is None
    assert table.row(0)["trades"] > 5


def test_a_strategy_that_writes_into_its_bars_spoils_nothing(mine: Any) -> None:
    mine(
        "rude",
        """bars.close[:] = bars.close[::-1].copy()
        return Signals.long_while(np.asarray(bars.close) > np.asarray(bars.open), ready=np.ones(n, np.bool_))""",
    )
    rude, candles = study(slot("rude")), {"BTC/USD": walk(2_000)}
    before = candles["BTC/USD"].close.copy()
    assert len(sweep(rude, Listed([{}, {}]), candles, workers=1)) == 2
    assert (candles["BTC/USD"].close == before).all()
