"""How work is put on a thread of its own. One function, so that a simulation may give another that has no threads."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Protocol


class Job(Protocol):
    """Work under way."""

    def is_alive(self) -> bool: ...
    def join(self, timeout: float | None = None) -> None: ...


Spawn = Callable[[str, Callable[[], None]], Job]
"""Begins `work` under a name and returns at once."""
Wait = Callable[[threading.Condition, Callable[[], bool], float], bool]
"""Waits on a held condition until something is true, at most so many seconds; whether it is."""


def spawn(name: str, work: Callable[[], None]) -> Job:
    """A thread that does not keep the process alive."""
    thread = threading.Thread(target=work, name=name, daemon=True)
    thread.start()
    return thread


def wait(condition: threading.Condition, ready: Callable[[], bool], seconds: float) -> bool:
    """Let others go on meanwhile."""
    return condition.wait_for(ready, seconds)
