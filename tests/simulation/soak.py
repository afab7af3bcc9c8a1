"""A day of exchange time through one living engine: memory, open files and threads stay what they were after the first hours.

The stream breaks and comes back, people send commands and edit; nobody kills the process. What the simulation itself
remembers is thrown away as it goes, so that what grows is the engine's.
"""

from __future__ import annotations

import gc
import os
import shutil
import threading
import tracemalloc
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from tests.simulation.many import room, template
from tests.simulation.market import Market
from tests.simulation.plan import MIDNIGHT, MINUTE, Chances, plan_of
from tests.simulation.run import Simulation

HOUR = 60 * MINUTE
CHANCES = Chances(
    twice=0.02, swapped=0.02, lost=0.002, garbage=0.01, silent=0.0005, gone=0.0005, untidy=0.2, command=0.01, edit=0.002,
    jump=0.001,
)  # fmt: skip
WARM_UP = 3
MOST_A_HOUR = 1.0
"""MB of growth; and so many of it that Python itself has allocated."""


@dataclass(frozen=True)
class Sample:
    """What the process uses at one hour: MB resident, MB that Python has allocated (0 untold), descriptors, threads."""

    hour: int
    resident: float
    allocated: float
    files: int
    threads: int


class Soak(Simulation):
    """One life, looked at every hour of exchange time."""

    most_turns = 1_000_000

    def __post_init__(self) -> None:
        super().__post_init__()
        self.samples: list[Sample] = []
        self._begin = self.time.now

    def turn(self) -> bool:
        if self.time.now >= self._begin + len(self.samples) * HOUR:
            self._forget()
            self.samples.append(_sample(len(self.samples)))
        return super().turn()

    def _forget(self) -> None:
        """The simulation's own memory: any minute of its market can be made again."""
        self.invariants.states.clear()
        _forget(self.market)


def _forget(market: Market) -> None:
    for walk in market._walks.values():
        for kept in (walk._minutes, walk._rows, walk._edges):
            kept.clear()


def _sample(hour: int) -> Sample:
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    allocated = tracemalloc.get_traced_memory()[0] / 1e6 if tracemalloc.is_tracing() else 0.0
    return Sample(
        hour,
        pages * os.sysconf("SC_PAGE_SIZE") / 1e6,
        allocated,
        len(os.listdir("/proc/self/fd")),
        threading.active_count(),
    )


def soak(seed: int = 1, hours: int = 24, traced: bool = False) -> Soak:
    """The day, to its proofs. `traced` counts what Python allocates too, at twice the time."""
    plan = plan_of(seed)
    head = {**plan.head, "losses": 0, "pause": 0, "halt": 0, "orders": 0}
    plan = replace(
        plan, head=head, chances=CHANCES, start_ms=MIDNIGHT + 5 * MINUTE, safety_ms=hours * HOUR, busy=0.25,
        commit_s=60.0, beat_s=10.0,
    )  # fmt: skip
    folder = room() / "soak"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    shutil.copy(template(), folder / "evenkeel.db")
    if traced:
        tracemalloc.start(1)
    life = Soak(plan, folder)
    try:
        life.live()
    finally:
        tracemalloc.stop()
    return life


def slope(samples: list[Sample], name: str) -> float:
    """MB an hour behind the warm-up, by least squares."""
    seen = [one for one in samples if one.hour >= WARM_UP]
    return float(np.polyfit([one.hour for one in seen], [getattr(one, name) for one in seen], 1)[0])


def judged(samples: list[Sample]) -> list[str]:
    """What did not stay flat, in words; nothing if all did."""
    after = [one for one in samples if one.hour >= WARM_UP]
    wrong = [
        f"{name} memory grows by {grown:.2f} MB an hour"
        for name in ("resident", "allocated")
        if (grown := slope(samples, name)) > MOST_A_HOUR
    ]
    for name in ("files", "threads"):
        counts = [getattr(one, name) for one in after]
        if max(counts) > counts[0] + 1:
            wrong.append(f"{name}: from {counts[0]} to {max(counts)}")
    return wrong
