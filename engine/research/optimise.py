"""Search a parameter space with a sampler that learns: TPE for one objective, NSGA-II for two. Kept and resumed as a sweep is.

Sets are asked for in rounds, each round is run at once by the same pieces a grid takes, and its results are told before the
next is asked for. So a seed gives the same sets whatever the number of threads, and a search that was broken off is told again
what its file holds and goes on with the set it would have asked for next. The samplers are Optuna's, imported when needed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from engine.market.candles import Candles
from engine.research.grid import Axis, Listed, axis, declared, keeps
from engine.research.optimise_sampler import Sampler, version
from engine.research.space import Point, Space, SpaceError
from engine.research.study import Study
from engine.research.sweep import Runner, cores, finished, kept_days, never, silent, sweep_key, threads
from engine.research.sweep_figures import FIGURES
from engine.research.sweep_ground import Ground
from engine.research.sweep_table import Table, Writer, schema_of
from engine.research.sweep_work import Piece, Task
from engine.strategies.base import Strategy

METHODS = ("tpe", "nsga2")
MOST_TRIALS = 100_000
LEAST_TRADES = 10
ROUND = 16
"""Sets that TPE is asked for at once; NSGA-II is asked for a whole generation."""


@dataclass(frozen=True)
class Search:
    """`objectives` are statistics of a sweep, the highest wanted, or `name:min` for the lowest. A set with fewer closed trades
    than `least_trades` counts as one that breaks a constraint."""

    method: str = "tpe"
    objectives: tuple[str, ...] = ("sharpe",)
    trials: int = 200
    seed: int = 0
    least_trades: int = LEAST_TRADES

    def __post_init__(self) -> None:
        """SpaceError, saying what there is."""
        if self.method not in METHODS:
            raise SpaceError(f"there is no search called {self.method}; there are {', '.join(METHODS)}")
        for name in self.names:
            if name not in FIGURES:
                raise SpaceError(f"{name} is not kept by a sweep; objectives are {', '.join(FIGURES)}")
        if any(one.partition(":")[2] not in ("", "min", "max") for one in self.objectives):
            raise SpaceError(
                f"{', '.join(self.objectives)}: an objective is a statistic, with :min where less is better"
            )
        if not 1 <= len(set(self.names)) == len(self.objectives) <= 2:
            raise SpaceError("one objective, or two different ones: what lies between three nobody can see")
        if self.method == "nsga2" and len(self.objectives) != 2:
            raise SpaceError("nsga2 weighs two objectives against each other: name both, as in sharpe and max_drawdown")
        if not 1 <= self.trials <= MOST_TRIALS:
            raise SpaceError(f"{self.trials:,} trials are refused; from 1 to {MOST_TRIALS:,} are tried")
        if self.least_trades < 1:
            raise SpaceError("at least 1 trade is needed: a set that never trades has no statistics")

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(one.partition(":")[0] for one in self.objectives)

    @property
    def signs(self) -> tuple[int, ...]:
        """1 where the highest is wanted, -1 where the lowest is."""
        return tuple(-1 if one.endswith(":min") else 1 for one in self.objectives)

    @property
    def round(self) -> int:
        """Sets asked for at once."""
        if self.method == "tpe":
            return min(ROUND, self.trials)
        return max(2, min(50, self.trials // 6))

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "objectives": list(self.objectives)}

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Search:
        return Search(**{**data, "objectives": tuple(data["objectives"])})


def axes_of(space: Space, texts: Sequence[str]) -> list[Axis]:
    """What is searched: the axes given as texts, or all that the strategies declare. SpaceError in a sentence."""
    found = [axis(space, text) for text in texts] if texts else declared(space)
    empty = [one.name for one in found if not one.count]
    if empty or not found:
        raise SpaceError(
            f"there is nothing to search in {', '.join(empty) or 'this space'}: give an axis, as in fast=5:50:1"
        )
    twice = {one.name for one in found if [other.name for other in found].count(one.name) > 1}
    if twice:
        raise SpaceError(f"{', '.join(sorted(twice))} is varied twice: give all its values at once")
    return found


def search_key(study: Study, texts: Sequence[str], candles: Mapping[str, Candles], search: Search) -> str:
    """16 hex digits that name what is computed: as `sweep_key`, with the search and the sampler's version."""
    space = Space(study)
    told = Listed(
        [{"axes": [[one.name, one.text] for one in axes_of(space, texts)], **search.to_json(), "by": version()}]
    )
    return sweep_key(study, told, candles, space)


