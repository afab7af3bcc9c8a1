"""Doubt is fed by what was tried: the same result is worth less the more it was searched for."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import Engine

from db.session import migrate, open_engine
from engine.analytics.curve import Curve
from engine.analytics.definitions import Account
from engine.analytics.trades import Trades
from engine.core.setup import Setup
from engine.core.types import MS_DAY
from engine.research.backtest import run_backtest, save_backtest
from engine.research.compare_config import setup_of_run
from engine.research.doubt import doubt, doubt_of, doubt_of_run
from engine.research.figures import account_of
from engine.research.lineage import count_setup, count_trial, data_set, keys_of, lineage_of
from engine.research.play import play
from engine.research.seal import open_seal
from engine.strategies import catalog
from tests.research.conftest import START, spec, walk


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    opened = open_engine(f"sqlite:///{tmp_path / 'evenkeel.db'}")
    migrate(opened)
    yield opened
    opened.dispose()


def account(mean: float = 0.004, days: int = 120, seed: int = 1) -> Account:
    """An account that gained `mean` a day, in one trade a day."""
    rng = np.random.default_rng(seed)
    equity = 1000 * np.cumprod(1 + rng.normal(mean, 0.01, days))
    ts = START + MS_DAY * np.arange(1, days + 1)
    pnl = np.diff(np.concatenate([[1000.0], equity]))
    size = np.full(days, 200.0)
    trades = Trades.of(
        {"pnl": pnl, "entry_ts": ts - MS_DAY, "exit_ts": ts, "entry_notional": size, "exit_notional": size}
    )
    return Account(Curve(ts, equity, 1000.0, START, int(ts[-1])), trades)


def test_the_same_result_is_worth_less_the_more_was_tried(engine: Engine) -> None:
    here = data_set(["BTC/USD"], START, START + 120 * MS_DAY)
    rng = np.random.default_rng(2)
    seen = []
    for tried in (1, 20, 2_000):
        keys = np.arange(tried).astype(np.uint64)
        count_trial(engine, "sma_cross", here, "", keys, rng.normal(0.0, 0.12, tried), "sweep")
        seen.append(doubt(account(), lineage_of(engine, "sma_cross", here), fans=False))
    assert [one.trials for one in seen] == [1, 20, 2_000]
    deflated = [one.deflated_sharpe.value for one in seen]
    assert deflated[0] == pytest.approx(seen[0].psr.value)
    assert deflated[0] > deflated[1] > deflated[2]  # type: ignore[operator]
    assert len({one.psr.value for one in seen}) == 1
    lucks = [one.verdict.luck for one in seen]
    assert lucks == sorted(lucks)  # type: ignore[type-var]
    assert "2,000 variants tried" in seen[2].verdict.sentence
    assert seen[2].verdict.grade in ("none", "weak")


def test_a_matrix_gives_the_probability_of_overfitting_and_what_trials_are_worth() -> None:
    rng = np.random.default_rng(3)
    noise = rng.normal(0, 0.01, (160, 40))
    alike = noise[:, :1] + rng.normal(0, 0.001, (160, 40))
    for matrix in (noise, alike):
        made = doubt(account(), None, matrix, fans=False)
        assert made.trials == 40
        assert made.overfit is not None
        assert 0 <= made.overfit.pbo == made.pbo.value <= 1
    luck = [doubt(account(0.001), None, matrix, fans=False).verdict.luck for matrix in (noise, alike)]
    assert luck[1] < luck[0], "forty that are all alike are no forty trials"  # type: ignore[operator]
    assert doubt(account(), None, noise[:20], fans=False).pbo.reason is not None


def test_nothing_undefined_is_a_number() -> None:
    empty = Account(Curve(np.zeros(0, np.int64), np.zeros(0), 1000.0, START, START + MS_DAY))
    made = doubt(empty)
    assert made.verdict.grade == "none"
    plain = made.as_dict()
    json.dumps(plain, allow_nan=False)
    for name in ("psr", "deflated_sharpe", "pbo", "min_track_record", "t_value", "p_value"):
        assert plain[name] is None
        assert plain["undefined"][name]
    assert all(isinstance(one, str) and one for one in (*made.intervals.values(), *made.fans.values()))


def test_a_backtest_is_doubted_with_all_there_is(engine: Engine) -> None:
    candles = {"BTC/USD": walk(12_000)}
    one = spec(candles["BTC/USD"])
    setup = Setup(one.account, (one.instrument,), (one.slot,), (one.params,), (), 0, 0)
    played = play(setup.account, setup.instruments, [(one.slot, one.strategy)], candles)
    told = account_of(played, candles["BTC/USD"])
    for params in ({"fast": 10}, {"fast": 11}, {"fast": 12}):
        tried = Setup(setup.account, setup.instruments, setup.slots, (params,), (), 0, 0)
        count_setup(engine, tried, played.start, played.end, told.returns, origin="sweep")
    open_seal(engine, "coinbase", ["BTC/USD"], "1m", "sma_cross", played.start, played.end)
    made = doubt_of(setup, played, candles, told, engine, runs=40)
    assert (made.trials, made.openings) == (3, 1)
    assert made.random is not None
    assert made.random.returns.size == 40
    assert set(made.fans) == {"order", "blocks", "skipped", "worse fills"}
    assert made.verdict.grade == "none", "a random walk with costs"
    assert made.as_dict()["random_beaten"] == made.random.beaten
    json.dumps(made.as_dict(), allow_nan=False)
    begun = time.process_time()
    doubt(told)
    assert time.process_time() - begun < 5.0, "a second: pages wait for it"


def test_what_never_trades_is_doubted_too(engine: Engine, mine: Callable[[str, str], None]) -> None:
    mine("never", "return Signals(np.zeros(n, np.int8), np.zeros(n, bool))")
    candles: dict[str, Any] = {"BTC/USD": walk(3_000)}
    one = spec(candles["BTC/USD"], "never")
    setup = Setup(one.account, (one.instrument,), (one.slot,), ({},), (), 0, 0)
    played = play(setup.account, setup.instruments, [(one.slot, catalog.make("never"))], candles)
    made = doubt_of(setup, played, candles, account_of(played), engine)
    assert made.random is None
    assert "no trade" in made.why_no_random
    assert made.trials == 1


def test_a_stored_run_is_doubted_by_what_was_tried_on_its_days(engine: Engine) -> None:
    one = spec(walk(9_000))
    done = save_backtest(engine, one, run_backtest(one))
    assert done.run_id is not None
    setup = setup_of_run(engine, done.run_id)
    assert setup is not None
    assert keys_of([setup]) == keys_of([Setup(one.account, (one.instrument,), (one.slot,), (one.params,), (), 0, 0)])
    assert doubt_of_run(engine, done.run_id, fans=False).trials == 1
    count_setup(engine, setup, done.played.start, done.played.end, done.account.returns)
    count_trial(engine, "sma_cross", data_set(["BTC/USD"], START, START + MS_DAY), "", [1, 2], [0.1, 0.2], "sweep")
    assert doubt_of_run(engine, done.run_id, fans=False).trials == 3
