"""Laws of walking forward: folds tile, nothing sees the future, and one candidate is simply itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core.machine import Reports
from engine.core.setup import Setup
from engine.core.types import MS_DAY, Instrument, SlotSpec
from engine.market.candles import Candles
from engine.research.walk_forward import Choice, best_by, daily_matrix, walk_forward
from engine.research.walk_forward_folds import Fold, WalkForwardError, folds_by_days, folds_of
from engine.research.walk_forward_span import play_span
from tests.research.conftest import MINUTE, START, account, spec, walk

N = 6_000
POINTS = [{"fast": 5, "slow": 20}, {"fast": 10, "slow": 50}, {"fast": 20, "slow": 90}]


def setup_of(params: Mapping[str, Any], candles: Candles, **words: Any) -> Setup:
    one = spec(candles, fee="0.0005")
    slot = replace(one.slot, **words)
    return Setup(one.account, (one.instrument,), (slot,), (dict(params),), (), 0, 0)


def setups(candles: Candles, **words: Any) -> list[Setup]:
    return [setup_of(point, candles, **words) for point in POINTS]


def in_turn(candidates: Sequence[Setup], candles: Mapping[str, Candles], fold: Fold) -> Choice:
    """Another candidate in each fold."""
    chosen = fold.number % len(candidates)
    return Choice(chosen, 0.0, (0.0,) * len(candidates))


def same(one: Reports, other: Reports) -> bool:
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in Reports.__dataclass_fields__)


@given(
    minutes=st.integers(200, 200_000), folds=st.integers(1, 12), train=st.floats(0.1, 0.9), anchored=st.booleans(),
    begin=st.integers(0, 5_000),
)  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_tests_tile_what_follows_the_first_training_span(
    minutes: int, folds: int, train: float, anchored: bool, begin: int
) -> None:
    start, end = START + begin * MINUTE, START + (begin + minutes) * MINUTE
    made = folds_of(start, end, folds, train, anchored=anchored)
    assert len(made) == folds
    assert made[-1].test_to == end
    assert all(a.test_to == b.test_from for a, b in pairwise(made))
    for fold in made:
        assert start <= fold.train_from < fold.test_from < fold.test_to
        assert fold.train_from == start if anchored else fold.test_from - fold.train_from == made[0].test_from - start


def test_folds_by_days_end_with_a_shorter_one() -> None:
    made = folds_by_days(START, START + 25 * MS_DAY, 10, 6, anchored=False)
    assert [(fold.test_from - START) // MS_DAY for fold in made] == [10, 16, 22]
    assert made[-1].test_to == START + 25 * MS_DAY
    assert {(fold.test_from - fold.train_from) // MS_DAY for fold in made} == {10}


@pytest.mark.parametrize("words", [{}, {"timeframe_ms": 5 * MINUTE}])
def test_with_one_candidate_the_walk_is_that_candidate(words: dict[str, Any]) -> None:
    candles = walk(N)
    one = setup_of({"fast": 5, "slow": 20}, candles, **words)
    folds = folds_of(START, START + N * MINUTE, 4, 0.3)
    walked = walk_forward([one], {"BTC/USD": candles}, folds)
    plain = play_span(one, {"BTC/USD": candles}, folds[0].test_from, START + N * MINUTE)
    assert plain.reports.trades.size > 10
    assert same(walked.played.reports, plain.reports)
    assert walked.played.facts.keys() == plain.facts.keys()
    assert sum(fold.trades for fold in walked.folds) == plain.reports.trades.size
    growth = np.prod([1 + fold.test_return for fold in walked.folds])
    assert growth == pytest.approx(walked.account.curve.final / 1000)


def test_no_decision_depends_on_what_comes_after_it() -> None:
    """The data after an instant is another: all that happened before it stays to the bit, whoever was chosen later."""
    candles, cut = walk(N), START + 4_321 * MINUTE
    other = walk(N, seed=99)
    late = candles.ts >= cut
    mixed = replace(
        candles, **{name: np.where(late, getattr(other, name), getattr(candles, name)) for name in candles_columns}
    )
    folds = folds_of(START, START + N * MINUTE, 5, 0.3, anchored=True)
    one, two = (
        walk_forward(setups(candles), {"BTC/USD": data}, folds, "total_return").played.reports
        for data in (candles, mixed)
    )
    for name, when in (("orders", "ts"), ("fills", "ts"), ("trades", "exit_ts"), ("equity", "ts"), ("signals", "ts")):
        ours, theirs = (getattr(reports, name) for reports in (one, two))
        assert np.array_equal(ours[ours[when] < cut], theirs[theirs[when] < cut]), name
    assert not same(one, two)


candles_columns = ("open", "high", "low", "close", "volume")


def test_the_chooser_is_shown_the_training_span_and_no_more() -> None:
    candles, seen = walk(N), []

    def spying(candidates: Sequence[Setup], shown: Mapping[str, Candles], fold: Fold) -> Choice:
        seen.append((int(shown["BTC/USD"].ts[-1]) + MINUTE, fold.test_from))
        return in_turn(candidates, shown, fold)

    folds = folds_of(START, START + N * MINUTE, 4, 0.3)
    walked = walk_forward(setups(candles), {"BTC/USD": candles}, folds, chooser=spying)
    assert [end for end, _ in seen] == [fold.test_from for fold in folds] == [at for _, at in seen]
    assert [one.choice.chosen for one in walked.folds] == [0, 1, 2, 0]


def test_positions_go_on_when_the_settings_change() -> None:
    """At every change of settings cash, positions and trades' numbers are carried on."""
    candles = walk(N)
    folds = folds_of(START, START + N * MINUTE, 6, 0.3)
    wide = [setup_of(point, candles) for point in POINTS]
    wide = [replace(one, slots=(replace(one.slots[0], cooldown_ms=k),)) for k, one in enumerate(wide)]
    walked = walk_forward(wide, {"BTC/USD": candles}, folds, chooser=in_turn)
    trades = walked.played.reports.trades
    assert trades["seq"].tolist() == list(range(1, trades.size + 1))
    edges = [fold.test_from for fold in folds[1:]]
    assert any(((trades["entry_ts"] < edge) & (trades["exit_ts"] > edge)).any() for edge in edges)
    booked = trades["pnl"].sum() / 1e8
    held = walked.played.machine
    if not (held.slots["qty"] > 0).any():
        assert held.account["equity"][0] == pytest.approx(1000 + booked)


