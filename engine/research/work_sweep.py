"""A sweep or a search as a job: the last fifth of the candles stays sealed, every set is counted as tried, those of a job that is
cancelled or fails among them, and the table outlives the worker.

What a sweep is stands in engine.research.sweep; here it gets its candles, its file and its place in the lineage.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from engine.market.candles import Candles
from engine.market.store import Store
from engine.research import lab
from engine.research.grid import Grid, Points, checked, drawn
from engine.research.optimise import Search, axes_of, optimise, search_key
from engine.research.seal import span_of, unsealed_all
from engine.research.space import Space, SpaceError
from engine.research.study import Study
from engine.research.sweep import sweep, sweep_key
from engine.research.sweep_doubt import Judged, count, judge
from engine.research.sweep_table import Table, partial, read_data


def points_of(study: Study, axes: Sequence[str], draws: int = 0, seed: int = 0) -> Points:
    """Every combination of axes such as `fast=5:50:5`, or `draws` of them at random. SpaceError in a sentence, also for more than
    a million."""
    space = Space(study)
    grid = Grid.of(space, axes)
    checked(grid, force=bool(draws))
    return drawn(space, grid.axes, draws, seed) if draws else grid


def size_of(study: Study, axes: Sequence[str], draws: int = 0, search: Search | None = None) -> int:
    """How many sets are asked for, at most; nothing is drawn yet. SpaceError in a sentence where there are none."""
    space = Space(study)
    if search is not None:
        if not axes:
            raise SpaceError("there is no axis: choose at least one thing to vary")
        axes_of(space, axes)
        return search.trials
    count = checked(Grid.of(space, axes), force=True)
    return min(draws, count) if draws else count


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
    search: Mapping[str, Any] | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    """Sweep, or search where `search` (of Search.to_json) is given; count what was tried, and say where the table is."""
    progress(0.0, "reading the candles")
    candles = unsealed_all(lab.load(study, store))
    first, last = span_of(candles)
    origin, made = ("sweep", _sweep) if search is None else ("optimise", _search)
    file, go = made(study, axes, candles, draws, seed, search)
    out = folder / file
    try:
        table = go(progress, cancelled, out)
    except BaseException:
        left = partial(out)
        if left is not None:
            count(engine, study, left, (first, last), origin, job_id)
        raise
    count(engine, study, table, (first, last), origin, job_id)
    facts = {"file": file, "names": list(table.names), "rows": len(table), "total": table.total}
    return {**facts, "excluded": table.excluded, "failed": table.failed, "from_ts": first, "to_ts": last,
            "search": search}  # fmt: skip


Go = Callable[[Callable[[float, str], None], Callable[[], bool], Path], Table]


def _sweep(
    study: Study,
    axes: Sequence[str],
    candles: Mapping[str, Candles],
    draws: int,
    seed: int,
    _: Mapping[str, Any] | None,
) -> tuple[str, Go]:
    points = points_of(study, axes, draws, seed)
    file = f"{sweep_key(study, points, candles, Space(study))}.arrow"
    return file, lambda progress, cancelled, out: sweep(
        study, points, candles, progress=progress, cancelled=cancelled, out=out, force=True
    )


def _search(
    study: Study,
    axes: Sequence[str],
    candles: Mapping[str, Candles],
    draws: int,
    seed: int,
    told: Mapping[str, Any] | None,
) -> tuple[str, Go]:
    search = Search.from_json(told or {})
    file = f"{search_key(study, axes, candles, search)}.arrow"
    return file, lambda progress, cancelled, out: optimise(
        study, axes, candles, search, progress=progress, cancelled=cancelled, out=out
    )


def table_of(result: Mapping[str, Any], folder: Path) -> Table:
    """The table of a finished sweep. OSError where its file is gone."""
    path = folder / str(result["file"])
    return Table(read_data(path), tuple(result["names"]), int(result["total"]), int(result["excluded"]), True, path)


def set_of(study: Study, point: Mapping[str, Any], result: Mapping[str, Any]) -> Study:
    """The study of one set, over the candles that the sweep saw."""
    return replace(Space(study).at(point), from_ts=int(result["from_ts"]), to_ts=int(result["to_ts"]))


def doubted(
    study: Study, point: Mapping[str, Any], table: Table, result: Mapping[str, Any], store: Store, engine: Engine
) -> Judged:
    """One set played alone, and every reason to doubt it: it was chosen from all that was ever tried on these candles."""
    seen = replace(study, from_ts=int(result["from_ts"]), to_ts=int(result["to_ts"]))
    return judge(seen, point, lab.load(seen, store), table, engine)
