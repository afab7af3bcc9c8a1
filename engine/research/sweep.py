"""Many parameter sets over one study's candles: run in threads, kept as statistics, written as they come, resumable.

Every set is what a single backtest of it would be. Which sets is in engine.research.grid, how one is run in
engine.research.sweep_sets, the file in engine.research.sweep_table.
"""

from __future__ import annotations

import hashlib
import os
import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

import engine as evenkeel
from engine.core.setup import Setup
from engine.core.types import MS_YEAR
from engine.market.candles import Candles
from engine.market.quality import content_hash
from engine.research.grid import Points, checked
from engine.research.space import Excluded, Point, Space, SpaceError
from engine.research.study import Study
from engine.research.sweep_figures import figures_of, returns_of
from engine.research.sweep_ground import Ground
from engine.research.sweep_sets import Sets, Tallies, fits, plan_of
from engine.research.sweep_table import Table, Writer, batch, read_data, schema_of
from engine.strategies import catalog
from engine.strategies.base import Strategy, StrategyError

Progress = Callable[[float, str], None]
CHUNK, PLANS = 32, 256
MOST_DAILY = 256 << 20
"""Daily returns are kept, for PBO, where all of them take no more bytes."""


def sweep(
    study: Study,
    points: Points,
    candles: Mapping[str, Candles],
    workers: int | None = None,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
    out: Path | None = None,
    classes: Sequence[type[Strategy]] | None = None,
    force: bool = False,
) -> Table:
    """Run every point. `out` names the Arrow file; the same sweep goes on from what an earlier try left there.

    `progress(share, words)` is called as chunks are done; whatever it raises ends the sweep, what is done being kept.
    `classes`: the slots' strategies, where they are not the catalog's. SpaceError for no points or too many, ValueError for
    candles that do not fit; a set that cannot be run is a row with `error`.
    """
    total = checked(points, force=force)
    space = Space(study, classes)
    kinds = [space.find(name).kind for name in points.names]
    key = sweep_key(study, points, candles, space)
    if out is not None and out.exists():
        found = _finished(out, key, points)
        if found is not None:
            return found
    with Ground(study, candles) as ground:
        days = ground.days if total * ground.days * 8 <= MOST_DAILY else 0
        schema = schema_of(
            points.names, kinds, days, key, {"total": total, "title": study.title, "points": points.key()}
        )
        task = Task(space, points, ground, schema)
        writer = Writer(schema, out)
        try:
            _run(task, writer, workers or cores(), progress or _silent, cancelled or _never)
        finally:
            writer.close()
        complete = len(writer.done) == task.chunks
        return Table(writer.table(complete), points.names, total, sum(writer.done.values()), complete, out)


def sweep_key(study: Study, points: Points, candles: Mapping[str, Candles], space: Space) -> str:
    """16 hex digits that name what is computed: study, points, candles, the strategies' text and the kernel's."""
    digest = hashlib.sha256(f"{study.key()} {points.key()} {evenkeel.KERNEL_HASH}".encode())
    for one in study.setup.instruments:
        own = candles[one.symbol]
        digest.update(content_hash(own.ts, own.ohlcv).encode())
    for slot, cls in zip(study.setup.slots, space.classes, strict=True):
        digest.update(_text_of(slot.strategy, cls).encode())
    return digest.hexdigest()[:16]


def _text_of(name: str, cls: type[Strategy]) -> str:
    try:
        return catalog.source(name)[1]
    except StrategyError:  # a class given by hand, in a test or a notebook
        return cls.__qualname__


