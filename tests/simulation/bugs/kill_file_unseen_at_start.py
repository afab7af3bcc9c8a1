"""A start does not look for the kill file."""

from typing import Any

from engine.runtime.kill import KillSwitch

SAYS = "A start does not look for the kill file."


def plant(put: Any) -> None:
    put(KillSwitch, "start", lambda self: None)
