"""The time of a simulation: seconds that pass only when the schedule, or somebody who waits, lets them.

The machine's clock may be wrong and jump; the market's own time is right. Nothing here waits for anything.
"""

from __future__ import annotations

from engine.runtime.clock import Clock


class Time:
    """`now` is exchange time in ms UTC; the machine's clock is `skew_ms` off; `monotonic` never goes back."""

    def __init__(self, start_ms: int) -> None:
        self.now = start_ms
        self.skew_ms = 0
        self._passed = 0.0

    def clock(self) -> Clock:
        return Clock(self.monotonic, self.monotonic, self.wall_ms, self.sleep)

    def monotonic(self) -> float:
        return 1000.0 + self._passed

    def wall_ms(self) -> int:
        return self.now + self.skew_ms

    def sleep(self, seconds: float) -> None:
        """Time passes for this machine alone; the market catches up at the schedule's next step."""
        self._passed += seconds

    def advance(self, ms: int) -> None:
        """The market goes on by so much, and this machine's steady clock with it."""
        self.now += ms
        self._passed += ms / 1000
