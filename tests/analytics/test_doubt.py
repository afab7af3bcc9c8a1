"""Probabilistic and deflated Sharpe, track record, t test and Wilson: the papers' own numbers, and exact ones."""

from __future__ import annotations

import math

import numpy as np
import pytest

from engine.analytics import chance, doubt, ratios
from engine.analytics.special import normal_cdf, normal_quantile, student_two_sided
from engine.analytics.values import Undefined


def test_the_sharpe_efficient_frontiers_example() -> None:
    """Bailey and Lopez de Prado (2012): two years of months, Sharpe 0.458 a month, skew -2.448, kurtosis 10.164."""
    assert doubt.psr(0.458, 24) == pytest.approx(0.982, abs=5e-4)
    assert doubt.psr(0.458, 24, -2.448, 10.164) == pytest.approx(0.913, abs=5e-4)


@pytest.mark.parametrize(("a_year", "years"), [(250, 2.73), (52, 2.83), (12, 3.24)])
def test_the_track_record_a_sharpe_of_2_needs_to_be_above_1(a_year: int, years: float) -> None:
    """Bailey and Lopez de Prado (2012), at 95 %, normal returns by the day, week and month."""
    root = math.sqrt(a_year)
    assert doubt.min_track_record_length(2 / root, benchmark=1 / root) / a_year == pytest.approx(years, abs=5e-3)


def test_the_deflated_sharpe_papers_example() -> None:
    """Bailey and Lopez de Prado (2014): Sharpe 2.5 a year, five years of days, 100 trials of variance 1/2 a year."""
    sharpe, variance = 2.5 / math.sqrt(250), 0.5 / 250
    assert doubt.expected_best(100, variance) == pytest.approx(0.1132, abs=5e-5)
    assert doubt.deflated_sharpe(sharpe, 1250, 100, variance, -3, 10) == pytest.approx(0.9004, abs=5e-5)
    assert doubt.deflated_sharpe(sharpe, 1250, 46, variance, -3, 10) == pytest.approx(0.9505, abs=5e-5)
    assert doubt.deflated_sharpe(sharpe, 1250, 88, variance) == pytest.approx(0.9505, abs=5e-5)


def test_one_trial_is_not_deflated_and_more_are_deflated_more() -> None:
    told = [doubt.deflated_sharpe(0.1, 365, trials, 0.002, -0.5, 5) for trials in (1, 2, 10, 100, 10_000)]
    assert told[0] == doubt.psr(0.1, 365, -0.5, 5)
    assert told == sorted(told, reverse=True)


def test_the_expected_best_is_what_the_best_of_noise_shows() -> None:
    rng = np.random.default_rng(5)
    best = rng.normal(0, 0.05, (4_000, 200)).max(axis=1).mean()
    assert doubt.expected_best(200, 0.05**2) == pytest.approx(best, rel=0.02)


def test_psr_counts_what_it_says() -> None:
    """Of accounts with a true Sharpe of 0, a twentieth has a PSR above 95 %."""
    rng = np.random.default_rng(6)
    told = [doubt.psr_of(rng.normal(0, 0.02, 250)) for _ in range(2_000)]
    assert (np.array(told) > 0.95).mean() == pytest.approx(0.05, abs=0.012)


def test_psr_of_returns_uses_raw_kurtosis() -> None:
    returns = np.array([0.01, -0.02, 0.015, 0.03, -0.01, 0.002])
    apart = returns - returns.mean()
    m2 = (apart**2).mean()
    skew, raw = (apart**3).mean() / m2**1.5, (apart**4).mean() / m2**2
    sharpe = returns.mean() / returns.std(ddof=1)
    sigma = math.sqrt((1 - skew * sharpe + (raw - 1) / 4 * sharpe**2) / 5)
    assert doubt.psr_of(returns) == pytest.approx(0.5 * math.erfc(-sharpe / sigma / math.sqrt(2)), rel=1e-13)
    assert ratios.kurtosis(returns) == pytest.approx(raw)


