"""How often a token may ask: so many requests a minute, and as many at once. Pure but for a lock; `now` is steady, in s."""

from __future__ import annotations

import math
import threading

MOST = 1000
"""Names remembered: there are as many as tokens."""


class Pace:
    """A bucket for each name, filled at `per_minute`; 0 lets everything through."""

    def __init__(self, per_minute: int) -> None:
        self.per_minute = per_minute
        self._left: dict[str, tuple[float, float]] = {}
        self._lock = threading.Lock()

    def wait(self, name: str, now: float) -> int:
        """0 where a request may be made now, which is counted; else the whole seconds until the next may."""
        if not self.per_minute:
            return 0
        with self._lock:
            left, at = self._left.get(name, (float(self.per_minute), now))
            left = min(left + max(now - at, 0.0) * self.per_minute / 60, float(self.per_minute))
            if name not in self._left and len(self._left) >= MOST:
                self._left.clear()
            if left < 1.0 - 1e-9:
                self._left[name] = (left, now)
                return max(1, math.ceil((1.0 - left) * 60 / self.per_minute))
            self._left[name] = (left - 1.0, now)
            return 0