def cores() -> int:
    """Processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _finished(out: Path, key: str, points: Points) -> Table | None:
    try:
        data = read_data(out)
    except (pa.ArrowInvalid, OSError):
        return None
    if (data.schema.metadata or {}).get(b"evenkeel.sweep") != key.encode():
        return None
    total = len(points)
    return Table(data, points.names, total, total - data.num_rows, True, out)


# ---- one chunk -----------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Task:
    """The work, cut into chunks of points."""

    space: Space
    points: Points
    ground: Ground
    schema: pa.Schema

    @property
    def chunks(self) -> int:
        return -(-len(self.points) // self.size)

    @cached_property
    def size(self) -> int:
        """Points of a chunk: more where plans are evaluated many at a time."""
        return PLANS if len(self.space.classes) == 1 and hasattr(self.space.classes[0], "plan") else CHUNK

    def chunk(self, number: int, sets: Sets, stop: Callable[[], bool]) -> tuple[pa.RecordBatch, int] | None:
        """(rows, excluded) of one chunk; None if it was to stop."""
        numbers = range(number * self.size, min((number + 1) * self.size, len(self.points)))
        kept: list[tuple[int, Point, list[Strategy]]] = []
        for i in numbers:
            try:
                kept.append((i, self.points[i], self.space.strategies_at(self.points[i])))
            except Excluded:
                continue
        account = self.space.study.setup.account
        scale = float(1 / account.quantum)
        tallies = Tallies(len(kept), self.ground.days, account.cash_quanta / scale)
        errors: list[str | None] = [None] * len(kept)
        setups = [self.space.setup_at(point) for _, point, _ in kept]
        for k in self._alone(setups, [strategies for _, _, strategies in kept], sets, tallies):
            if stop():
                return None
            errors[k] = self._one(setups[k], kept[k][2], sets, tallies, k)
        rows = self._rows([(i, point) for i, point, _ in kept], tallies, errors, scale)
        return rows, len(numbers) - len(kept)

    def _alone(
        self, setups: list[Setup], strategies: list[list[Strategy]], sets: Sets, tallies: Tallies
    ) -> Sequence[int]:
        """The sets that are run one by one; those that declare plans have been run together when this returns."""
        every = range(len(setups))
        if self.size != PLANS or not all(fits(setup, self.ground) for setup in setups):
            return every
        plans = [plan_of(one) for (one,) in strategies]
        known = [plan for plan in plans if plan is not None]
        return sets.run_plans(setups, known, tallies) if len(known) == len(plans) else every

    @staticmethod
    def _one(setup: Setup, strategies: list[Strategy], sets: Sets, tallies: Tallies, k: int) -> str | None:
        try:
            sets.run(setup, strategies, tallies, k)
        except (ValueError, OverflowError) as error:
            tallies.again(k)
            return str(error)
        return None

    def _rows(self, kept: Sequence[tuple[int, Point]], tallies: Tallies, errors: Any, scale: float) -> pa.RecordBatch:
        ground = self.ground
        years = (ground.end - ground.start) / MS_YEAR
        columns: dict[str, Any] = figures_of(tallies.tallies, tallies.days, scale, years)
        failed = np.array([error is not None for error in errors], np.bool_)
        daily = returns_of(tallies.days)
        daily[failed] = np.nan
        for name, values in columns.items():
            columns[name] = np.where(failed, np.nan if values.dtype.kind == "f" else 0, values)
        columns |= {name: [point.get(name) for _, point in kept] for name in self.points.names}
        return batch(self.schema, {**columns, "point": [i for i, _ in kept], "error": errors}, daily)


# ---- threads -------------------------------------------------------------------------------------------------------------
def _run(task: Task, writer: Writer, workers: int, progress: Progress, cancelled: Callable[[], bool]) -> None:
    waiting = [number for number in range(task.chunks) if number not in writer.done]
    results: queue.SimpleQueue[tuple[int, Any]] = queue.SimpleQueue()
    numbers, lock, stop = iter(waiting), threading.Lock(), threading.Event()
    threads = [
        threading.Thread(target=_work, args=(task, numbers, lock, stop, results), name=f"sweep {i}", daemon=True)
        for i in range(min(workers, len(waiting)))
    ]
    for thread in threads:
        thread.start()
    try:
        _gather(task, writer, len(threads), results, stop, progress, cancelled)
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def _work(task: Task, numbers: Any, lock: Any, stop: threading.Event, results: Any) -> None:
    """Chunk after chunk; an answer for each, and None at the end. What goes wrong is told to whoever gathers."""
    try:
        sets = Sets(task.ground)
        while not stop.is_set():
            with lock:
                number = next(numbers, None)
            made = task.chunk(number, sets, stop.is_set) if number is not None else None
            if made is None:
                break
            results.put((number, made))
    except BaseException as error:
        results.put((-1, error))
    results.put((-1, None))


def _gather(
    task: Task, writer: Writer, working: int, results: Any, stop: Any, progress: Progress, cancelled: Callable[[], bool]
) -> None:
    total = len(task.points)
    while working:
        try:
            number, made = results.get(timeout=0.2)
        except queue.Empty:
            number, made = -2, None
        if made is None:
            working -= number == -1
        elif isinstance(made, BaseException):
            raise made
        else:
            writer.add(number, *made)
            done = min(len(writer.done) * task.size, total)
            progress(done / total, f"{done:,} of {total:,} parameter sets")
        if cancelled():
            stop.set()


def _silent(share: float, words: str) -> None:
    return


def _never() -> bool:
    return False


__all__ = ["CHUNK", "SpaceError", "Table", "Task", "cores", "sweep", "sweep_key"]
