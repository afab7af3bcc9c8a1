"""A walk asked for as a study and axes: candidates made, walked, counted as trials, doubted, and stored as a run of its own.

The command and the worker call this. The walk itself is in engine.research.walk_forward.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import Engine, select, update
from sqlmodel import col

from db.models import Run
from db.session import write_session
from engine.analytics.table import figures, plain
from engine.analytics.values import Floats
from engine.core.setup import Setup
from engine.core.types import MS_DAY
from engine.market.candles import Candles
from engine.market.quality import assess
from engine.research import seal
from engine.research.doubt import Doubt, doubt
from engine.research.grid import Grid, checked, drawn
from engine.research.lineage import (
    Lineage,
    count_trial,
    daily_sharpe,
    data_set_of,
    keys_of,
    lineage_of,
    source_of,
    strategies_of,
)
from engine.research.save import save_played
from engine.research.space import Excluded, Space
from engine.research.study import Study
from engine.research.walk_forward import Said, Scored, WalkForward, best_by, daily_matrix, walk_forward
from engine.research.walk_forward_folds import Fold, WalkForwardError, folds_by_days, folds_of
from engine.research.walk_forward_kept import keeping

MOST = 5_000
"""Candidates at most: each is played in every fold."""


@dataclass(frozen=True)
class Ask:
    """How to walk: `folds` tests after a `train` share of the span, or spans of days where those are given; `sealed` keeps the
    last fifth of the data out; `metric` is what is chosen by, `least` of it where that is better."""

    folds: int = 5
    train: float = 0.5
    train_days: float = 0.0
    test_days: float = 0.0
    anchored: bool = False
    metric: str = "sharpe"
    least: bool = False
    sealed: bool = True
    draws: int = 0
    seed: int = 0


@dataclass(frozen=True, eq=False)
class Walked:
    """`points` are the candidates' values, `matrix` float64[days, candidates] their daily returns over the stitched span."""

    study: Study
    ask: Ask
    candles: Mapping[str, Candles]
    points: tuple[Mapping[str, Any], ...]
    walk: WalkForward
    matrix: Floats
    lineage: Lineage | None
    doubt: Doubt
    run_id: int | None = None
    name: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON, a job's result and the stored run."""
        made = plain(figures(self.walk.account, _SHOWN))
        return {
            "run_id": self.run_id, "run": self.name, "strategy": strategies_of(self.walk.setup),
            "metric": self.ask.metric, "anchored": self.ask.anchored, "candidates": len(self.points),
            "start": self.walk.played.start, "end": self.walk.played.end, "sealed": self.ask.sealed,
            "efficiency": self.walk.efficiency, "why_no_efficiency": self.walk.why_no_efficiency,
            **{name: made[name] for name in _SHOWN}, "undefined": made["undefined"],
            "folds": [self.fold_row(k) for k in range(len(self.walk.folds))], "doubt": self.doubt.as_dict(),
        }  # fmt: skip

    def fold_row(self, k: int) -> dict[str, Any]:
        """Fold k (from 0) in plain values."""
        one = self.walk.folds[k]
        row = {name: getattr(one.fold, name) for name in ("train_from", "test_from", "test_to")}
        row |= {name: getattr(one, name) for name in ("train_growth", "test_growth", "test_return", "trades")}
        score = one.choice.score
        row |= {"point": dict(self.points[one.choice.chosen]), "score": score if math.isfinite(score) else None}
        return {**row, "ahead_of": self._ahead(one.fold, one.choice.chosen)}

    def _ahead(self, fold: Fold, chosen: int) -> float | None:
        """The share of the other candidates that the chosen one left behind in the test's whole days (ties count half): near a
        half, choosing was worth nothing. None where a test lasts less than a day, or nothing else could be chosen."""
        start = self.walk.played.start // MS_DAY
        days = self.matrix[max(fold.test_from // MS_DAY - start, 0) : fold.test_to // MS_DAY - start]
        if not len(days) or days.shape[1] < 2:
            return None
        grown = np.delete(days, chosen, axis=1)
        total, own = (
            np.log1p(np.maximum(grown, -0.999999)).sum(axis=0),
            np.log1p(np.maximum(days[:, chosen], -0.999999)).sum(),
        )
        return float(((total < own) + 0.5 * (total == own)).mean())


_SHOWN = tuple("trades total_return cagr sharpe sortino max_drawdown win_rate profit_factor fees hold_return".split())


def candidates_of(
    study: Study, axes: Sequence[str], draws: int = 0, seed: int = 0
) -> list[tuple[dict[str, Any], Setup]]:
    """(values, setup) of every point of axes such as `fast=5:50:5` that keeps the constraints, or of `draws` of them; the study
    itself where there is no axis. SpaceError or WalkForwardError in a sentence."""
    if not axes:
        return [({}, study.setup)]
    space = Space(study)
    grid = Grid.of(space, axes)
    points = drawn(space, grid.axes, draws, seed) if draws else grid
    if checked(points, force=bool(draws)) > MOST:
        raise WalkForwardError(
            f"{len(points):,} parameter sets in every fold are too many: take wider steps, or draw {MOST:,} of them at random"
        )
    found = []
    for i in range(len(points)):
        try:
            found.append((dict(points[i]), space.at(points[i]).setup))
        except Excluded:
            continue
    if not found:
        raise WalkForwardError("no set keeps the strategy's constraints: choose other values")
    return found


def walk_study(
    study: Study,
    axes: Sequence[str],
    candles: Mapping[str, Candles],
    ask: Ask = Ask(),
    engine: Engine | None = None,
    *,
    save: bool = False,
    job_id: int | None = None,
    progress: Said | None = None,
    kept: Path | None = None,
) -> Walked:
    """Walk; with a database every candidate is counted as tried, and `save` stores the stitched run there (migrated before).

    `kept` is a folder where what was chosen is noted fold by fold: the same walk asked for again goes on from there.
    Errors of `candidates_of`, `folds_of` and `walk_forward`; ValueError for no candles.
    """
    seen = dict(candles) if not ask.sealed else seal.unsealed_all(candles)
    span = seal.span_of(seen)
    asked = candidates_of(study, axes, ask.draws, ask.seed)
    if ask.train_days or ask.test_days:
        folds = folds_by_days(
            *span, ask.train_days or ask.test_days, ask.test_days or ask.train_days, anchored=ask.anchored
        )
    else:
        folds = folds_of(*span, ask.folds, ask.train, anchored=ask.anchored)
    chooser = best_by(ask.metric, low=ask.least, said=_scored(progress, len(folds)))
    setups = [setup for _, setup in asked]
    if kept is not None:
        chooser = keeping(chooser, kept, (ask.metric, ask.least, source_of(study.setup)), setups, seen)
    walk = walk_forward(setups, seen, folds, ask.metric, chooser, anchored=ask.anchored, progress=_share(progress))
    matrix = daily_matrix(walk, seen, _over_tests(progress))
    lineage = None
    if engine is not None:
        origin = "walk_forward" if ask.sealed else "walk_forward_all"
        lineage = _count(engine, study, setups, matrix, span, origin, job_id)
        if not ask.sealed:
            _open(engine, study, candles)
    made = Walked(
        study, ask, seen, tuple(point for point, _ in asked), walk, matrix, lineage,
        doubt(walk.account, lineage, matrix if matrix.shape[1] > 1 else None),
    )  # fmt: skip
    return _save(engine, made) if save and engine is not None else made


def _share(progress: Said | None) -> Said | None:
    return None if progress is None else lambda share, words: progress(0.85 * share, words)


def _scored(progress: Said | None, folds: int) -> Scored | None:
    if progress is None:
        return None

    def said(fold: Fold, done: int, total: int) -> None:
        share = (fold.number + done / total) / folds
        progress(0.85 * share, f"fold {fold.number + 1} of {folds}: {done:,} of {total:,} sets trained")

    return said


def _over_tests(progress: Said | None) -> Callable[[float], None] | None:
    return (
        None
        if progress is None
        else lambda share: progress(0.85 + 0.1 * share, "every set over the tests, to judge the choice")
    )


def _count(
    engine: Engine, study: Study, setups: Sequence[Setup], matrix: Floats, span: tuple[int, int], origin: str,
    job_id: int | None,
) -> Lineage:  # fmt: skip
    strategies, data = strategies_of(study.setup), data_set_of(study.setup, *span)
    sharpes = [daily_sharpe(matrix[:, k]) for k in range(matrix.shape[1])]
    count_trial(engine, strategies, data, source_of(study.setup), keys_of(setups), sharpes, origin, job_id)
    return lineage_of(engine, strategies, data)


def _open(engine: Engine, study: Study, candles: Mapping[str, Candles]) -> None:
    """A walk over everything looks at the sealed part, and that counts."""
    from_ts, to_ts = seal.span_of(candles)
    symbols = [one.symbol for one in study.setup.instruments]
    exchange = study.sources[0].exchange if study.sources else "file"
    cut = seal.seal_ts(from_ts, to_ts)
    seal.open_seal(engine, exchange, symbols, "", strategies_of(study.setup), cut, to_ts, "walk-forward over all data")


def _save(engine: Engine, made: Walked) -> Walked:
    """The stitched run like any other, its parameters saying how it came about."""
    walk, setup = made.walk, made.walk.setup
    judged = [assess(one.ts, one.ohlcv, one.timeframe_ms) for one in made.candles.values()]
    hashes = [one.content_hash for one in judged]
    digest = hashes[0] if len(hashes) == 1 else hashlib.sha256("".join(hashes).encode()).hexdigest()
    told = made.as_dict()
    run_id, name = save_played(
        engine, walk.played, account=setup.account, instruments=setup.instruments, slots=setup.slots, params=setup.params,
        exchange=made.study.sources[0].exchange if made.study.sources else "file",
        stats={**plain(figures(walk.account)), "doubt": told["doubt"]},
        data_hash=digest, data_grade=max(one.grade for one in judged),
    )  # fmt: skip
    name = f"walk-forward {name}"
    with write_session(engine) as session:
        params = session.execute(select(col(Run.params)).where(col(Run.id) == run_id)).scalar_one()
        story = {key: told[key] for key in ("metric", "anchored", "candidates", "efficiency", "sealed", "folds")}
        values = {"name": name, "params": {**params, "walk_forward": story}}
        session.execute(update(Run).where(col(Run.id) == run_id).values(**values))
    return replace(made, run_id=run_id, name=name)
