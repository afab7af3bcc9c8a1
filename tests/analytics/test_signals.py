"""Signals' statistics: equal to scipy's where scipy has them, to candles walked one by one, and laws that always hold."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.analytics import signals, signals_ledger, signals_regime, signals_score
from engine.analytics.signals import HORIZONS, Market
from engine.analytics.values import Undefined

STEP = 60_000
EXPECTED = json.loads(Path(__file__).with_name("expected_signals.json").read_text())
"""What scipy said: see record_signals."""


@pytest.mark.parametrize("case", EXPECTED["spearman"])
def test_rank_correlation_is_scipys(case: dict[str, Any]) -> None:
    """Ties and all."""
    x, y = np.array(case["x"], float), np.array(case["y"], float)
    assert signals_score.spearman(x, y) == pytest.approx(case["r"], abs=1e-12)
    assert signals_score.ranks(x).tolist() == case["ranks"]


@given(st.lists(st.integers(-20, 20), min_size=3, max_size=60), st.integers(0, 99))
@settings(max_examples=60)
def test_rank_correlation_minds_order_alone(found: list[int], seed: int) -> None:
    x = np.array(found, float)
    y = np.random.default_rng(seed).integers(-5, 6, x.size).astype(float)
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        with pytest.raises(Undefined, match="nothing to rank"):
            signals_score.spearman(x, y)
        return
    r = signals_score.spearman(x, y)
    assert r == pytest.approx(signals_score.spearman(np.exp(x / 10), y), abs=1e-12)
    assert r == pytest.approx(-signals_score.spearman(-x, y), abs=1e-12)
    assert r == pytest.approx(signals_score.spearman(y, x), abs=1e-12)
    assert signals_score.spearman(x, x) == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize("case", EXPECTED["wilson"])
def test_the_hit_rates_interval_is_scipys_wilson(case: dict[str, Any]) -> None:
    made = signals_score.hit_rate(case["won"], case["n"])
    assert (made.low, made.high) == pytest.approx((case["low"], case["high"]), abs=1e-12)


def test_fewer_independent_windows_are_less_sure() -> None:
    less = signals_score.hit_rate(300, 500, 40)
    alike = next(case for case in EXPECTED["wilson"] if (case["won"], case["n"]) == (24, 40))
    assert less.value == signals_score.hit_rate(300, 500).value == 0.6
    assert (less.low, less.high) == pytest.approx((alike["low"], alike["high"]), abs=1e-12)


def test_the_information_interval_holds_the_truth_as_often_as_it_says() -> None:
    """1,000 seeded samples of a known rank correlation: 90 of 100 intervals hold it."""
    rng, rho, held = np.random.default_rng(1), 0.4, 0
    truth = 6 / np.pi * np.arcsin(rho / 2)
    for _ in range(1_000):
        x = rng.normal(size=80)
        y = rho * x + np.sqrt(1 - rho**2) * rng.normal(size=80)
        made = signals_score.information(x, y)
        assert made.low is not None
        assert made.high is not None
        held += made.low <= truth <= made.high
    assert 870 <= held <= 930


def test_the_mean_is_numpys_with_the_normal_interval() -> None:
    x = np.random.default_rng(2).normal(size=50)
    made = signals_score.mean_return(x)
    assert made.value == pytest.approx(x.mean(), abs=1e-15)
    assert [made.low, made.high] == pytest.approx(EXPECTED["mean"], abs=1e-12)


# ---- calibration --------------------------------------------------------------------------------------------------------
def test_below_a_hundred_nothing_is_said() -> None:
    with pytest.raises(Undefined, match="99 resolved signals with a confidence: below 100 calibration cannot be told"):
        signals_score.calibration(np.full(99, 0.5), np.ones(99, bool))


def test_brier_and_ece_are_those_of_the_bins() -> None:
    """Against the textbook, bin by bin."""
    rng = np.random.default_rng(5)
    sure = rng.random(500)
    right = rng.random(500) < sure**2
    made = signals_score.calibration(sure, right)
    ece = 0.0
    for k in range(10):
        mine = (sure >= k / 10) & (sure < (k + 1) / 10)
        ece += mine.sum() / 500 * abs(right[mine].mean() - sure[mine].mean())
    assert made.brier.value == pytest.approx(np.mean((sure - right) ** 2), abs=1e-14)
    assert made.ece.value == pytest.approx(ece, abs=1e-12)
    assert sum(one.signals for one in made.bins) == 500
    assert made.base == pytest.approx(right.mean() * (1 - right.mean()))


def test_a_true_confidence_has_skill_and_an_invented_one_none() -> None:
    rng = np.random.default_rng(6)
    sure = rng.random(5_000)
    true, invented = (
        signals_score.calibration(sure, rng.random(5_000) < sure),
        signals_score.calibration(sure, rng.random(5_000) < 0.5),
    )
    assert (true.skill or 0) > 0.25
    assert (invented.skill or 0) < 0
    assert (true.ece.value or 0) < 0.03 < (invented.ece.low or 0)


# ---- forward returns ----------------------------------------------------------------------------------------------------
def market(n: int, seed: int = 3, missing: float = 0.0) -> Market:
    rng = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.002, n)))
    opened = np.concatenate([[100.0], close[:-1]])
    high, low = np.maximum(opened, close) * 1.001, np.minimum(opened, close) * 0.999
    ts = np.arange(n, dtype=np.int64) * STEP
    kept = np.flatnonzero((rng.random(n) >= missing) | (np.arange(n) == 0))
    return Market(ts[kept], opened[kept], high[kept], low[kept], close[kept], STEP, int(ts[-1]) + STEP)


@pytest.mark.parametrize("missing", [0.0, 0.3])
def test_forward_returns_walked_bar_by_bar(missing: float) -> None:
    bars = market(300, missing=missing)
    decided = np.arange(1, 300, dtype=np.int64) * STEP
    side = np.where(np.arange(299) % 3, 1, -1)
    made = signals.forward(decided, side, np.full(299, 0.001), bars)
    for k, at in enumerate(decided.tolist()):
        there = [i for i, ts in enumerate(bars.ts.tolist()) if at <= ts <= at + STEP]
        if not there:
            assert np.isnan(made.returns[k]).all()
            continue
        first = there[0]
        for column, count in enumerate(HORIZONS):
            inside = [i for i, ts in enumerate(bars.ts.tolist()) if bars.ts[first] <= ts < at + count * STEP]
            if at + count * STEP > bars.until or not inside:
                assert np.isnan(made.returns[k, column])
            else:
                gross = side[k] * (bars.close[inside[-1]] / bars.open[first] - 1)
                assert made.returns[k, column] == pytest.approx(gross - 0.001, abs=1e-14)
        look = [i for i, ts in enumerate(bars.ts.tolist()) if bars.ts[first] <= ts < at + 72 * STEP]
        down = 1 - bars.low[look].min() / bars.open[first]
        up = bars.high[look].max() / bars.open[first] - 1
        assert (made.mae[k], made.mfe[k]) == pytest.approx((down, up) if side[k] > 0 else (up, down), abs=1e-14)


@given(st.integers(2, 200), st.integers(0, 1_000))
@settings(max_examples=30)
def test_the_other_side_earns_the_opposite_less_both_costs(n: int, seed: int) -> None:
    bars = market(220, seed)
    decided = np.sort(np.random.default_rng(seed).integers(1, 220, n)).astype(np.int64) * STEP
    cost = np.full(n, 0.002)
    long, short = (signals.forward(decided, np.full(n, side), cost, bars) for side in (1, -1))
    np.testing.assert_allclose(
        long.returns + short.returns, np.where(np.isnan(long.returns), np.nan, -0.004), atol=1e-14
    )
    np.testing.assert_array_equal(long.mae, short.mfe)


@given(st.integers(80, 219))
@settings(max_examples=30)
def test_bars_to_come_change_nothing_that_is_known(cut: int) -> None:
    whole = market(220)
    known = Market(*(getattr(whole, name)[:cut] for name in ("ts", "open", "high", "low", "close")), STEP, cut * STEP)
    decided = np.arange(1, cut, dtype=np.int64) * STEP
    side, cost = np.ones(cut - 1, np.int64), np.zeros(cut - 1)
    early, late = signals.forward(decided, side, cost, known), signals.forward(decided, side, cost, whole)
    there = np.isfinite(early.returns)
    np.testing.assert_array_equal(early.returns[there], late.returns[there])
    np.testing.assert_array_equal(early.mae[early.over], late.mae[early.over])


# ---- windows, regimes, rules --------------------------------------------------------------------------------------------
def test_independent_windows_are_counted_by_place() -> None:
    ts = np.array([0, 1, 5, 10, 11, 25], np.int64)
    assert signals_score.independent(ts, np.zeros(6, np.int64), 10) == 3
    assert signals_score.independent(ts, np.array([0, 1, 0, 0, 1, 0]), 10) == 5
    assert signals_score.independent(ts[:0], ts[:0], 10) == 0


def test_regimes_are_those_of_pandas_and_know_no_tomorrow() -> None:
    import pandas as pd

    close = pd.Series(100 * np.exp(np.cumsum(np.random.default_rng(9).normal(0, 0.02, 600))))
    days = np.arange(600, dtype=np.int64) + 19_000
    made = signals_regime.regimes(days, close.to_numpy())
    above = close > close.rolling(50).mean()
    spread = np.log(close).diff().rolling(30).std()
    for k in (120, 300, 450, 599):
        year = spread.iloc[max(0, k - 364) : k + 1].dropna()
        share = (year < spread[k]).mean()
        level = "low" if share < 1 / 3 else "middle" if share < 2 / 3 else "high"
        assert made[int(days[k]) + 1] == f"{'above' if above[k] else 'below'} {level}"
    early = signals_regime.regimes(days[:400], close.to_numpy()[:400])
    assert early == {day: word for day, word in made.items() if day <= int(days[399]) + 1}
    assert set(made.values()) <= set(signals_regime.REGIMES)


@given(st.lists(st.tuples(st.integers(0, 3), st.floats(-0.1, 0.1), st.booleans()), min_size=1, max_size=80))
@settings(max_examples=40)
def test_a_rule_saved_what_it_saved_and_missed_what_it_missed(found: list[tuple[int, float, bool]]) -> None:
    codes = np.array([one[0] for one in found], np.int64)
    returns = np.array([one[1] if one[2] else np.nan for one in found])
    made = signals_ledger.ledger(codes, ("a", "b", "c", "d"), returns, np.full(codes.size, 250.0))
    assert sum(rule.signals for rule in made) == codes.size
    assert sum(rule.followed for rule in made) == int(np.isfinite(returns).sum())
    assert sum(rule.net for rule in made) == pytest.approx(-250 * np.nansum(returns), abs=1e-9)
    assert all(rule.saved >= 0 <= rule.missed for rule in made)
    assert not any(rule.sure for rule in made if rule.followed < 30)


def test_a_funnel_only_narrows() -> None:
    rng = np.random.default_rng(4)
    stages = signals_ledger.funnel(*(rng.random(100) < 0.7 for _ in range(4)))
    counts = [stage.signals for stage in stages]
    assert counts == sorted(counts, reverse=True)
    assert counts[0] == 100