def optimise(
    study: Study,
    texts: Sequence[str],
    candles: Mapping[str, Candles],
    search: Search,
    workers: int | None = None,
    progress: Callable[[float, str], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
    out: Path | None = None,
    classes: Sequence[type[Strategy]] | None = None,
    runner: Runner | None = None,
) -> Table:
    """Try `search.trials` sets, each chosen by what those before it gave. A row a different set that was run; `point` is its
    trial. `Table.excluded` are trials that broke a constraint, and those that asked for a set again are no rows.

    `out`, `progress`, `cancelled`, `classes`, `workers` and `runner` as for `sweep`. SpaceError for what cannot be searched.
    """
    space = Space(study, classes)
    axes = axes_of(space, texts)
    key = search_key(study, texts, candles, search)
    if out is not None and out.exists():
        found = finished(out, key)
        if found is not None:
            return found
    with Ground(study, candles) as ground:
        names = tuple(one.name for one in axes)
        facts = {"total": search.trials, "title": study.title, "names": names, "search": search.to_json()}
        kinds = [space.find(name).kind for name in names]
        schema = schema_of(names, kinds, kept_days(ground, search.trials), key, facts)
        writer = Writer(schema, out)
        made = _Search(search, axes, Task(space, names, ground, schema), writer)
        try:
            pieces = min(search.round, 8 if runner is not None else 2 * (workers or cores()))
            made.run(runner or threads(workers), pieces, progress or silent, cancelled or never)
        finally:
            writer.close()
        complete = made.asked >= search.trials
        table = writer.table(complete, {"excluded": made.excluded})
        return Table(table, names, search.trials, made.excluded, complete, out)


class _Search:
    """The rounds of one search, told or run."""

    def __init__(self, search: Search, axes: Sequence[Axis], task: Task, writer: Writer) -> None:
        self.search, self.axes, self.task, self.writer = search, axes, task, writer
        self.sampler = Sampler(search.method, search.signs, search.seed, search.round, axes, task.space)
        self.known: dict[tuple[Any, ...], tuple[float, ...] | None] = {}
        self.asked = self.excluded = 0

    def run(
        self, runner: Runner, pieces: int, progress: Callable[[float, str], None], cancelled: Callable[[], bool]
    ) -> None:
        left, total, number = self.writer.left(), self.search.trials, 0
        while self.asked < total and not cancelled():
            trials = self.sampler.ask(min(self.search.round, total - self.asked))
            points = [self.sampler.point(one) for one in trials]
            rows = left.get(number)
            if rows is None:
                rows = self._run(points, runner, pieces, cancelled)
                if rows is None:
                    return
                self.writer.add(number, rows, 0)
            elif rows.column("point").to_pylist() != list(self._fresh(points).numbers):
                raise SpaceError(
                    f"what an earlier try left beside {self.writer.path} is of other sets than this machine would ask for: "
                    "delete it and search anew"
                )
            self._learn(rows)
            for one, point in zip(trials, points, strict=True):
                self._tell(one, point)
            self.asked += len(trials)
            number += 1
            progress(self.asked / total, f"{self.asked:,} of {total:,} trials, {len(self.known):,} different sets run")

    def _fresh(self, points: Sequence[Point]) -> Piece:
        """The points that were not run before and may be, each once, under their trials' numbers."""
        found: dict[tuple[Any, ...], tuple[int, Point]] = {}
        for i, point in enumerate(points, self.asked):
            key = tuple(point.values())
            if key not in self.known and key not in found and keeps(self.task.space, point):
                found[key] = (i, point)
        return Piece([i for i, _ in found.values()], [point for _, point in found.values()])

    def _run(
        self, points: Sequence[Point], runner: Runner, pieces: int, cancelled: Callable[[], bool]
    ) -> pa.RecordBatch | None:
        """One batch of all that is new in a round; None where it was stopped before the end."""
        fresh = self._fresh(points)
        size = max(1, math.ceil(len(fresh.points) / pieces))
        cut = [slice(k, k + size) for k in range(0, len(fresh.points), size)]
        work = ((k, Piece(fresh.numbers[one], fresh.points[one])) for k, one in enumerate(cut))
        done = dict(one for one in runner(self.task, work, cancelled) if one is not None) if cut else {}
        if len(done) < len(cut):
            return None
        batches = [done[k][0] for k in range(len(cut))]
        joined = pa.Table.from_batches(batches, self.task.schema).combine_chunks().to_batches()
        return joined[0] if joined else pa.RecordBatch.from_pylist([], self.task.schema)

    def _learn(self, rows: pa.RecordBatch) -> None:
        """What came of a round's new sets; None for those whose objectives are undefined or that hardly trade."""
        table = Table(pa.Table.from_batches([rows]), self.task.names, 0, 0, True)
        values = np.stack([table.column(name).astype(np.float64) for name in self.search.names], axis=1)
        good = np.isfinite(values).all(axis=1) & (table.column("trades").astype(np.float64) >= self.search.least_trades)
        for i in range(len(table)):
            self.known[tuple(table.point(i).values())] = tuple(values[i].tolist()) if good[i] else None

    def _tell(self, trial: Any, point: Point) -> None:
        key = tuple(point.values())
        if key not in self.known:
            self.excluded += 1
        self.sampler.tell(trial, self.known.get(key), broken=key not in self.known)


def front(values: npt.NDArray[np.float64], signs: Sequence[int]) -> npt.NDArray[np.int64]:
    """Rows of values f8[k, 2] that no other row beats in both, in order of the first objective, its best first. Rows with an
    undefined value are none of them. Of equal rows the first."""
    wanted = values * np.asarray(signs, np.float64)
    rows = np.flatnonzero(np.isfinite(wanted).all(axis=1))
    order = rows[np.lexsort((-wanted[rows, 1], -wanted[rows, 0]))]
    best = np.maximum.accumulate(wanted[order, 1])
    return order[np.concatenate([[True], best[1:] > best[:-1]])] if order.size else order


def search_of(table: Table) -> Search | None:
    """The search that made a table; None for a grid's or a random one's."""
    told = table.facts.get("search")
    return Search.from_json(told) if told else None


def front_of(table: Table, search: Search) -> npt.NDArray[np.int64]:
    """Row numbers of the sets that are beaten in neither objective; of a search for one objective its best alone."""
    enough = table.column("trades").astype(np.float64) >= search.least_trades
    values = np.stack([table.column(name).astype(np.float64) for name in search.names], axis=1)
    values[~enough] = np.nan
    if values.shape[1] == 2:
        return front(values, search.signs)
    wanted = values[:, 0] * search.signs[0]
    return np.array([np.nanargmax(wanted)], np.int64) if np.isfinite(wanted).any() else np.zeros(0, np.int64)


def ranked(table: Table, metric: str, *, least: bool = False) -> npt.NDArray[np.int64]:
    """Row numbers by a statistic, best first; those that traded less than their search asked for after all others."""
    order, search = table.order(metric, least=least), search_of(table)
    if search is None:
        return order
    few = (table.column("trades") < search.least_trades)[order]
    return np.concatenate([order[~few], order[few]])


__all__ = ["METHODS", "Search", "axes_of", "front", "front_of", "optimise", "ranked", "search_key", "search_of"]
