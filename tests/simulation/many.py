"""Many seeds: each process has a folder on the fastest disk there is and one template database; failures name their command."""

from __future__ import annotations

import atexit
import logging
import multiprocessing
import os
import shutil
import tempfile
import traceback
from collections.abc import Iterable
from functools import cache, partial
from pathlib import Path

from db.session import migrate, open_engine
from tests.simulation import bugs
from tests.simulation.plan import plan_of
from tests.simulation.run import Outcome, run


class Violated(AssertionError):
    """Seeds in which something did not hold."""


@cache
def room() -> Path:
    """This process's own folder, in memory where the system has such a place; gone with the process."""
    memory = Path("/dev/shm")
    place = memory if memory.is_dir() and os.access(memory, os.W_OK) else None
    made = Path(tempfile.mkdtemp(prefix="evenkeel-simulation-", dir=place))
    atexit.register(_leave, os.getpid(), made)
    return made


def _leave(process: int, folder: Path) -> None:
    if os.getpid() == process:
        shutil.rmtree(folder, ignore_errors=True)


@cache
def template() -> Path:
    """An empty database of the present schema."""
    path = room() / "template.db"
    engine = open_engine(f"sqlite:///{path}")
    migrate(engine)
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    engine.dispose()
    return path


def live(seed: int, bug: str = "") -> Outcome:
    """One seed to its end, on an engine with the seeded bug `bug`, if any; AssertionError where something did not hold."""
    folder = room() / f"life-{os.getpid()}"
    with bugs.planted(bug):
        outcome = run(plan_of(seed), folder, template())
    shutil.rmtree(folder)
    return outcome


def command(seed: int, bug: str = "") -> str:
    """What repeats a seed."""
    return f"python -m tests.simulation --seed {seed}" + (f" --bug {bug}" if bug else "")


def tried(seed: int, bug: str = "") -> Outcome | str:
    """The outcome, or the words of what went wrong with the command that repeats it."""
    try:
        return live(seed, bug)
    except Exception as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        return f"{command(seed, bug)}\n    {type(error).__name__}: {str(error)[:300]} ({where.name})"


def quiet() -> None:
    """The engine's own words are those of a thousand catastrophes."""
    for name in ("evenkeel", "engine"):
        logging.getLogger(name).setLevel("CRITICAL")


def live_all(seeds: Iterable[int], *, workers: int | None = None, bug: str = "") -> list[Outcome]:
    """Every seed, in order; Violated with the command of each that failed."""
    told = list(each(seeds, workers=workers, bug=bug))
    failed = [one for one in told if isinstance(one, str)]
    if failed:
        raise Violated(f"{len(failed)} of {len(told)} seeds failed; each line repeats one:\n" + "\n".join(failed[:20]))
    return [one for one in told if isinstance(one, Outcome)]


def each(seeds: Iterable[int], *, workers: int | None = None, bug: str = "") -> Iterable[Outcome | str]:
    """Outcomes in order, by processes of their own where there is more than one processor."""
    number = workers or len(os.sched_getaffinity(0))
    quiet()
    if number == 1:
        yield from (tried(seed, bug) for seed in seeds)
        return
    template()
    # A fresh interpreter each: a fork of a process that has threads may inherit their locks.
    with multiprocessing.get_context("spawn").Pool(number, quiet) as pool:
        yield from pool.imap(partial(tried, bug=bug), list(seeds), chunksize=4)
