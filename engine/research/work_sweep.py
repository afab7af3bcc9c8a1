"""A sweep as a job: the last fifth of the candles stays sealed, every set is counted as tried, the table outlives the worker.

What a sweep is stands in engine.research.sweep; here it gets its candles, its file and its place in the lineage.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import Engine

from engine.analytics.values import Floats
from engine.market.store import Store
from engine.research import lab
from engine.research.doubt import Doubt, doubt
from engine.research.grid import Grid, Points, checked, drawn
from engine.research.lineage import count_trial, data_set_of, keys_of, lineage_of, source_of, strategies_of
from engine.research.seal import span_of, unsealed_all
from engine.research.space import Space
from engine.research.study import Study
from engine.research.study_result import StudyResult
from engine.research.sweep import sweep, sweep_key
from engine.research.sweep_table import Table, read_data

MOST_DOUBTED = 4_000
"""The probability of overfitting is reckoned from at most so many of the sets, evenly taken."""


def points_of(study: Study, axes: Sequence[str], draws: int = 0, seed: int = 0) -> Points:
    """Every combination of axes such as `fast=5:50:5`, or `draws` of them at random. SpaceError in a sentence."""
    space = Space(study)
    grid = Grid.of(space, axes)
    checked(grid, force=bool(draws))
    return drawn(space, grid.axes, draws, seed) if draws else grid


def run(
    study: Study,
    axes: Sequence[str],
    draws: int,
    store: Store,
    folder: Path,
    engine: Engine,
    job_id: int,
    progress: Callable[[float, str], None],
    cancelled: Callable[[], bool],
) -> dict[str, Any]:
    """Sweep, count what was tried, and say where the table is."""
    progress(0.0, "reading the candles")
    candles = unsealed_all(lab.load(study, store))
    points = points_of(study, axes, draws)
    file = f"{sweep_key(study, points, candles, Space(study))}.arrow"
    table = sweep(study, points, candles, progress=progress, cancelled=cancelled, out=folder / file)
    first, last = span_of(candles)
    _count(engine, study, table, first, last, job_id)
    facts = {
        "file": file,
        "names": list(points.names),
        "rows": len(table),
        "total": table.total,
        "excluded": table.excluded,
    }
    return {**facts, "failed": table.failed, "from_ts": first, "to_ts": last}


def _count(engine: Engine, study: Study, table: Table, first: int, last: int, job_id: int) -> None:
    """Every set is a trial, whoever looks at it later."""
    space = Space(study)
    setups = (space.at(table.point(i)).setup for i in range(len(table)))
    count_trial(
        engine, strategies_of(study.setup), data_set_of(study.setup, first, last), source_of(study.setup), keys_of(setups),
        table.column("sharpe_daily"), "sweep", job_id,
    )  # fmt: skip


def table_of(result: Mapping[str, Any], folder: Path) -> Table:
    """The table of a finished sweep. OSError where its file is gone."""
    path = folder / str(result["file"])
    return Table(read_data(path), tuple(result["names"]), int(result["total"]), int(result["excluded"]), True, path)


def set_of(study: Study, point: Mapping[str, Any], result: Mapping[str, Any]) -> Study:
    """The study of one set, over the candles that the sweep saw."""
    return replace(Space(study).at(point), from_ts=int(result["from_ts"]), to_ts=int(result["to_ts"]))


def doubted(
    study: Study, point: Mapping[str, Any], table: Table, result: Mapping[str, Any], store: Store, engine: Engine
) -> tuple[StudyResult, Doubt]:
    """One set played alone, and every reason to doubt it: it was chosen from all that was ever tried on these candles."""
    done = lab.run_study(set_of(study, point, result), store)
    setup = done.setup
    found = lineage_of(engine, strategies_of(setup), data_set_of(setup, int(result["from_ts"]), int(result["to_ts"])))
    return done, doubt(done.account, found, _matrix(table), fans=False)


def _matrix(table: Table) -> Floats | None:
    """float64[days, sets] of daily returns of the sets that could be run; None where they were not kept."""
    daily = table.daily
    if not daily.shape[1]:
        return None
    known = np.flatnonzero(np.isfinite(daily).all(axis=1))
    every = max(1, math.ceil(known.size / MOST_DOUBTED))
    return np.ascontiguousarray(daily[known[::every]].T) if known.size > 1 else None
