"""Bootstrap and Monte Carlo: they repeat, they cover what they say, they keep what they must, and they are fast."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest

from engine.analytics import bootstrap, ratios
from engine.analytics.carlo import monte_carlo
from engine.analytics.falls import max_drawdown
from engine.analytics.values import Undefined


def noise(n: int, seed: int = 1, mean: float = 0.0, link: float = 0.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    out = rng.normal(0, 0.01, n)
    for i in range(1, n):
        out[i] += link * out[i - 1]
    return out + mean


def test_the_same_seed_gives_the_same_interval() -> None:
    returns = noise(120)
    first, again = (bootstrap.interval(returns, bootstrap.sharpe(), seed=7) for _ in range(2))
    assert first == again
    assert first != bootstrap.interval(returns, bootstrap.sharpe(), seed=8)


def test_statistics_of_draws_are_those_of_an_account() -> None:
    returns = noise(200, mean=0.001)
    levels = np.concatenate([[1.0], np.cumprod(1 + returns)])
    row = returns[None]
    assert bootstrap.sharpe()(row)[0] == pytest.approx(ratios.sharpe(returns), rel=1e-13)
    assert bootstrap.sortino()(row)[0] == pytest.approx(ratios.sortino(returns), rel=1e-13)
    assert bootstrap.max_drawdown(row)[0] == pytest.approx(max_drawdown(levels), rel=1e-13)
    assert bootstrap.total_return(row)[0] == pytest.approx(levels[-1] - 1, rel=1e-13)
    assert bootstrap.cagr()(row)[0] == pytest.approx(levels[-1] ** (365 / 200) - 1, rel=1e-12)


def test_an_interval_covers_the_truth_as_often_as_it_says() -> None:
    hits = 0
    for seed in range(200):
        found = bootstrap.interval(noise(250, seed, mean=0.0005), bootstrap.mean, draws=400, seed=seed)
        hits += found.low <= 0.0005 <= found.high
    assert hits / 200 == pytest.approx(0.90, abs=0.06)


def test_blocks_follow_what_one_day_has_to_do_with_the_next() -> None:
    alone = np.mean([bootstrap.block_length(noise(500, seed)) for seed in range(20)])
    linked = np.mean([bootstrap.block_length(noise(500, seed, link=0.7)) for seed in range(20)])
    assert 1 <= alone < 6 < linked
    wide, narrow = (bootstrap.interval(noise(500, 3, link=0.7), bootstrap.mean, block=block) for block in (12.0, 1.0))
    assert wide.high - wide.low > 1.5 * (narrow.high - narrow.low)


def test_the_block_length_of_known_series() -> None:
    """Recorded from arch 8.0.0, optimal_block_length, where both choose the same number of lags."""
    for seed, link, length in ((1, 0.0, 4.235812879430568), (1, 0.3, 2.328443238836234), (4, 0.0, 2.0824278134777368)):
        made = np.random.default_rng(seed).normal(size=400)
        for i in range(1, 400):
            made[i] += link * made[i - 1]
        assert bootstrap.block_length(made) == pytest.approx(length, rel=1e-12)


def test_draws_are_blocks_that_wrap() -> None:
    picks = bootstrap.resample(50, 2_000, 5.0, np.random.default_rng(0))
    assert picks.shape == (2_000, 50)
    assert (picks.min(), picks.max()) == (0, 49)
    follows = (np.diff(picks, axis=1) % 50 == 1).mean()
    assert follows == pytest.approx(1 - 1 / 5 + 1 / 5 / 50, abs=0.01)
    assert np.bincount(picks.ravel()).std() / 2_000 < 0.1, "every day is drawn as often as any other"


def test_a_paired_difference_knows_that_both_saw_the_same_days() -> None:
    market = noise(300, 5)
    better = market + 0.0004 + noise(300, 6) / 50
    pair = bootstrap.difference(better, market, bootstrap.mean)
    assert pair.value == pytest.approx((better - market).mean())
    assert 0 < pair.low < pair.value < pair.high
    alone = bootstrap.interval(better, bootstrap.mean)
    assert pair.high - pair.low < (alone.high - alone.low) / 10
    assert bootstrap.difference(market, market, bootstrap.mean).value == 0
    with pytest.raises(ValueError, match="same days"):
        bootstrap.difference(market, market[:-1], bootstrap.mean)


def test_what_has_no_interval_is_said() -> None:
    with pytest.raises(Undefined, match="fewer than two days"):
        bootstrap.interval(np.zeros(1), bootstrap.mean)
    with pytest.raises(Undefined, match="no value"):
        bootstrap.interval(np.zeros(90), bootstrap.sharpe())


def test_a_thousand_draws_of_ninety_days_take_less_than_a_tenth_of_a_second() -> None:
    returns, best = noise(90), math.inf
    for _ in range(5):
        begun = time.perf_counter()
        bootstrap.interval(returns, bootstrap.sharpe(), draws=1_000)
        best = min(best, time.perf_counter() - begun)
    assert best < 0.1


def test_another_order_ends_where_the_trades_end() -> None:
    returns = noise(80, 2, mean=0.002)
    fan = monte_carlo(returns, "order", runs=500)
    assert fan.final == pytest.approx(np.full(500, np.prod(1 + returns)))
    assert fan.levels[:, 0].tolist() == [1.0] * 5
    assert (np.diff(fan.levels, axis=0) >= -1e-12).all(), "quantiles do not cross"
    assert fan.fall.max() <= 0
    assert len(set(fan.fall.tolist())) > 100
    assert fan.fall_at(0.95) == pytest.approx(np.quantile(fan.fall, 0.05))


def test_missing_trades_and_worse_fills_cost_what_they_must() -> None:
    returns = np.full(100, 0.01)
    missed = monte_carlo(returns, "skipped", runs=2_000, skip=0.25)
    assert np.log(missed.final).mean() == pytest.approx(75 * math.log(1.01), rel=0.02)
    worse = monte_carlo(returns, "worse fills", runs=2_000, extra_cost=0.002, turnover=np.full(100, 0.5))
    assert np.log(worse.final).mean() == pytest.approx(100 * math.log(1.009), rel=0.02)
    assert worse.final.max() < 1.01**100
    drawn = monte_carlo(noise(100, 4), "blocks", runs=200)
    assert drawn.final.std() > 0


def test_ruin_is_the_share_of_runs_that_lost_so_much() -> None:
    assert monte_carlo(np.full(20, -0.05), "order", runs=50).ruin == 1
    assert monte_carlo(np.full(20, 0.05), "order", runs=50).ruin == 0
    half = monte_carlo(np.array([0.9, -0.6, 0.9, -0.3]), "order", runs=4_000)
    # below half at once when the worst comes first, or after the other loss: 6 orders of 24, and 2 of 24
    assert half.ruin == pytest.approx(8 / 24, abs=0.03)
    gone = monte_carlo(np.array([-1.0, 0.5, 0.5]), "order", runs=50)
    assert gone.final.tolist() == [0.0] * 50
    assert (gone.ruin, gone.lost) == (1, 1)


def test_a_long_fan_is_thinned_and_repeats() -> None:
    returns = noise(1_000, 9)
    first, again = (monte_carlo(returns, "blocks", runs=200, seed=3) for _ in range(2))
    assert first.levels.tobytes() == again.levels.tobytes()
    assert first.levels.shape == (5, 201)
    assert (first.steps[0], first.steps[-1]) == (0, 1_000)


def test_what_cannot_be_drawn_is_said() -> None:
    with pytest.raises(Undefined, match="fewer than two trades"):
        monte_carlo(np.array([0.1]))
    with pytest.raises(ValueError, match="skip is a chance"):
        monte_carlo(noise(10), "skipped", skip=1.0)
    with pytest.raises(ValueError, match="no method"):
        monte_carlo(noise(10), "magic")  # type: ignore[arg-type]
