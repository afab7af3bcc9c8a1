"""Laws of what the results pages reckon: parts that add up, orders that do not matter, nothing that looks ahead."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.analytics import allocation, attribution, calendar, expectation, portfolio, shrink
from engine.analytics.span import cut
from engine.analytics.table import figures
from engine.analytics.values import Undefined
from tests.analytics.made import DAY, START, account, daily, trades, value, walk

FEW = settings(max_examples=40, deadline=None)
seeds = st.integers(0, 10_000)


@FEW
@given(seeds, st.integers(1, 58))
def test_what_two_parts_returned_is_what_the_whole_did(seed: int, at: int) -> None:
    whole = account(walk(60, seed=seed), trades(*np.random.default_rng(seed).normal(0, 5, 40)))
    middle = START + at * DAY
    parts = [cut(whole, START, middle), cut(whole, middle + 1, START + 60 * DAY)]
    grown = np.prod([1 + value(part, "total_return") for part in parts])
    assert grown - 1 == pytest.approx(value(whole, "total_return"), abs=1e-12)
    assert sum(len(part.trades) for part in parts) == len(whole.trades)
    assert np.concatenate([part.returns for part in parts]) == pytest.approx(whole.returns, abs=1e-15)


def test_the_whole_cut_out_is_the_whole() -> None:
    whole = account(walk(80), trades(*np.tile([5.0, -3.0, 0.0], 20)))
    same = cut(whole, 0, START + 90 * DAY)
    assert {n: f.value for n, f in figures(same).items()} == {n: f.value for n, f in figures(whole).items()}
    with pytest.raises(Undefined, match="no point"):
        cut(whole, START + 90 * DAY, START + 91 * DAY)


def test_a_deposit_is_no_return_in_a_part_either() -> None:
    flow = {"flow_ts": np.array([START + 3 * DAY]), "flow": np.array([500.0])}
    paid = account(daily(1010, 1020, 1530, 1545, **flow))
    assert cut(paid, START + 2 * DAY, START + 4 * DAY).returns[0] == pytest.approx(1020 / 1010 - 1)
    assert value(cut(paid, START + 3 * DAY, START + 4 * DAY), "total_return") == pytest.approx(
        (1030 / 1020) * (1545 / 1530) - 1
    )


@FEW
@given(seeds, st.integers(1, 400))
def test_days_hours_and_pivots_add_up_to_the_same(seed: int, n: int) -> None:
    random = np.random.default_rng(seed)
    ts, pnl = np.sort(random.integers(START + 1, START + 40 * DAY, n)), random.normal(0, 10, n)
    down, across = random.choice(["a", "b"], n).astype(object), random.choice(["x", "y", "z"], n).astype(object)
    made = attribution.pivot(down, across, pnl)
    week = calendar.week(ts, pnl)
    days = np.arange(START // DAY, START // DAY + 40)
    for total in (made.total.sum(), week.sum.sum(), calendar.daily_sums(ts, pnl, days).sum()):
        assert total == pytest.approx(pnl.sum(), abs=1e-9)
    assert made.count.sum() == week.count.sum() == n
    cell = made.total[made.rows.index(down[0]), made.columns.index(across[0])]
    assert cell == pytest.approx(
        sum(p for p, a, b in zip(pnl, down, across, strict=True) if a == down[0] and b == across[0])
    )
    assert made.wins.sum() == (pnl > 0).sum()


def test_monday_is_monday() -> None:
    monday_nine = np.datetime64("2026-01-05T09:30", "ms").astype(np.int64)
    made = calendar.week(np.array([monday_nine]), np.array([2.0]))
    assert made.sum[0, 9] == 2.0
    assert made.count.sum() == 1
    assert np.isnan(made.mean[1, 1])


def test_a_waterfall_ends_at_net() -> None:
    pnl, fees, slip, funding = (np.array(v) for v in ([5.0, -3.0], [1.0, 1.0], [0.5, -0.25], [0.0, 0.4]))
    made = attribution.waterfall(pnl, fees, slip, funding, ai=0.1)
    assert made.gross == pytest.approx(2 + 2 + 0.25 + 0.4)
    assert made.net == pytest.approx(pnl.sum() - 0.1)


@FEW
@given(seeds, st.integers(2, 8))
def test_risk_shares_are_a_whole_and_bets_are_between_one_and_all(seed: int, k: int) -> None:
    random = np.random.default_rng(seed)
    weights = random.uniform(0.05, 1, k)
    made = portfolio.risk(
        weights, shrink.covariance(random.normal(0, 0.02, (60, k)) + random.normal(0, 0.02, (60, 1))).matrix
    )
    assert made.share.sum() == pytest.approx(1, abs=1e-12)
    assert 1 - 1e-9 <= made.bets <= k + 1e-9
    assert made.diversification >= 1 - 1e-9


def test_equal_strangers_are_as_many_bets_and_twins_are_one() -> None:
    equal = np.full(5, 0.2)
    assert portfolio.risk(equal, np.eye(5) * 0.0004).bets == pytest.approx(5)
    assert portfolio.risk(equal, np.ones((5, 5)) * 0.0004).bets == pytest.approx(5, abs=4.0)
    near = np.full((5, 5), 0.999) + np.eye(5) * 0.001
    assert portfolio.risk(equal, near * 0.0004).diversification == pytest.approx(1, abs=1e-3)
    hedge = portfolio.risk(np.array([1.0, -0.5]), np.array([[1.0, 0.8], [0.8, 1.0]]) * 1e-4)
    assert hedge.share[1] < 0
    with pytest.raises(Undefined, match="nothing"):
        portfolio.risk(np.zeros(3), np.eye(3))


def test_a_column_that_stands_still_has_no_correlation() -> None:
    returns = np.random.default_rng(1).normal(0, 1, (50, 3))
    returns[:, 1] = 0.0
    made = shrink.correlations(returns).matrix
    assert made[1].tolist() == [0, 1, 0]
    assert np.isfinite(made).all()
    with pytest.raises(Undefined):
        shrink.correlations(returns[:1])


def test_a_strategy_that_is_itself_stays_inside_and_one_that_broke_does_not() -> None:
    random = np.random.default_rng(2)
    outside = 0
    for seed in range(300):
        made = expectation.band(random.normal(0.001, 0.02, 120), random.normal(0.001, 0.02, 250), draws=300, seed=seed)
        outside += made.left
    assert 0.03 <= outside / 300 <= 0.16, "one in ten leaves a 90 % band somewhere; many more would be false alarms"
    good = random.normal(0.004, 0.02, 400)
    broken = np.concatenate([random.normal(0.004, 0.02, 100), random.normal(-0.02, 0.02, 100)])
    made = expectation.band(broken, good)
    assert not made.within
    assert 100 < made.since < 200
    assert made.lived[-1] < made.low[-1]
    again = expectation.band(broken, good)
    assert (again.low == made.low).all()
    assert made.lived[-1] == pytest.approx(broken.sum())
    with pytest.raises(Undefined, match="5 trades live"):
        expectation.band(broken[:5], good)
    with pytest.raises(Undefined, match="0 trades in the backtest"):
        expectation.band(broken, good[:0])


@FEW
@given(seeds, st.integers(2, 7))
def test_shares_are_a_whole_within_their_bounds(seed: int, k: int) -> None:
    random, rules = np.random.default_rng(seed), allocation.Rules()
    made = allocation.allocate(random.normal(0, 0.02, (200, k)) + random.normal(0, 0.003, k))
    for weights in (made.weights, made.wanted, allocation.bounded(random.exponential(5, k), 0.25 / k, 2.5 / k)):
        assert weights.sum() == pytest.approx(1)
        assert (weights >= rules.least / k - 1e-12).all()
        assert (weights <= rules.most / k + 1e-12).all()


def test_shares_wait_and_have_to_pay_and_stay_equal_without_evidence() -> None:
    random = np.random.default_rng(4)
    clear = random.normal(0, 0.01, (300, 3)) + np.array([0.002, 0.0, -0.002])
    made = allocation.allocate(clear)
    assert made.changed
    assert made.weights[0] > 1 / 3 > made.weights[2]
    assert abs(made.shrunk[0]) < abs(made.seen[0])
    early = allocation.allocate(clear, np.full(3, 1 / 3), waited=3)
    assert not early.changed
    assert "3 days ago" in early.why
    dear = allocation.allocate(clear, rules=allocation.Rules(cost=0.9))
    assert "not worth it" in dear.why
    assert (dear.weights == 1 / 3).all()
    same = np.repeat(random.normal(0, 0.01, (100, 1)), 3, axis=1)
    assert allocation.allocate(same).weights == pytest.approx(np.full(3, 1 / 3))
    crowd = np.column_stack([same[:, 0], same[:, 0], random.permutation(same[:, 0])])
    assert np.argmax(allocation.allocate(crowd).wanted) == 2, "of equal records the one that stands alone gets more"


def test_the_allocators_past_knows_no_future() -> None:
    random = np.random.default_rng(9)
    returns = random.normal(0.0005, 0.01, (160, 3))
    changed = returns.copy()
    changed[120:] = random.normal(-0.01, 0.05, (40, 3))
    one, other = allocation.past(returns), allocation.past(changed)
    assert (one.weights[:120] == other.weights[:120]).all()
    assert one.allocator[:120] == pytest.approx(other.allocator[:120])
    assert one.equal[-1] == pytest.approx(np.prod(1 + returns.mean(axis=1)))


def test_a_million_trades_and_points_are_no_loop() -> None:
    """Not a clock's test: a Python loop over a million rows would be noticed by anyone who waits for it."""
    random, n = np.random.default_rng(8), 1_000_000
    ts = np.arange(n) * 60_000
    pnl = random.normal(0, 1, n)
    assert calendar.week(ts, pnl).count.sum() == n
    held = portfolio.held_at(ts[::2_000], ts, ts + 600_000, np.ones(n), random.integers(0, 5, n), 5)
    assert held.sum(axis=1)[10] == pytest.approx(10)
    made = attribution.pivot_coded(list("ab"), (pnl > 0).astype(np.int64), list("xyz"), np.arange(n) % 3, pnl)
    assert made.count.sum() == n
