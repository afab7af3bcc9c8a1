"""Walk-forward: choose on one span, trade the next, again and again; what was traded is a run of its own.

The stitched run is one account that goes through all tests under one kernel: at a fold's beginning its settings change as they
would in a living engine, an open position and its stops are left alone. Indicators are warm from the beginning of the data; no
decision sees a bar that had not closed, and whoever chooses sees nothing at or after the training span's end.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.analytics.definitions import Account
from engine.analytics.table import DEFINITIONS
from engine.analytics.values import Floats, Undefined
from engine.core.machine import Machine, Reports
from engine.core.setup import Setup
from engine.core.types import MS_YEAR
from engine.market.candles import Candles
from engine.research.figures import account_of
from engine.research.play import Played, PlayedSlot
from engine.research.walk_forward_folds import Fold, WalkForwardError
from engine.research.walk_forward_span import Ground, advance, play_on, stretch_of

Said = Callable[[float, str], None]


@dataclass(frozen=True)
class Choice:
    """Number of the chosen candidate, its score on the train span, and everyone's scores (NaN where there is none)."""

    chosen: int
    score: float
    scores: tuple[float, ...]


Chooser = Callable[[Sequence[Setup], Mapping[str, Candles], Fold], Choice]
"""Gets the candidates, candles that end where the training span ends, and the fold; may not look anything else up."""


@dataclass(frozen=True)
class FoldResult:
    """What one fold came to. Growth is the account's a year, as a fraction, by elapsed time; None where it was used up."""

    fold: Fold
    choice: Choice
    train_growth: float | None
    test_growth: float | None
    test_return: float
    trades: int


@dataclass(frozen=True)
class WalkForward:
    """`played` is the stitched run, `setup` its last one. `efficiency` is growth a year out of sample over growth a year in
    sample, all folds together; None, with `why_no_efficiency`, where nothing was earned in sample."""

    setup: Setup
    candidates: tuple[Setup, ...]
    metric: str
    anchored: bool
    folds: tuple[FoldResult, ...]
    played: Played
    account: Account
    efficiency: float | None
    why_no_efficiency: str = ""


Scored = Callable[[Fold, int, int], None]
"""(fold, candidates scored so far, candidates in all); may raise to end the walk."""


def best_by(metric: str = "sharpe", *, low: bool = False, workers: int = 0, said: Scored | None = None) -> Chooser:
    """The candidate with the highest (or lowest) statistic on the train span, the first of equals; those without a value lose
    against any with one. WalkForwardError for an unknown statistic. `workers` 0 = one a core; `said` is told of each score."""
    definition = DEFINITIONS.get(metric)
    if definition is None:
        raise WalkForwardError(
            f"no statistic {metric!r}: among others there are sharpe, cagr, calmar and profit_factor"
        )

    def score(setup: Setup, ground: Ground, fold: Fold) -> float:
        try:
            return float(definition.value(account_of(play_on(setup, ground, fold.train_from))))
        except Undefined:
            return math.nan

    def choose(candidates: Sequence[Setup], candles: Mapping[str, Candles], fold: Fold) -> Choice:
        grounds = {one.instruments: Ground(one.instruments, candles, fold.test_from) for one in candidates}
        scores: list[float] = []
        for value in spread(lambda one: score(one, grounds[one.instruments], fold), candidates, workers):
            scores.append(value)
            if said is not None:
                said(fold, len(scores), len(candidates))
        known = np.array([-value if low else value for value in scores])
        chosen = int(np.nanargmax(known)) if np.isfinite(known).any() else 0
        return Choice(chosen, scores[chosen], tuple(scores))

    return choose


def spread(work: Callable[[Setup], Any], setups: Sequence[Setup], workers: int = 0) -> Iterator[Any]:
    """`work` of each setup in order, on threads; whoever stops asking ends what has not begun."""
    with ThreadPoolExecutor(workers or os.cpu_count() or 1) as pool:
        try:
            yield from pool.map(work, setups)
        finally:
            pool.shutdown(cancel_futures=True)


