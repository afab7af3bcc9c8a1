"""Every reason to doubt a result, in one place: what was tried, what luck would do, and one sentence with a grade.

The statistics are those of engine.analytics; what is done here is to bring them the trials from the database, the daily returns
of a sweep and a thousand random entries. Thresholds and their sources: docs/doubt.md.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from sqlalchemy import Engine

from engine.analytics import bootstrap, chance, verdict
from engine.analytics import doubt as evidence
from engine.analytics.bootstrap import Interval
from engine.analytics.carlo import Fan, Method, monte_carlo
from engine.analytics.definitions import Account
from engine.analytics.pbo import Overfit, pbo
from engine.analytics.values import Figure, Floats, Undefined
from engine.core.setup import Setup
from engine.market.candles import Candles
from engine.research import seal
from engine.research.compare_config import setup_of_run
from engine.research.lineage import Lineage, data_set_of, lineage_of, strategies_of
from engine.research.play import Played
from engine.research.random_entries import RUNS, RandomEntries, random_entries
from engine.research.stored import account_of_run

METHODS: tuple[Method, ...] = ("order", "blocks", "skipped", "worse fills")
MOST_COLUMNS = 2_000
"""Of a sweep's matrix as many columns go into the probability of overfitting, chosen evenly: more change nothing but time."""


@dataclass(frozen=True, eq=False)
class Searched:
    """What the daily returns of everything that was chosen from tell: how many there were, their daily Sharpe ratios, their mean
    correlation, and the probability of overfitting with its figure. Made once for a search, good for every set of it."""

    variants: int
    sharpes: Floats | None
    correlation: float
    overfit: Overfit | None
    pbo: Figure


def searched(matrix: Floats, trials: int = 2) -> Searched:
    """`matrix` float64[days, variants] of daily returns."""
    return _searched(matrix, max(trials, matrix.shape[1]))


def _searched(matrix: Floats | None, trials: int) -> Searched:
    overfit, figure = _overfit(matrix, trials)
    return Searched(
        matrix.shape[1] if matrix is not None else 0, _sharpes(matrix), _correlation(matrix), overfit, figure
    )


@dataclass(frozen=True, eq=False)
class Doubt:
    """`trials` distinct variants tried on this data, this one among them; `elsewhere` on other data; `openings` looks at the
    sealed part. Figures have a value or a reason. `intervals` and `fans` hold the reason where there is none."""

    verdict: verdict.Verdict
    trials: int
    elsewhere: int
    openings: int
    psr: Figure
    deflated_sharpe: Figure
    pbo: Figure
    min_track_record: Figure
    t_value: Figure
    p_value: Figure
    overfit: Overfit | None = None
    random: RandomEntries | None = None
    why_no_random: str = ""
    intervals: Mapping[str, Interval | str] = field(default_factory=dict)
    fans: Mapping[str, Fan | str] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON and for a run's stored statistics; fans as their risk alone."""
        figures = (self.psr, self.deflated_sharpe, self.pbo, self.min_track_record, self.t_value, self.p_value)
        return {
            "grade": self.verdict.grade,
            "verdict": self.verdict.sentence,
            "luck": self.verdict.luck,
            "checks": [vars(check) for check in self.verdict.checks],
            "trials": self.trials,
            "trials_elsewhere": self.elsewhere,
            "seal_openings": self.openings,
            **{one.name: one.value for one in figures},
            "random_beaten": None if self.random is None else self.random.beaten,
            "intervals": {name: _interval(one) for name, one in self.intervals.items()},
            "monte_carlo": {name: _risk(one) for name, one in self.fans.items()},
            "undefined": {one.name: one.reason for one in figures if one.reason is not None},
        }


def _interval(one: Interval | str) -> dict[str, Any] | None:
    return None if isinstance(one, str) else {k: getattr(one, k) for k in ("value", "low", "high", "level")}


def _risk(one: Fan | str) -> dict[str, Any] | None:
    if isinstance(one, str):
        return None
    return {"ruin": one.ruin, "ruin_at": one.ruin_at, "lost": one.lost, "fall_95": one.fall_at(0.95)}


def doubt(
    account: Account,
    lineage: Lineage | None = None,
    matrix: Floats | None = None,
    random: RandomEntries | None = None,
    *,
    openings: int = 0,
    why_no_random: str = "",
    fans: bool = True,
    seed: int = 0,
    known: Searched | None = None,
) -> Doubt:
    """Doubt one account. `matrix` float64[days, variants] are the daily returns of what it was chosen from, if it was; `known`
    is what was made of them before.

    Without `lineage` this is taken for the one thing that was tried. No file or database is opened.
    """
    columns = known.variants if known is not None else matrix.shape[1] if matrix is not None else 1
    trials = max(1, lineage.trials if lineage else 1, columns)
    chosen_from = known or _searched(matrix, trials)
    sharpes = lineage.sharpes if lineage is not None and lineage.sharpes.size else chosen_from.sharpes
    overfit, figure = chosen_from.overfit, chosen_from.pbo
    search = verdict.Search(trials, sharpes, chosen_from.correlation, overfit.pbo if overfit else None)
    variance = evidence.trial_variance(sharpes) if sharpes is not None else 0.0
    made = verdict.verdict(account, search, random.returns if random else None)
    returns, pnl = account.returns, account.trades.pnl
    return Doubt(
        made,
        trials,
        lineage.elsewhere if lineage else 0,
        openings,
        _figure("psr", lambda: evidence.psr_of(returns)),
        _figure("deflated_sharpe", lambda: evidence.deflated_sharpe_of(
            returns, search.independent, variance or 1 / max(returns.size - 1, 1))),
        figure,
        _figure("min_track_record", lambda: evidence.min_track_record_of(returns)),
        _figure("t_value", lambda: chance.t_test(pnl).t),
        _figure("p_value", lambda: chance.t_test(pnl).p),
        overfit,
        random,
        why_no_random,
        _intervals(account, seed),
        _fans(account, seed) if fans else {},
    )  # fmt: skip