def test_the_best_on_the_training_span_is_chosen_and_efficiency_is_what_was_kept() -> None:
    candles = walk(N)
    folds = folds_of(START, START + N * MINUTE, 3, 0.4)
    walked = walk_forward(setups(candles), {"BTC/USD": candles}, folds, "total_return")
    for one in walked.folds:
        assert one.choice.chosen == int(np.argmax(one.choice.scores))
        span = (one.fold.train_from, one.fold.test_from)
        trained = play_span(walked.candidates[one.choice.chosen], {"BTC/USD": candles}, *span)
        assert one.choice.score == pytest.approx(trained.machine.account["equity"][0] / 1000 - 1)
    assert (walked.efficiency is None) == bool(walked.why_no_efficiency)
    matrix = daily_matrix(walked, {"BTC/USD": candles})
    assert matrix.shape == (walked.account.returns.size, 3)


def test_a_strategy_that_earns_keeps_what_it_earned(mine: Callable[[str, str], None]) -> None:
    mine("drifter", "return Signals.long_while(np.arange(n) % 400 > 5, ready=np.ones(n, bool))")
    candles = walk(N)
    rising = replace(candles, **{k: getattr(candles, k) * np.exp(np.arange(N) * 5e-5) for k in candles_columns[:4]})
    one = spec(rising, "drifter", fee="0.0001")
    slot = SlotSpec("", "drifter", "BTC/USD", MINUTE)
    setup = Setup(account(), (Instrument.unspecified("BTC/USD"),), (slot,), (one.params,), (), 0, 0)
    setup = replace(setup, instruments=(one.instrument,))
    walked = walk_forward([setup], {"BTC/USD": rising}, folds_of(START, START + N * MINUTE, 3, 0.5))
    assert walked.efficiency is not None
    assert 0.2 < walked.efficiency < 5


def test_what_cannot_be_walked_is_said() -> None:
    candles = walk(600)
    with pytest.raises(WalkForwardError, match="do not fit"):
        folds_of(START, START + 10 * MINUTE, 20)
    with pytest.raises(WalkForwardError, match="do not fit"):
        folds_by_days(START, START + MS_DAY, 10, 5, anchored=True)
    with pytest.raises(WalkForwardError, match="no statistic 'sharp'"):
        best_by("sharp")
    with pytest.raises(WalkForwardError, match="at least one"):
        walk_forward([], {"BTC/USD": candles}, folds_of(START, START + 600 * MINUTE))
    two = [setup_of({}, candles), setup_of({}, candles, timeframe_ms=5 * MINUTE)]
    with pytest.raises(WalkForwardError, match="slots"):
        walk_forward(two, {"BTC/USD": candles}, folds_of(START, START + 600 * MINUTE))
