"""The probability of overfitting: against a second way of doing it, on noise, on an edge, and on what cannot be told."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest

from engine.analytics.pbo import pbo
from engine.analytics.values import Undefined


def by_hand(returns: np.ndarray, blocks: int) -> tuple[float, list[float]]:
    """The paper's steps one by one, with numpy's own mean and deviation."""
    size = len(returns) // blocks
    kept = returns[len(returns) - size * blocks :]
    parts = [kept[i * size : (i + 1) * size] for i in range(blocks)]
    logits = []
    for first in combinations(range(blocks), blocks // 2):
        train = np.concatenate([parts[i] for i in first])
        test = np.concatenate([parts[i] for i in range(blocks) if i not in first])
        best = int(np.argmax(train.mean(axis=0) / train.std(axis=0, ddof=1)))
        after = test.mean(axis=0) / test.std(axis=0, ddof=1)
        rank = sorted(after).index(after[best]) + 1
        share = rank / (returns.shape[1] + 1)
        logits.append(math.log(share / (1 - share)))
    return float(np.mean(np.array(logits) <= 0)), logits


@pytest.mark.parametrize(("blocks", "days", "trials"), [(4, 41, 7), (6, 90, 12), (8, 83, 3)])
def test_it_is_the_papers_steps(blocks: int, days: int, trials: int) -> None:
    returns = np.random.default_rng(blocks).normal(0.0005, 0.01, (days, trials))
    found = pbo(returns, blocks)
    share, logits = by_hand(returns, blocks)
    assert found.pbo == share
    assert found.logits == pytest.approx(logits)
    assert found.logits.size == math.comb(blocks, blocks // 2)


def test_noise_is_overfitted_and_an_edge_is_not() -> None:
    rng = np.random.default_rng(3)
    noise = [pbo(rng.normal(0, 0.01, (320, 40))).pbo for _ in range(8)]
    assert np.mean(noise) == pytest.approx(0.5, abs=0.15)
    market = rng.normal(0, 0.01, (320, 40))
    market[:, 7] += 0.004
    edge = pbo(market)
    assert edge.pbo < 0.01
    assert edge.lost < 0.01
    assert (edge.trials, edge.blocks, edge.days) == (40, 16, 320)


def test_what_is_best_before_and_worst_after_is_certain_overfitting() -> None:
    """Each trial wins in its own half of the blocks and loses in the other: the chosen one always loses after."""
    rng = np.random.default_rng(4)
    halves = list(combinations(range(4), 2))
    returns = rng.normal(0, 1e-4, (80, len(halves)))
    for trial, half in enumerate(halves):
        for block in range(4):
            returns[block * 20 : block * 20 + 20, trial] += 0.01 if block in half else -0.01
    found = pbo(returns, 4)
    assert (found.pbo, found.lost) == (1.0, 1.0)


def test_scale_does_not_matter_and_a_flat_trial_is_none() -> None:
    returns = np.random.default_rng(8).normal(0, 0.01, (160, 5))
    assert pbo(returns * 1000).logits == pytest.approx(pbo(returns).logits)
    returns[:, 2] = 0.0
    assert np.isfinite(pbo(returns).after).all()


def test_what_cannot_be_told_is_said() -> None:
    returns = np.zeros((31, 5))
    with pytest.raises(Undefined, match="fewer than 32 days"):
        pbo(returns)
    with pytest.raises(Undefined, match="two trials"):
        pbo(np.zeros((100, 1)))
    with pytest.raises(ValueError, match="even number"):
        pbo(returns, 5)
    with pytest.raises(ValueError, match="no numbers"):
        pbo(np.full((100, 3), np.nan))
