"""A command that has acted and is not committed yet is read again."""

from typing import Any

from engine.runtime import inbox
from tests.simulation.bugs._loop import unaware

SAYS = "A command that has acted and is not committed yet is read again."


def plant(put: Any) -> None:
    put(inbox, "waiting", unaware(inbox.waiting))
