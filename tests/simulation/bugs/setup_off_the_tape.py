"""An edited configuration acts without an event of the tape."""

from typing import Any

from engine.runtime.desk import Desk
from tests.simulation.bugs._loop import unrecorded

SAYS = "An edited configuration acts without an event of the tape."


def plant(put: Any) -> None:
    put(Desk, "event", unrecorded(Desk.event))
