"""Exchange time: how it runs, when it stands still. The only place of the sandbox that reads a clock."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress

IDLE_S = 0.02
CATCH_UP_S = 0.1


class Clock:
    """Exchange time in ms UTC; `speed` exchange seconds pass in a second.

    `limit()` says how far it may go just now (slow clients, a hold); time it could not go is lost, but for a tenth of
    a second. It ends at `until` and stands there.
    """

    def __init__(self, start: int, speed: float, until: int | None, limit: Callable[[int], int | None],
                 wall: Callable[[], float] = time.monotonic) -> None:  # fmt: skip
        self.start, self.speed, self.until = start, speed, until
        self.now = start
        self.standing = False
        self.changed = asyncio.Event()
        self._limit, self._wall = limit, wall
        self._wake = asyncio.Event()
        self._exact, self._owed = float(start), 0.0

    def nudge(self) -> None:
        """What limits the clock may have changed: look again at once."""
        self._wake.set()

    @staticmethod
    def machine_ms() -> int:
        """This machine's time: what a client signs its requests with."""
        return int(time.time() * 1000)

    @property
    def ended(self) -> bool:
        return self.until is not None and self.now >= self.until

    def step(self, seconds: float) -> None:
        """Lets `seconds` of wall time pass."""
        # What a limit kept back for a moment is made up when it gives way; a longer wait is not.
        self._owed = min(self._owed + seconds * self.speed * 1000.0, CATCH_UP_S * self.speed * 1000.0)
        bounds = [bound for bound in (self._limit(self.now), self.until) if bound is not None]
        before = self._exact
        self._exact = max(before, min([before + self._owed, *map(float, bounds)]))
        self._owed -= self._exact - before
        moved = int(self._exact)
        self.standing = moved == self.now and self._owed > 0
        if moved > self.now:
            self.now = moved
            self.tell()

    def tell(self) -> None:
        """Wakes everybody who waits for `changed`."""
        self.changed.set()
        self.changed = asyncio.Event()

    async def run(self) -> None:
        """Goes on until cancelled."""
        last = self._wall()
        while True:
            # Not wait_for: on Python 3.11 it can swallow a cancellation.
            with suppress(TimeoutError):
                async with asyncio.timeout(IDLE_S):
                    await self._wake.wait()
            self._wake.clear()
            now = self._wall()
            self.step(now - last)
            last = now
