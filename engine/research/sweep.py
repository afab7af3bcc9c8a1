"""Many parameter sets over one study's candles: run in threads, kept as statistics, written as they come, resumable.

Every set is what a single backtest of it would be. Which sets is in engine.research.grid, how one is run in
engine.research.sweep_sets, the file in engine.research.sweep_table.
"""

from __future__ import annotations

import hashlib
import os
import queue
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa

import engine as evenkeel
from engine.market.candles import Candles
from engine.market.quality import content_hash
from engine.research.grid import Points, checked
from engine.research.space import Space, SpaceError
from engine.research.study import Study
from engine.research.sweep_ground import Ground
from engine.research.sweep_sets import Sets
from engine.research.sweep_table import Table, Writer, read_data, schema_of
from engine.research.sweep_work import Made, Piece, Task
from engine.strategies import catalog
from engine.strategies.base import Strategy, StrategyError

Progress = Callable[[float, str], None]
MOST_DAILY = 256 << 20
"""Daily returns are kept, for PBO, where all of them take no more bytes."""


class Runner(Protocol):
    """Who runs pieces: `threads` here, or engine.research.cluster."""

    def __call__(
        self, task: Task, pieces: Iterator[tuple[int, Piece]], stopped: Callable[[], bool]
    ) -> Iterator[tuple[int, Made] | None]:
        """(number, rows) of pieces as they are done, in any order; None now and then while none is. Ends early once
        `stopped`. Closing it ends whatever still runs."""
        ...


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
    runner: Runner | None = None,
) -> Table:
    """Run every point. `out` names the Arrow file; the same sweep goes on from what an earlier try left there.

    `progress(share, words)` is called as pieces are done; whatever it raises ends the sweep, what is done being kept.
    `classes`: the slots' strategies, where they are not the catalog's. `runner`: who runs them, by default `workers` threads.
    SpaceError for no points or too many, ValueError for candles that do not fit; a set that cannot be run is a row with
    `error`.
    """
    total = checked(points, force=force)
    space = Space(study, classes)
    kinds = [space.find(name).kind for name in points.names]
    key = sweep_key(study, points, candles, space)
    if out is not None and out.exists():
        found = finished(out, key)
        if found is not None:
            return found
    with Ground(study, candles) as ground:
        days = kept_days(ground, total)
        facts = {"total": total, "title": study.title, "points": points.key(), "names": points.names}
        schema = schema_of(points.names, kinds, days, key, facts)
        task = Task(space, points.names, ground, schema)
        writer = Writer(schema, out)
        try:
            _run(Sweep(task, points, total), writer, runner or threads(workers), progress or silent, cancelled or never)
        finally:
            writer.close()
        complete = len(writer.done) == -(-total // task.size)
        return Table(writer.table(complete), points.names, total, sum(writer.done.values()), complete, out)


def kept_days(ground: Ground, sets: int) -> int:
    """How many daily returns a set's row has: all, or none where they would take too much room."""
    return ground.days if sets * ground.days * 8 <= MOST_DAILY else 0


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


def finished(out: Path, key: str) -> Table | None:
    """The finished table of the sweep of this key, where `out` holds it."""
    try:
        data = read_data(out)
        same = (data.schema.metadata or {}).get(b"evenkeel.sweep") == key.encode()
        return Table.of(data, out) if same else None
    except (pa.ArrowInvalid, OSError, KeyError):
        return None


@dataclass(frozen=True)
class Sweep:
    """Points cut into pieces; a piece's number times its size is its first point's."""

    task: Task
    points: Points
    total: int

    @cached_property
    def pieces(self) -> int:
        return -(-self.total // self.task.size)

    def piece(self, number: int) -> Piece:
        own = range(number * self.task.size, min((number + 1) * self.task.size, self.total))
        return Piece(own, [self.points[i] for i in own])


def _run(one: Sweep, writer: Writer, runner: Runner, progress: Progress, cancelled: Callable[[], bool]) -> None:
    waiting = ((number, one.piece(number)) for number in range(one.pieces) if number not in writer.done)
    done = runner(one.task, waiting, cancelled)
    try:
        for made in done:
            if made is None:
                continue
            writer.add(made[0], *made[1])
            sets = min(len(writer.done) * one.task.size, one.total)
            progress(sets / one.total, f"{sets:,} of {one.total:,} parameter sets")
    finally:
        done.close()  # type: ignore[attr-defined]


# ---- threads -------------------------------------------------------------------------------------------------------------
def threads(workers: int | None = None) -> Runner:
    """Threads of this process, by default one a processor."""

    def run(
        task: Task, pieces: Iterator[tuple[int, Piece]], stopped: Callable[[], bool]
    ) -> Iterator[tuple[int, Made] | None]:
        results: queue.SimpleQueue[tuple[int, Any]] = queue.SimpleQueue()
        lock, stop = threading.Lock(), threading.Event()
        started = [
            threading.Thread(target=_work, args=(task, pieces, lock, stop, results), name=f"sweep {i}", daemon=True)
            for i in range(workers or cores())
        ]
        for thread in started:
            thread.start()
        try:
            yield from _answers(len(started), results, stop, stopped)
        finally:
            stop.set()
            for thread in started:
                thread.join()

    return run


def _work(task: Task, pieces: Iterator[tuple[int, Piece]], lock: Any, stop: threading.Event, results: Any) -> None:
    """Piece after piece; an answer for each, and None at the end. What goes wrong is told to whoever gathers."""
    try:
        sets = Sets(task.ground)
        while not stop.is_set():
            with lock:
                own = next(pieces, None)
            made = task.run(own[1], sets, stop.is_set) if own is not None else None
            if own is None or made is None:
                break
            results.put((own[0], made))
    except BaseException as error:
        results.put((-1, error))
    results.put((-1, None))


def _answers(working: int, results: Any, stop: Any, stopped: Callable[[], bool]) -> Iterator[tuple[int, Made] | None]:
    while working:
        try:
            number, made = results.get(timeout=0.2)
        except queue.Empty:
            number, made = -2, None
        if isinstance(made, BaseException):
            raise made
        working -= number == -1
        yield (number, made) if made is not None else None
        if stopped():
            stop.set()


def silent(share: float, words: str) -> None:
    """Progress that nobody hears."""


def never() -> bool:
    return False


__all__ = ["Runner", "SpaceError", "Table", "cores", "finished", "kept_days", "sweep", "sweep_key", "threads"]
