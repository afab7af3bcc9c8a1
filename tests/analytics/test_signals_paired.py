"""A model against its rule: what the difference obeys, and when nothing is said."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.analytics.signals_paired import MIN_PAIRS, paired, same_moment


def none(n: int) -> np.ndarray:
    return np.zeros(n, bool)


@settings(max_examples=20, deadline=None)
@given(st.integers(MIN_PAIRS, 200), st.integers(0, 1000), st.floats(-0.05, 0.05))
def test_the_difference_is_of_the_pairs_and_turns_with_them(n: int, seed: int, more: float) -> None:
    dice = np.random.default_rng(seed)
    rule = dice.normal(0, 0.02, n)
    model = rule + more + dice.normal(0, 0.001, n)
    one, other = paired(model, rule, none(n)), paired(rule, model, none(n))
    assert one.model is not None
    assert one.rule is not None
    assert one.difference.value == pytest.approx(one.model - one.rule, abs=1e-12)
    assert other.difference.value == pytest.approx(-one.difference.value, abs=1e-12)
    assert one.difference.low is not None
    assert one.difference.value is not None
    assert one.difference.high is not None
    assert one.difference.low <= one.difference.value <= one.difference.high
    # what moves both alike is not in the interval: it is as narrow as the noise of the difference, not of the returns
    assert one.difference.high - one.difference.low < 0.001 * 8 / np.sqrt(n) + 1e-9


def test_the_better_one_is_named() -> None:
    rule = np.random.default_rng(1).normal(0, 0.02, 60)
    noise = np.random.default_rng(2).normal(0, 0.002, 60)
    assert paired(rule + 0.01 + noise, rule, none(60)).words == "the model was better"
    assert paired(rule - 0.01 + noise, rule, none(60)).words == "the rule was better"
    assert paired(rule + noise - noise.mean(), rule, none(60)).words == "no difference can be told from chance"
    alike = paired(rule, rule, ~none(60))
    assert (alike.agreed, alike.difference.value, alike.words) == (60, 0.0, "no difference can be told from chance")


def test_below_thirty_pairs_nothing_is_said() -> None:
    rule, model = np.zeros(31), np.full(31, 0.05)
    rule[3] = model[4] = np.nan
    few = paired(model, rule, ~none(31))
    assert (few.pairs, few.agreed, few.difference.value, few.difference.low) == (29, 29, None, None)
    assert few.words == "cannot say: 29 pairs, 30 are needed"
    assert paired(np.full(30, 0.05), np.zeros(30), none(30)).words == "the model was better"
    nobody = paired(np.zeros(0), np.zeros(0), none(0))
    assert (nobody.pairs, nobody.model, nobody.rule) == (0, None, None)
    with pytest.raises(ValueError, match="two sides"):
        paired(np.zeros(3), np.zeros(2), none(3))


def test_moments_are_shared_by_slot_and_bar() -> None:
    one = np.array([1, 1, 2, 1]), np.array([10, 11, 10, 12])
    other = np.array([2, 1, 1, 1]), np.array([10, 10, 12, 10])
    mine, theirs = same_moment(one, other)
    assert mine.tolist() == [0, 2, 3]
    assert theirs.tolist() == [3, 0, 2]  # of two at one moment the last