def test_the_track_record_is_where_psr_reaches_95_percent() -> None:
    length = doubt.min_track_record_length(0.08, -0.7, 6)
    assert doubt.psr(0.08, math.ceil(length), -0.7, 6) >= 0.95 > doubt.psr(0.08, math.floor(length) - 1, -0.7, 6)
    with pytest.raises(Undefined, match="no length is enough"):
        doubt.min_track_record_length(-0.1)
    with pytest.raises(Undefined, match="lopsided"):
        doubt.psr(1.0, 20, skew=4.0, kurtosis=3.0)


def test_correlated_trials_are_worth_fewer() -> None:
    assert doubt.independent_trials(100, 0.0) == 100
    assert doubt.independent_trials(100, 1.0) == 1
    assert doubt.trial_variance([0.1, math.nan, 0.3]) == pytest.approx(0.02)
    assert doubt.trial_variance([0.1]) == 0


@pytest.mark.parametrize(
    ("t", "freedom", "p"),
    [
        (1e-6, 1, 0.99999936338022763), (0.5, 1, 0.70483276469913345), (2, 5, 0.10193947882985836),
        (3, 29, 0.0054991921339034062), (8, 29, 8.0125756496317027e-9), (30, 300, 2.6062144200978556e-92),
        (2.5, 5000, 0.012451116199721143), (30, 5000, 5.6916581178617021e-182), (30, 2, 0.0011092626819596589),
    ],
)  # fmt: skip
def test_students_t_to_forty_digits_of_arithmetic(t: float, freedom: int, p: float) -> None:
    """Worked out with mpmath at 40 digits."""
    assert student_two_sided(t, freedom) == pytest.approx(p, rel=2e-11, abs=0)
    assert student_two_sided(-t, freedom) == student_two_sided(t, freedom)


@pytest.mark.parametrize(
    ("z", "p"),
    [(-10, 7.61985302416052e-24), (-5, 2.866515718791939e-7), (-1.5, 0.06680720126885807), (0, 0.5), (2, 0.9772498680518208)],
)  # fmt: skip
def test_the_normal_distribution(z: float, p: float) -> None:
    assert normal_cdf(z) == pytest.approx(p, rel=1e-14)
    assert normal_quantile(p) == pytest.approx(z, abs=1e-9)


def test_the_t_test_is_that_of_the_mean() -> None:
    pnl = np.array([3.0, -1.0, 2.0, 4.0, -2.0])
    found = chance.t_test(pnl)
    assert found.t == pytest.approx(1.2 / (pnl.std(ddof=1) / math.sqrt(5)))
    assert found.p_above == pytest.approx(found.p / 2)
    lost = chance.t_test(-pnl)
    assert (lost.t, lost.p, lost.p_above) == pytest.approx((-found.t, found.p, 1 - found.p / 2))


def test_wilsons_interval() -> None:
    """Where the rate is at the edge of what it can tell: |rate - p| = z sqrt(p (1 - p) / n)."""
    z = normal_quantile(0.95)
    for hits, n in ((1, 7), (23, 41), (40, 41)):
        for end in chance.wilson(hits, n):
            assert abs(hits / n - end) == pytest.approx(z * math.sqrt(end * (1 - end) / n))
    assert chance.wilson(0, 10)[0] == 0
    assert chance.wilson(10, 10)[1] == 1
    with pytest.raises(Undefined):
        chance.wilson(0, 0)


def test_chances_of_many_trials() -> None:
    assert chance.any_of(0.05, 1) == pytest.approx(0.05)
    assert chance.any_of(0.05, 20) == pytest.approx(1 - 0.95**20)
    assert chance.any_of(1e-12, 1000) == pytest.approx(1e-9)
    assert chance.any_of(1.0, 3) == 1
    assert chance.beaten(0.5, np.array([0.1, 0.5, 0.9, 0.2])) == 0.625


def test_trades_as_fractions_of_the_account() -> None:
    assert chance.trade_returns(np.array([100.0, -110.0]), 1000.0) == pytest.approx([0.1, -0.1])
    with pytest.raises(Undefined, match="used up"):
        chance.trade_returns(np.array([-1000.0, 5.0]), 1000.0)
