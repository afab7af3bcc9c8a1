"""The time a run lives by, as one object that is handed in: a simulation gives another. Exchange time is not in here."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass


def wall_ms() -> int:
    """This machine's clock, ms UTC."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True)
class Clock:
    """`monotonic` and `stopwatch` count seconds from any zero, `wall_ms` is ms UTC, `sleep` waits so many seconds."""

    monotonic: Callable[[], float] = time.monotonic
    stopwatch: Callable[[], float] = time.perf_counter
    wall_ms: Callable[[], int] = wall_ms
    sleep: Callable[[float], None] = time.sleep


REAL = Clock()
