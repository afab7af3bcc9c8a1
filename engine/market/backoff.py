"""How long to wait before the next try: full jitter, doubling from one second to sixty."""

from __future__ import annotations

import random


class Backoff:
    """Waits drawn uniformly from 0 to a ceiling that doubles from 1 s to 60 s with each failure.

    `pace` is how many exchange seconds pass in one of ours (an accelerated sandbox): waits shrink by it, down to 20 ms.
    `rng` makes the draws repeatable in tests.
    """

    def __init__(
        self, pace: float = 1.0, rng: random.Random | None = None, first: float = 1.0, most: float = 60.0
    ) -> None:
        self.pace, self.first, self.most = max(pace, 1e-6), first, most
        self.failures = 0
        self._rng = rng or random.Random()

    def next(self) -> float:
        """Seconds to wait now; counts one failure."""
        ceiling = min(self.most, self.first * 2.0 ** min(self.failures, 30))
        self.failures += 1
        return max(self._rng.uniform(0.0, ceiling) / self.pace, 0.02)

    def reset(self) -> None:
        """What was failing works again."""
        self.failures = 0
