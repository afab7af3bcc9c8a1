"""The probability of backtest overfitting, by combinatorially symmetric cross-validation: Bailey, Borwein, Lopez de Prado
and Zhu, "The Probability of Backtest Overfitting" (2017).

Days are cut into blocks; every half of the blocks in turn is what one optimised on, the other half what came after. Overfitting
is when the best of the first half is below the middle of all in the second.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from engine.analytics.values import Floats, Undefined

_CHUNK = 2_000_000
"""Cells worked on at once: 16 MB an array."""


@dataclass(frozen=True, eq=False)
class Overfit:
    """`pbo` 0..1; `logits` one a split; `chosen` and `after` the Sharpe ratio (of a day) of the best in the first half, there and
    in the second; `slope` of the second on the first; `lost` the share of splits after which the chosen one lost money."""

    pbo: float
    logits: Floats
    chosen: Floats
    after: Floats
    slope: float
    lost: float
    trials: int
    blocks: int
    days: int


def pbo(returns: Floats, blocks: int = 16) -> Overfit:
    """From daily returns float64[days, trials], one column a trial, all over the same days.

    The oldest days that fill no whole block are left out. A trial that never moves counts as a Sharpe ratio of 0. Undefined for
    fewer than two trials or two days a block; ValueError for an odd number of blocks or what is not a number.
    """
    if blocks < 2 or blocks % 2:
        raise ValueError("blocks come in two halves: an even number of at least 2")
    if not np.isfinite(returns).all():
        raise ValueError("returns: some are no numbers; leave out trials that were used up")
    days, trials = returns.shape
    size = days // blocks
    if trials < 2:
        raise Undefined("fewer than two trials")
    if size < 2:
        raise Undefined(f"fewer than {2 * blocks} days: {blocks} blocks need two days each")
    kept = returns[days - size * blocks :].reshape(blocks, size, trials)
    middle = kept.mean(axis=(0, 1))
    apart = kept - middle  # moments about the middle keep their digits
    sums, squares = apart.sum(axis=1), (apart * apart).sum(axis=1)
    halves = _halves(blocks)
    n = size * blocks // 2
    parts = [
        _judge(half @ sums, half @ squares, sums.sum(axis=0), squares.sum(axis=0), middle, n)
        for half in np.array_split(halves, max(1, halves.size // blocks * trials // _CHUNK))
    ]
    chosen, after, rank = (np.concatenate(part) for part in zip(*parts, strict=True))
    share = rank / (trials + 1)
    logits = np.log(share / (1 - share))
    spread = float(chosen.var())
    slope = float(np.cov(chosen, after, ddof=0)[0, 1] / spread) if spread else 0.0
    lost = float((after < 0).mean())
    return Overfit(float((logits <= 0).mean()), logits, chosen, after, slope, lost, trials, blocks, size * blocks)


def _halves(blocks: int) -> Floats:
    """float64[splits, blocks]: 1 for the blocks of the first half."""
    picks = np.array(list(combinations(range(blocks), blocks // 2)))
    out = np.zeros((len(picks), blocks))
    np.put_along_axis(out, picks, 1.0, axis=1)
    return out


def _judge(
    first: Floats, first_squares: Floats, total: Floats, squares: Floats, middle: Floats, n: int
) -> tuple[Floats, Floats, Floats]:
    """(Sharpe of the best in the first half, its Sharpe in the second, its rank there from 1, ties in the middle)."""
    before = _sharpe(first, first_squares, middle, n)
    after = _sharpe(total - first, squares - first_squares, middle, n)
    best = before.argmax(axis=1)
    rows = np.arange(best.size)
    own: npt.NDArray[np.float64] = after[rows, best][:, None]
    rank = (after < own).sum(axis=1) + ((after == own).sum(axis=1) + 1) / 2
    return before[rows, best], own[:, 0], rank


def _sharpe(sums: Floats, squares: Floats, middle: Floats, n: int) -> Floats:
    mean = sums / n
    variance = (squares - n * mean * mean) / (n - 1)
    still = variance <= 1e-24 * np.maximum(squares / n, 1e-300)
    ratio: Floats = np.where(still, 0.0, (mean + middle) / np.sqrt(np.where(still, 1.0, variance)))
    return ratio
