"""When a provider is left alone: as long as it asks to be, and half an hour after five failures in a row or without credit. After
that one call tries again. No clock of its own, no I/O."""

from __future__ import annotations

import threading
from collections.abc import Callable

IN_A_ROW, REST_S = 5, 1800.0


class Pace:
    """Safe on several threads. `clock` gives seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock = clock
        self._lock = threading.Lock()
        self._failed, self._until, self._why = 0, float("-inf"), ""

    def heard(self, outcome: str, wait_s: float) -> None:
        """How a call ended."""
        with self._lock:
            if outcome in ("answered", "abstained"):
                self._failed = 0
                return
            self._failed += 1
            if outcome in ("no_credit", "no_model") or self._failed >= IN_A_ROW:
                wait_s = REST_S
                self._why = (
                    f"left alone for {REST_S / 60:.0f} minutes after {self._failed} failures in a row ({outcome})"
                )
            elif wait_s:
                self._why = f"the provider asked to be left alone for {wait_s:g} s"
            if wait_s:
                self._until = max(self._until, self.clock() + wait_s)
                self._failed = min(self._failed, IN_A_ROW - 1)  # the next call tries; if it fails too, another rest

    def against(self) -> str:
        """Why nothing is asked now; empty where it may be."""
        with self._lock:
            return self._why if self.clock() < self._until else ""

    def forget(self) -> None:
        """The settings have changed: try again."""
        with self._lock:
            self._failed, self._until = 0, float("-inf")
