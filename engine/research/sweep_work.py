"""One piece of a sweep: some points through Sets into rows of its table. The same in a thread here and on a cluster's machine.

Which points there are, who runs them and where the rows go is told elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa

from engine.core.setup import Setup
from engine.core.types import MS_YEAR
from engine.research.space import Excluded, Point, Space
from engine.research.sweep_figures import figures_of, returns_of
from engine.research.sweep_ground import Ground
from engine.research.sweep_sets import Sets, Tallies, fits, plan_of
from engine.research.sweep_table import batch
from engine.strategies.base import Strategy

CHUNK, PLANS = 32, 256
Made = tuple[pa.RecordBatch, int]
"""(rows, how many points broke a constraint)."""


@dataclass(frozen=True)
class Piece:
    """Points by their numbers."""

    numbers: Sequence[int]
    points: Sequence[Point]


@dataclass(frozen=True)
class Task:
    """What every piece of a sweep needs."""

    space: Space
    names: tuple[str, ...]
    ground: Ground
    schema: pa.Schema

    @cached_property
    def size(self) -> int:
        """Points of a piece: more where plans are evaluated many at a time."""
        return PLANS if len(self.space.classes) == 1 and hasattr(self.space.classes[0], "plan") else CHUNK

    def run(self, piece: Piece, sets: Sets, stop: Callable[[], bool]) -> Made | None:
        """The rows of one piece; None if it was to stop."""
        kept: list[tuple[int, Point, list[Strategy]]] = []
        for i, point in zip(piece.numbers, piece.points, strict=True):
            try:
                kept.append((i, point, self.space.strategies_at(point)))
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
        return rows, len(piece.points) - len(kept)

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
        columns |= {name: [point.get(name) for _, point in kept] for name in self.names}
        return batch(self.schema, {**columns, "point": [i for i, _ in kept], "error": errors}, daily)
