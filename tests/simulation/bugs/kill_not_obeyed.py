"""The kill latch is set and the loop does not look."""

from typing import Any

from engine.runtime import loop

SAYS = "The kill latch is set and the loop does not look."


def plant(put: Any) -> None:
    put(loop, "obey", lambda *_: None)
