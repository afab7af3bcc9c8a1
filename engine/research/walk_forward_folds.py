"""The folds of a walk: where each trains and tests. No candles, no strategy."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from engine.core.types import MS_DAY

_MINUTE = 60_000


class WalkForwardError(ValueError):
    """A walk that cannot be made of this data; the message says what to change."""

    exit_code = 2


@dataclass(frozen=True)
class Fold:
    """Train on [train_from, test_from), trade [test_from, test_to); ms UTC. Warm-up may begin at `data_from`."""

    number: int
    data_from: int
    train_from: int
    test_from: int
    test_to: int


def folds_of(
    from_ts: int, to_ts: int, folds: int = 5, train: float = 0.5, *, anchored: bool = False
) -> tuple[Fold, ...]:
    """`folds` tests of equal length that tile what follows the first `train` share of [from_ts, to_ts).

    Anchored trains on everything before each test, rolling on as long a span as the first. Boundaries are UTC midnights where
    spans last days. WalkForwardError where there is no room for it.
    """
    if folds < 1 or not 0 < train < 1:
        raise WalkForwardError(f"{folds} folds after a share of {train:g}: give at least one, and a share from 0 to 1")
    first = from_ts + (to_ts - from_ts) * train
    edges = [first + (to_ts - first) * k / folds for k in range(folds)]
    grid = MS_DAY if min((to_ts - first) / folds, first - from_ts) >= 2 * MS_DAY else _MINUTE
    cuts = [*(round(edge / grid) * grid for edge in edges), to_ts]
    if cuts[0] <= from_ts or any(b <= a for a, b in pairwise(cuts)):
        raise WalkForwardError(
            f"{folds} folds do not fit into {(to_ts - from_ts) / _MINUTE:,.0f} minutes of data: take fewer, or more data"
        )
    return _walk(from_ts, cuts, anchored)


def folds_by_days(from_ts: int, to_ts: int, train_days: float, test_days: float, *, anchored: bool) -> tuple[Fold, ...]:
    """Tests of `test_days` (the last may be shorter) after a first training span of `train_days`."""
    first, step = from_ts + int(train_days * MS_DAY), int(test_days * MS_DAY)
    if train_days <= 0 or test_days <= 0 or first >= to_ts:
        have = (to_ts - from_ts) / MS_DAY
        raise WalkForwardError(
            f"{train_days:g} days to train on and {test_days:g} to test do not fit into {have:.1f} days of data"
        )
    return _walk(from_ts, [*range(first, to_ts, step), to_ts], anchored)


def _walk(from_ts: int, cuts: list[int], anchored: bool) -> tuple[Fold, ...]:
    length = cuts[0] - from_ts
    return tuple(
        Fold(k, from_ts, from_ts if anchored else max(a - length, from_ts), a, b)
        for k, (a, b) in enumerate(pairwise(cuts))
    )
