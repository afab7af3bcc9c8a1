"""A command is marked done when it is read."""

from typing import Any

from engine.runtime import inbox
from tests.simulation.bugs._loop import hasty

SAYS = "A command is marked done when it is read."


def plant(put: Any) -> None:
    put(inbox, "waiting", hasty(inbox.waiting))
