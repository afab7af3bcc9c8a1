"""Trials count by themselves: each variant once, by data they share, and quickly."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import Engine

from db.session import migrate, open_engine
from engine.core.setup import Setup
from engine.core.types import MS_DAY, Instrument, Protection, SlotSpec
from engine.research.lineage import count_setup, count_trial, data_set, keys_of, lineage_of, trials_of
from engine.research.seal import open_seal, openings, seal_ts, sentence, unsealed
from tests.research.conftest import MINUTE, START, account, csv, walk

ROOT = Path(__file__).resolve().parents[2]
HERE = data_set(["BTC/USD"], START, START + 30 * MS_DAY)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    opened = open_engine(f"sqlite:///{tmp_path / 'evenkeel.db'}")
    migrate(opened)
    yield opened
    opened.dispose()


def setup(params: dict[str, Any] | None = None, **words: Any) -> Setup:
    slot = SlotSpec("", "sma_cross", "BTC/USD", MINUTE, protection=Protection(stop=words.pop("stop", 0.004)))
    instrument = Instrument.unspecified("BTC/USD", taker=Decimal(words.pop("fee", "0.001")))
    return Setup(account(**words), (instrument,), (slot,), (params or {},), (), 0, 0)


def count(engine: Engine, keys: Any, sharpes: Any, data: str = HERE, source: str = "ab", origin: str = "sweep") -> None:
    count_trial(engine, "sma_cross", data, source, keys, sharpes, origin)


def test_a_variant_is_its_parameters_and_settings_not_its_name_or_cash() -> None:
    one = setup({"fast": 10, "slow": 50})
    same = [
        setup(),
        setup({"slow": 50}),
        setup({"fast": np.int64(10), "slow": 50.0}),
        replace(one, account=replace(one.account, cash=Decimal(77))),
        replace(one, slots=(replace(one.slots[0], label="another name"),)),
    ]
    assert np.unique(keys_of([one, *same])).size == 1
    others = [setup({"fast": 11}), setup(stop=0.005), setup(fee="0.002"), setup(slippage_bps=1.0), setup(delay_ms=1)]
    others.append(replace(one, slots=(replace(one.slots[0], timeframe_ms=5 * MINUTE),)))
    assert np.unique(keys_of([one, *others])).size == 1 + len(others)


def test_the_same_variant_twice_counts_once_and_an_edited_strategy_anew(engine: Engine) -> None:
    assert trials_of(engine, "sma_cross", HERE) == (0, 0.0)
    count(engine, [1, 2, 3], [0.1, 0.2, np.nan])
    count(engine, [3, 4], [0.3, 0.4], origin="backtest")
    count(engine, [3], [0.9], data=data_set(["ETH/USD"], START, START + MS_DAY))
    found = lineage_of(engine, "sma_cross", HERE)
    assert (found.trials, found.elsewhere, found.origins) == (4, 1, {"sweep": 3, "backtest": 1})
    assert sorted(found.sharpes.tolist()) == [0.1, 0.2, 0.3, 0.4]
    assert trials_of(engine, "sma_cross", HERE) == (4, pytest.approx(np.var([0.1, 0.2, 0.3, 0.4], ddof=1)))
    count(engine, [1], [0.5], source="cd")
    assert trials_of(engine, "sma_cross", HERE)[0] == 5
    assert trials_of(engine, "rsi_reversion", HERE)[0] == 0


def test_data_sets_that_share_a_day_are_one_and_later_days_are_fresh(engine: Engine) -> None:
    count(engine, [1, 2], [0.1, 0.2], data=data_set(["BTC/USD"], START, START + 24 * MS_DAY))
    assert trials_of(engine, "sma_cross", HERE)[0] == 2
    sealed = lineage_of(engine, "sma_cross", data_set(["BTC/USD"], START + 24 * MS_DAY, START + 30 * MS_DAY))
    assert (sealed.trials, sealed.elsewhere) == (0, 2)
    assert trials_of(engine, "sma_cross", data_set(["BTC/USD", "ETH/USD"], START, START + MS_DAY))[0] == 0


def test_a_hundred_thousand_trials_count_in_no_time(engine: Engine) -> None:
    keys = np.random.default_rng(1).integers(0, 2**63, 100_000).astype(np.uint64)
    begun = time.perf_counter()
    count(engine, keys, np.zeros(keys.size))
    count(engine, keys[::2], np.ones(keys.size // 2))
    assert trials_of(engine, "sma_cross", HERE)[0] == np.unique(keys).size
    assert time.perf_counter() - begun < 2.0, "0.1 s where nothing else runs"


def test_a_backtest_notes_its_setup(engine: Engine) -> None:
    for fast in (5, 6, 5):
        count_setup(engine, setup({"fast": fast}), START, START + 5 * MS_DAY, np.array([0.01, 0.02, -0.01]))
    found = lineage_of(engine, "sma_cross", HERE)
    assert (found.trials, found.searched) == (2, False)
    assert found.sharpes[0] == pytest.approx(np.mean([0.01, 0.02, -0.01]) / np.std([0.01, 0.02, -0.01], ddof=1))
    with pytest.raises(ValueError, match="every trial has one"):
        count(engine, [1, 2], [0.1])


def test_the_last_fifth_is_sealed_and_each_opening_counts(engine: Engine) -> None:
    candles = walk(4_000)
    seen = unsealed(candles)
    assert len(seen) == 3_200
    assert np.array_equal(seen.close, candles.close[:3_200])
    assert seal_ts(START, START + 90 * MS_DAY + 5) == START + 72 * MS_DAY
    assert len(unsealed(candles, 0.0)) == 4_000
    with pytest.raises(ValueError, match="no candles"):
        unsealed(candles.take(slice(0, 0)))
    span = (START + 72 * MS_DAY, START + 90 * MS_DAY)
    assert openings(engine, ["BTC/USD"], "sma_cross") == []
    for n in (1, 2):
        assert open_seal(engine, "coinbase", ["BTC/USD"], "1m", "sma_cross", *span, reason="final test") == n
    assert open_seal(engine, "coinbase", ["BTC/USD"], "1m", "rsi_reversion", *span) == 1
    assert openings(engine, ["BTC/USD"], "sma_cross", START, span[0]) == []
    assert [one.reason for one in openings(engine, ["BTC/USD"], "sma_cross", *span)] == ["final test"] * 2
    assert "2 times" in sentence(2)


def test_a_backtest_beyond_what_was_searched_opens_the_seal_once_a_variant(engine: Engine) -> None:
    def look(fast: int, first: int, last: int) -> int:
        returns = np.array([0.01, 0.02, -0.01])
        count_setup(engine, setup({"fast": fast}), START + first * MS_DAY, START + last * MS_DAY, returns)
        return len(openings(engine, ["BTC/USD"], "sma_cross"))

    assert look(5, 0, 30) == 0, "nothing was searched yet: there is no seal"
    count(engine, [1, 2], [0.1, 0.2], data=data_set(["BTC/USD"], START, START + 24 * MS_DAY))
    assert look(5, 0, 24) == 0
    assert look(5, 0, 30) == 1
    assert look(5, 0, 30) == 1, "the same answer again"
    assert look(6, 24, 30) == 2
    assert look(7, 31, 40) == 2, "days that came later were nobody's to keep"
    (one, _) = openings(engine, ["BTC/USD"], "sma_cross")
    assert (one.from_ts, one.to_ts) == (START + 24 * MS_DAY, START + 30 * MS_DAY)


def test_a_backtest_from_the_command_line_counts_where_there_is_a_database(tmp_path: Path, engine: Engine) -> None:
    """Saved or not; without a database none is made for it."""
    data = csv(tmp_path / "BTCUSD_20240101.csv", walk(2_000))
    environment = {**os.environ, "EVENKEEL_HOME": str(tmp_path / "my")}
    for name in ("DATABASE_URL", "EVENKEEL_CONFIG"):
        environment.pop(name, None)

    def backtest(folder: Path, fast: int) -> str:
        words = ["backtest", "sma_cross", "--data", str(data), "--param", f"fast={fast}", "--json"]
        done = subprocess.run(
            [sys.executable, str(ROOT / "run_engine.py"), *words], env={**environment, "EVENKEEL_DATA": str(folder)},
            cwd=tmp_path, capture_output=True, text=True, timeout=240, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stderr

    backtest(tmp_path / "none", 8)
    assert not (tmp_path / "none").exists()
    assert "variants" not in backtest(tmp_path, 8)
    assert "2 variants tried" in backtest(tmp_path, 9)
    found = lineage_of(engine, "sma_cross", data_set(["BTC/USD"], START, START + MS_DAY))
    assert (found.trials, found.origins) == (2, {"backtest": 2})
