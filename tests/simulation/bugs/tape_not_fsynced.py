"""The tape is given to the system, and never synced to the disk."""

from typing import Any

from engine.market.tape import Tape

SAYS = "The tape is given to the system, and never synced to the disk."


def plant(put: Any) -> None:
    put(Tape, "_fsync", lambda self: None)
