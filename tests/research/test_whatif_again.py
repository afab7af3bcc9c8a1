"""A slider's question is answered as a whole new run would be, and asking leaves no trace."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from db.session import migrate, open_engine
from engine.core.setup import Setup
from engine.core.types import AccountSpec, BreakerSpec, Instrument, Protection, Sizing, SlotSpec
from engine.market.candles import DataError
from engine.market.store import Store
from engine.research.backtest import BacktestSpec, run_backtest, save_backtest
from engine.research.lab import run_study, save_study
from engine.research.stored_study import study_of_run
from engine.research.study import Source, Study
from engine.research.whatif import Again, Changes, again, changed
from engine.strategies import catalog
from tests.research.conftest import MINUTE, walk

PAIRS = tuple(
    Instrument.unspecified(symbol, maker=Decimal("0.0001"), taker=Decimal("0.0002"))
    for symbol in ("BTC/USD", "ETH/USD")
)
SLOTS = (
    SlotSpec("", "sma_cross", "BTC/USD", MINUTE, Sizing("share", 0.4), Protection(stop=0.01)),
    SlotSpec("", "donchian_breakout", "ETH/USD", 5 * MINUTE, Sizing("share", 0.4)),
)
HALT = BreakerSpec("drawdown_halt", "drawdown", "account", 0.5, "halted")
ACCOUNT = AccountSpec(Decimal(1000), "USD", PAIRS[0].quantum, symbol_cap=0.0, slippage_bps=1.0)
STUDY = Study(
    Setup(ACCOUNT, PAIRS, SLOTS, ({"fast": 5, "slow": 20}, {}), (HALT,), 0, 0),
    tuple(Source(one.symbol) for one in PAIRS),
)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    made = Store(tmp_path_factory.mktemp("candles"))
    made.write("coinbase", "BTC/USD", "1m", walk())
    made.write("coinbase", "ETH/USD", "1m", walk(seed=9, symbol="ETH/USD", price=2_000.0))
    return made


@pytest.mark.parametrize(
    "words",
    [
        {},
        {"fee": 0.002},
        {"slippage_bps": 20.0},
        {"delay_bars": 3},
        {"size": 0.25},
        {"limits": {"drawdown_halt": 0.002}},
        {"max_positions": 1, "stop": 0.002},
    ],
    ids=str,
)
def test_an_answer_is_what_a_new_run_says(store: Store, words: dict[str, Any]) -> None:
    asked = Again(STUDY, store)
    again(asked, fee=0.01, delay_bars=7)  # what was asked before must not matter
    quick = again(asked, **words)
    names = {"fee": "taker", "size": "size_times", "limits": "thresholds"}
    changes = {names.get(name, name): value for name, value in words.items()}
    if "fee" in words:
        changes["maker"] = words["fee"]
    whole = run_study(changed(STUDY, Changes(**changes)), store)
    for log in ("trades", "orders", "fills", "signals", "equity"):
        assert getattr(quick.played.reports, log).tobytes() == getattr(whole.played.reports, log).tobytes(), log
    assert {name: one.value for name, one in quick.figures.items()} == {
        name: one.value for name, one in whole.figures.items()
    }
    assert quick.study == whole.study
    assert quick.played.reports.trades.size > 0


def test_words_that_mean_nothing_are_refused(store: Store) -> None:
    asked = Again(STUDY, store)
    with pytest.raises(TypeError, match="colour"):
        again(asked, colour=1)
    with pytest.raises(ValueError, match="no fraction"):
        again(asked, fee=2.0)


def test_stored_runs_are_asked_about(store: Store, tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'evenkeel.db'}")
    migrate(engine)
    whole = run_study(STUDY, store)
    number, _ = save_study(engine, whole)
    spec = BacktestSpec(catalog.make("sma_cross"), walk(), PAIRS[0], ACCOUNT, SLOTS[0], "coinbase")
    plain = save_backtest(engine, spec, run_backtest(spec))
    filed = save_backtest(engine, replace(spec, exchange=""), run_backtest(spec))
    assert (
        Again(study_of_run(engine, number), store).ask().played.reports.trades.tobytes()
        == whole.played.reports.trades.tobytes()
    )
    answer = Again(study_of_run(engine, int(plain.run_id or 0)), store).ask()
    assert answer.played.reports.equity.tobytes() == plain.played.reports.equity.tobytes()
    with pytest.raises(DataError, match="run it again from the store"):
        study_of_run(engine, int(filed.run_id or 0))
    with pytest.raises(DataError, match="no run 99"):
        study_of_run(engine, 99)
    engine.dispose()
