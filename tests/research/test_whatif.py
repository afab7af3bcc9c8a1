"""Another account on the same candles: what is changed changes, what is not stays, and the trades answer."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from engine.core.setup import Setup
from engine.core.types import AccountSpec, BreakerSpec, Instrument, Protection, Sizing, SlotSpec
from engine.market.candles import Candles
from engine.market.store import Store
from engine.research import lab
from engine.research.study import Source, Study
from engine.research.whatif import Changes, changed

FALL = BreakerSpec("drawdown_halt", "drawdown", "account", 0.5, "halted")
BTC = Instrument.unspecified("BTC/USD", maker=Decimal("0.0001"), taker=Decimal("0.0002"))
SLOT = SlotSpec("", "sma_cross", "BTC/USD", 60_000, Sizing("share", 0.4), Protection(stop=0.02))
ACCOUNT = AccountSpec(Decimal(10_000), "USD", BTC.quantum, symbol_cap=0.0, slippage_bps=1.0)
STUDY = Study(
    Setup(ACCOUNT, (BTC,), (SLOT,), ({"fast": 3, "slow": 8},), (FALL,), 0, 0), (Source("BTC/USD", timeframe="1m"),)
)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    dice = np.random.default_rng(4)
    close = np.round(50_000 * np.exp(np.cumsum(dice.normal(0, 0.0008, 4000))), 2)
    opened = np.concatenate((close[:1], close[:-1]))
    ts = 1_767_225_600_000 + np.arange(4000) * 60_000
    candles = Candles(
        ts, opened, np.maximum(opened, close) + 1, np.minimum(opened, close) - 1, close, np.ones(4000), 60_000
    )
    made = Store(tmp_path_factory.mktemp("candles"))
    made.write("coinbase", "BTC/USD", "1m", candles)
    return made


def test_nothing_changed_is_the_same(store: Store) -> None:
    assert changed(STUDY, Changes()) == STUDY
    assert not Changes()
    first, again = (lab.run_study(STUDY, store).played.reports.trades for _ in range(2))
    assert first.tolist() == again.tolist()
    assert first.size > 20


@pytest.mark.parametrize(
    ("changes", "worse"),
    [
        (Changes(maker=0.002, taker=0.002), True),
        (Changes(slippage_bps=30.0), True),
        (Changes(taker=0.0, slippage_bps=0.0), False),
    ],
)
def test_costs_cost(store: Store, changes: Changes, worse: bool) -> None:
    was, now = (lab.run_study(study, store) for study in (STUDY, changed(STUDY, changes)))
    assert was.played.reports.trades["entry_ts"].tolist() == now.played.reports.trades["entry_ts"].tolist()
    before, after = (float(done.played.machine.account["equity"][0]) for done in (was, now))
    assert (after < before) is worse


def test_sizes_delays_stops_and_limits_reach_the_machine(store: Store) -> None:
    smaller = changed(STUDY, Changes(size_times=0.5))
    assert smaller.setup.slots[0].sizing == Sizing("share", 0.2)
    later = changed(STUDY, Changes(delay_bars=2))
    assert later.setup.account.delay_ms == 120_000
    assert changed(STUDY, Changes(stop=0.0)).setup.slots[0].protection.stop is None
    assert changed(STUDY, Changes(thresholds={"drawdown_halt": 0.0})).setup.breakers == ()
    tight = changed(STUDY, Changes(thresholds={"drawdown_halt": 0.001}))
    counts = [lab.run_study(study, store).played.reports.trades.size for study in (STUDY, tight)]
    assert counts[1] < counts[0]


@pytest.mark.parametrize("changes", [Changes(taker=1.5), Changes(slippage_bps=-1.0), Changes(size_times=0.0)])
def test_what_cannot_be_is_said(changes: Changes) -> None:
    with pytest.raises(ValueError, match=r"taker|slippage|size"):
        changed(STUDY, changes)


def test_a_study_comes_back_from_its_text(tmp_path: Path) -> None:
    assert Study.from_json(STUDY.to_json()) == STUDY
    assert replace(STUDY, title="other").key() == STUDY.key()
    assert changed(STUDY, Changes(taker=0.003)).key() != STUDY.key()
