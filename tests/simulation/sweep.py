"""One short run, lived once for each of its storage calls (or every Nth), with that one call failed: SQLite's own method.

The run has a market, a death and a recovery in it and no other fault, so that what goes wrong is the call's.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.simulation.faults import fits
from tests.simulation.many import room, template
from tests.simulation.plan import MINUTE, Chances, Plan, plan_of
from tests.simulation.run import Simulation

KINDS = ("full", "broken", "busy")
DIES_AT = 45
"""The turn at which the process is killed, once."""


class Swept(Simulation):
    """A run that is killed once; its storage call `number` fails."""

    def __init__(self, plan: Plan, folder: Path, number: int, kind: str) -> None:
        super().__init__(plan, folder)
        self.faults.fail_at = number, kind

    def turn(self) -> bool:
        if self.turns == DIES_AT and not self.struck["kill at the sweep"] and not self.calm:
            self.die("the sweep")
        return super().turn()


def plan_for(seed: int) -> Plan:
    """The seed's account and market, without its faults, and shorter."""
    plan = plan_of(seed)
    return replace(plan, chances=Chances(), network=(0.0, 0.0), safety_ms=3 * MINUTE, busy=0.25, commit_s=5.0)


def lived(plan: Plan, number: int, kind: str) -> Swept:
    """The run with this call failed, to its proofs. Number 0 fails none."""
    folder = room() / "swept"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    shutil.copy(template(), folder / "evenkeel.db")
    life = Swept(plan, folder, number, kind)
    life.live()
    return life


def calls_of(plan: Plan) -> list[str]:
    """The storage calls of the run by name, in order, as far as they can fail."""
    names: list[str] = []

    class Noted(Swept):
        def _storage(self, name: str) -> None:
            if not self.dead and not self.calm:
                names.append(name)
            super()._storage(name)

    folder = room() / "swept"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    shutil.copy(template(), folder / "evenkeel.db")
    Noted(plan, folder, 0, "").live()
    return names


def cases(seed: int, stride: int = 1, first: int = 1) -> tuple[Plan, list[tuple[int, str]]]:
    """(number, kind) of every failure of the sweep: each Nth call, by all kinds that can befall a call of its name if stride
    is one, by one of them in turn otherwise."""
    plan, found = plan_for(seed), list[tuple[int, str]]()
    for place, number in enumerate(range(first, len(names := calls_of(plan)) + 1, stride)):
        kinds = [kind for kind in KINDS if fits(names[number - 1], kind)]
        found += [(number, kind) for kind in (kinds if stride == 1 else [kinds[place % len(kinds)]])]
    return plan, found


def sweep(seed: int, stride: int = 1, first: int = 1) -> Iterator[tuple[int, str, Any]]:
    """Each failure with what was struck in its run, or the exception that says what did not hold."""
    plan, wanted = cases(seed, stride, first)
    for number, kind in wanted:
        try:
            yield number, kind, Counter(lived(plan, number, kind).struck)
        except Exception as error:
            yield number, kind, error
