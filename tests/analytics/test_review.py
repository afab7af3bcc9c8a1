"""A stretch of time explained: parts add up, its place among draws is fair, no difference is claimed where there is none."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.analytics.review import by_version, causes, difference, place, worst
from engine.analytics.values import Undefined

MONEY = st.floats(-1e4, 1e4, allow_nan=False)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2), MONEY, MONEY, MONEY, MONEY), max_size=40))
@settings(max_examples=60)
def test_causes_add_up_to_the_result(rows: list[tuple[int, int, float, float, float, float]]) -> None:
    names = np.array([f"slot {row[0]}" for row in rows], object)
    ended = np.array([("stop", "exit", "time")[row[1]] for row in rows], object)
    pnl, fees, slip, fund = (np.array([row[k] for row in rows], np.float64) for k in range(2, 6))
    found = causes(names, ended, pnl, fees, slip, fund)
    assert sum(one.total for one in found) == pytest.approx(pnl.sum(), abs=1e-6)
    assert [one.total for one in found] == sorted(one.total for one in found)
    assert sum(one.trades for one in found if one.ended) == len(rows)


def test_a_cause_is_its_own_trades() -> None:
    names = np.array(["a", "b", "a", "a"], object)
    ended = np.array(["stop", "stop", "stop", "exit"], object)
    pnl, fees, none = np.array([-5.0, -1.0, -3.0, 4.0]), np.array([1.0, 1.0, 1.0, 1.0]), np.zeros(4)
    found = {(one.name, one.ended): (one.total, one.trades) for one in causes(names, ended, pnl, fees, none, none)}
    assert found == {
        ("a", "stop"): (-6.0, 2),
        ("b", "stop"): (0.0, 1),
        ("a", "exit"): (5.0, 1),
        ("fees", ""): (-4.0, 4),
    }


def test_the_worst_first_and_no_winner() -> None:
    assert worst(np.array([3.0, -1.0, -7.0, 0.0, -2.0]), 2).tolist() == [2, 4]
    assert worst(np.array([3.0, 0.0])).tolist() == []


def test_the_place_of_lived_among_its_own_kind_is_uniform() -> None:
    """What was drawn from the tested results falls below a share p of the draws with probability p."""
    random = np.random.default_rng(5)
    tested = random.standard_t(5, 400) * 0.01
    shares = [place(random.choice(tested, 12), tested, draws=400, seed=k).share for k in range(300)]
    for p in (0.05, 0.25, 0.5, 0.75, 0.95):
        assert np.mean(np.array(shares) < p) == pytest.approx(p, abs=0.07)


def test_the_place_tells_broken_from_luck() -> None:
    tested = np.random.default_rng(2).normal(0.001, 0.01, 300)
    assert place(np.full(10, -0.02), tested).judged == "broken"
    assert place(np.full(10, 0.02), tested).judged == "good"
    ordinary = place(tested[:10], tested)
    assert ordinary.judged in ("luck", "good")
    assert ordinary.low < ordinary.middle < ordinary.high
    assert place(tested[:10], tested).share == ordinary.share


def test_a_long_stretch_is_placed_too() -> None:
    tested = np.random.default_rng(2).normal(0.0, 0.01, 60)
    assert place(np.tile(tested, 900), tested).trades == 54_000


@pytest.mark.parametrize(("lived", "tested", "why"), [(0, 50, "no trade"), (5, 29, "too few below 30")])
def test_what_cannot_be_placed_is_said(lived: int, tested: int, why: str) -> None:
    with pytest.raises(Undefined, match=why):
        place(np.linspace(-1, 1, lived), np.linspace(-1, 1, tested))


def test_a_difference_is_claimed_only_where_there_is_one() -> None:
    random = np.random.default_rng(1)
    one, same, better = random.normal(0, 1, 200), random.normal(0, 1, 200), random.normal(1, 1, 200)
    assert difference(same, one) == "no difference to be seen"
    assert difference(better, one) == "better"
    assert difference(one, better) == "worse"
    assert difference(better[:29], one) == "too few trades to say"
    assert difference(np.ones(40), one) == "too few trades to say"


def test_false_claims_are_as_rare_as_promised() -> None:
    random = np.random.default_rng(3)
    claims = [difference(random.normal(0, 1, 40), random.normal(0, 2, 60)) in ("better", "worse") for _ in range(400)]
    assert np.mean(claims) == pytest.approx(0.10, abs=0.05)


def test_versions_in_order_and_without_empty_ones() -> None:
    which = np.array([0, 0, 2, 2, 2])
    pnl = np.array([1.0, -1.0, 5.0, 5.0, -2.0])
    first, second = by_version(["a", "b", "c"], which, pnl, pnl / 100)
    assert (first.name, first.trades, first.total, first.wins, first.judged) == ("a", 2, 0.0, 1, "")
    assert (second.name, second.total, second.judged) == ("c", 8.0, "too few trades to say")
    assert second.between is not None
    assert second.between[0] < second.mean < second.between[1]