def doubt_of(
    setup: Setup,
    played: Played,
    candles: Mapping[str, Candles],
    account: Account,
    engine: Engine | None = None,
    matrix: Floats | None = None,
    *,
    runs: int = RUNS,
    fans: bool = True,
    seed: int = 0,
) -> Doubt:
    """Doubt a backtest with all there is: the trials and openings in the database, and random entries through the kernel.

    `engine` None = nothing is known of earlier trials.
    """
    lineage, opened = None, 0
    if engine is not None:
        lineage = lineage_of(engine, strategies_of(setup), data_set_of(setup, played.start, played.end))
        symbols = sorted({slot.symbol for slot in setup.slots})
        opened = len(seal.openings(engine, symbols, strategies_of(setup), played.start, played.end))
    random, why = None, ""
    try:
        random = random_entries(setup, played, candles, runs, seed)
    except Undefined as reason:
        why = str(reason)
    return doubt(account, lineage, matrix, random, openings=opened, why_no_random=why, fans=fans, seed=seed)


def doubt_of_run(engine: Engine, run_id: int, *, fans: bool = True, seed: int = 0) -> Doubt:
    """Doubt a stored run, living ones too, by what was tried on its days; without random entries, which need its candles.

    NoSuchAccount for a run that is not there.
    """
    account, setup = account_of_run(engine, run_id), setup_of_run(engine, run_id)
    if setup is None:
        return doubt(account, fans=fans, seed=seed)
    strategies, span = strategies_of(setup), (account.curve.begun, account.curve.ended)
    lineage = lineage_of(engine, strategies, data_set_of(setup, *span))
    opened = seal.openings(engine, sorted({slot.symbol for slot in setup.slots}), strategies, *span)
    why = "a stored run is not entered at random: its candles are not at hand"
    return doubt(account, lineage, openings=len(opened), why_no_random=why, fans=fans, seed=seed)


def _figure(name: str, make: Callable[[], float]) -> Figure:
    try:
        value = float(make())
    except Undefined as why:
        return Figure(name, None, str(why))
    return Figure(name, value) if math.isfinite(value) else Figure(name, None, "no number that could be written")


def _sharpes(matrix: Floats | None) -> Floats | None:
    if matrix is None or matrix.shape[0] < 2:
        return None
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio: Floats = matrix.mean(axis=0) / matrix.std(axis=0, ddof=1)
    return np.where(np.isfinite(ratio), ratio, np.nan)


def _correlation(matrix: Floats | None) -> float:
    """Mean correlation of all pairs of columns, from 0 to 1; 0 where it is not known: then every trial counts whole."""
    if matrix is None or matrix.shape[0] < 3:
        return 0.0
    spread = matrix.std(axis=0)
    moving = matrix[:, spread > 0]
    k = moving.shape[1]
    if k < 2:
        return 0.0
    unit = (moving - moving.mean(axis=0)) / moving.std(axis=0)
    mean = (float((unit.sum(axis=1) ** 2).mean()) - k) / (k * (k - 1))
    return float(min(max(mean, 0.0), 1.0))


def _overfit(matrix: Floats | None, trials: int) -> tuple[Overfit | None, Figure]:
    if matrix is None:
        why = "nothing was chosen" if trials == 1 else "the daily returns of what it was chosen from are not known"
        return None, Figure("pbo", None, why)
    picked = np.linspace(0, matrix.shape[1] - 1, min(matrix.shape[1], MOST_COLUMNS)).round().astype(int)
    try:
        found = pbo(matrix[:, picked])
    except (Undefined, ValueError) as error:
        return None, Figure("pbo", None, str(error))
    return found, Figure("pbo", found.pbo)


def _intervals(account: Account, seed: int) -> dict[str, Interval | str]:
    convention = account.convention
    made: dict[str, bootstrap.Statistic] = {
        "sharpe": bootstrap.sharpe(convention),
        "sortino": bootstrap.sortino(convention),
        "cagr": bootstrap.cagr(convention),
        "total_return": bootstrap.total_return,
        "daily_mean": bootstrap.mean,
        "max_drawdown": bootstrap.max_drawdown,
    }
    return {name: _or_reason(partial(bootstrap.interval, account.returns, s, seed=seed)) for name, s in made.items()}


def _fans(account: Account, seed: int) -> dict[str, Fan | str]:
    trades, start = account.trades, account.curve.start

    def fan(method: Method) -> Fan:
        returns = chance.trade_returns(trades.pnl, start)
        before = start + np.concatenate([[0.0], np.cumsum(trades.pnl)[:-1]])
        turnover = (trades.entry_notional + trades.exit_notional) / before
        return monte_carlo(returns, method, seed=seed, turnover=turnover)

    return {method: _or_reason(partial(fan, method)) for method in METHODS}


def _or_reason(make: Callable[[], Any]) -> Any:
    try:
        return make()
    except Undefined as why:
        return str(why)