def walk_forward(
    candidates: Sequence[Setup],
    candles: Mapping[str, Candles],
    folds: Sequence[Fold],
    metric: str = "sharpe",
    chooser: Chooser | None = None,
    *,
    anchored: bool = False,
    progress: Said | None = None,
) -> WalkForward:
    """Walk `candidates` (setups that differ in settings, not in slots) through `folds` in order.

    The account begins with the first test at its starting cash. `progress` is told the share done and what is being done.
    WalkForwardError for no candidate, no fold, or candidates of different slots; StrategyError for a strategy that cannot be
    used.
    """
    _check(candidates, folds)
    choose = chooser or best_by(metric)
    machine, setup = candidates[0].machine(), candidates[0]
    made: list[FoldResult] = []
    reports: list[Reports] = []
    slots: list[PlayedSlot] = []
    signal = 1
    for fold in folds:
        if progress is not None:
            progress(fold.number / len(folds), f"fold {fold.number + 1} of {len(folds)}")
        choice = choose(candidates, _seen(candles, fold.data_from, fold.test_from), fold)
        machine, setup = _under(machine, setup, candidates[choice.chosen], fresh=not made), candidates[choice.chosen]
        before = _worth(machine)
        stretch = stretch_of(setup, Ground(setup.instruments, candles, fold.test_to), fold.test_from)
        part, signal = advance(machine, stretch, signal, first=not made, last=fold is folds[-1])
        reports.append(part)
        slots.extend(stretch.slots)
        made.append(_judged(fold, choice, setup, candles, before, _worth(machine), int(part.trades.size)))
    played = Played(machine, Reports.concatenate(reports), tuple(slots), folds[0].test_from, folds[-1].test_to)
    efficiency, why = _efficiency(made)
    held = next(iter(candles.values())) if len(setup.instruments) == 1 else None
    account = account_of(played, None if held is None else held.between(played.start, played.end))
    return WalkForward(setup, tuple(candidates), metric, anchored, tuple(made), played, account, efficiency, why)


def daily_matrix(
    walk: WalkForward, candles: Mapping[str, Candles], progress: Callable[[float], None] | None = None
) -> Floats:
    """float64[days, candidates]: daily returns of every candidate over the stitched span, for the probability of overfitting."""
    grounds = {one.instruments: Ground(one.instruments, candles, walk.played.end) for one in walk.candidates}
    columns: list[Floats] = []
    for returns in spread(
        lambda one: account_of(play_on(one, grounds[one.instruments], walk.played.start)).returns, walk.candidates
    ):
        columns.append(returns)
        if progress is not None:
            progress(len(columns) / len(walk.candidates))
    days = min(column.size for column in columns)
    return np.stack([column[:days] for column in columns], axis=1)


def _check(candidates: Sequence[Setup], folds: Sequence[Fold]) -> None:
    if not candidates or not folds:
        raise WalkForwardError("a walk needs at least one set of parameters and one fold")
    first = candidates[0]
    for one in candidates:
        if [slot.key for slot in one.slots] != [slot.key for slot in first.slots]:
            raise WalkForwardError("candidates differ in their slots: a walk changes settings, not what is traded")
        if len(one.breakers) != len(first.breakers) or one.account.cash != first.account.cash:
            raise WalkForwardError("candidates differ in their breakers or cash: a walk keeps those")


def _seen(candles: Mapping[str, Candles], from_ts: int, to_ts: int) -> dict[str, Candles]:
    return {symbol: one.between(from_ts, to_ts) for symbol, one in candles.items()}


def _under(machine: Machine, former: Setup, chosen: Setup, *, fresh: bool) -> Machine:
    """The machine with the chosen settings; its books and positions are kept."""
    if chosen is former:
        return machine
    changed = chosen.machine()
    if not fresh:
        changed.restore(machine.snapshot(), machine.layout())
    return changed


def _worth(machine: Machine) -> float:
    return float(machine.account["equity"][0])


def _judged(
    fold: Fold, choice: Choice, setup: Setup, candles: Mapping[str, Candles], before: float, after: float, trades: int
) -> FoldResult:
    trained = play_on(setup, Ground(setup.instruments, candles, fold.test_from), fold.train_from)
    grown = _worth(trained.machine) / float(setup.account.cash)
    tested = after / before if before > 0 else 0.0
    return FoldResult(
        fold,
        choice,
        _yearly(grown, fold.test_from - fold.train_from),
        _yearly(tested, fold.test_to - fold.test_from),
        tested - 1,
        trades,
    )


def _yearly(growth: float, ms: int) -> float | None:
    """Growth as a fraction a year; None for an account that was used up, or for more than a double can hold."""
    power = math.log(growth) * MS_YEAR / ms if growth > 0 else math.inf
    return math.expm1(power) if power < 700 else None


def _efficiency(made: Sequence[FoldResult]) -> tuple[float | None, str]:
    """Growth a year out of sample over in sample, every fold weighted by its length (after Pardo, 2008)."""
    inside = _mean_growth([(one.train_growth, one.fold.test_from - one.fold.train_from) for one in made])
    outside = _mean_growth([(one.test_growth, one.fold.test_to - one.fold.test_from) for one in made])
    if inside is None or outside is None:
        return None, "an account was used up, or grew beyond all measure"
    if inside <= 0:
        return None, "nothing was earned in the training spans, so there is nothing to keep"
    return outside / inside, ""


def _mean_growth(spans: Sequence[tuple[float | None, int]]) -> float | None:
    """Log growth a year over all spans, as a fraction a year."""
    known = [(growth, ms) for growth, ms in spans if growth is not None]
    if len(known) < len(spans):
        return None
    power = sum(math.log1p(growth) * ms for growth, ms in known) / sum(ms for _, ms in known)
    return math.expm1(power) if power < 700 else None
