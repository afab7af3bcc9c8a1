"""How long the loop's own steps take: the newest few hundred of each, kept in a ring. No clock is read but the stopwatch's.

Written and read on the loop's thread alone; others get copies through the health service.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from time import perf_counter

KEPT = 512
QUANTILES = {"p50": 0.5, "p99": 0.99}


class Ring:
    """The newest KEPT durations in seconds, and how many and how long all of them were."""

    def __init__(self) -> None:
        self._values = [0.0] * KEPT
        self.count = 0
        self.total = 0.0

    def add(self, seconds: float) -> None:
        self._values[self.count % KEPT] = seconds
        self.count += 1
        self.total += seconds

    def told(self) -> dict[str, float]:
        """{"p50", "p99", "max"} of the newest in ms by the nearest rank, "count" and "total_s" of all; {} without any."""
        kept = min(self.count, KEPT)
        if not kept:
            return {}
        ordered = sorted(self._values[:kept])
        ranks = {name: ordered[min(int(share * kept), kept - 1)] for name, share in QUANTILES.items()}
        found = {name: round(value * 1000, 3) for name, value in {**ranks, "max": ordered[-1]}.items()}
        return {**found, "count": self.count, "total_s": round(self.total, 6)}


class Timings:
    """`decision`: from a frame's arrival in the engine's queue to the decisions on the bar it closed. `to_commit`: from there
    until they are in the database. `commit`: one transaction, the tape's sync included. `turn`: how long the loop was busy,
    which is what a command waits at most."""

    def __init__(self, stopwatch: Callable[[], float] = perf_counter) -> None:
        self.stopwatch = stopwatch
        self.decision, self.to_commit, self.commit, self.turn = Ring(), Ring(), Ring(), Ring()
        self._closed = 0
        self._decided = 0.0

    def taken(self, arrived: float, closed_bars: int) -> None:
        """An event that came into the queue at `arrived` has been taken; the step under way has now closed so many bars."""
        if closed_bars > self._closed:
            now = self.stopwatch()
            self.decision.add(now - arrived)
            self._decided = self._decided or now
            self._closed = closed_bars

    def committed(self, begun: float) -> None:
        """A transaction that began at `begun` has landed."""
        now = self.stopwatch()
        self.commit.add(now - begun)
        if self._decided:
            self.to_commit.add(now - self._decided)
        self._closed, self._decided = 0, 0.0

    def told(self) -> Mapping[str, Mapping[str, float]]:
        """What each ring says, by name; rings without values are left out."""
        rings = {"decision": self.decision, "to_commit": self.to_commit, "commit": self.commit, "turn": self.turn}
        return {name: told for name, ring in rings.items() if (told := ring.told())}
