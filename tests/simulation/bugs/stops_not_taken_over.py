"""Stops that a former life sent are not looked after by the next."""

from typing import Any

from engine.venues.live.mirror import Mirror
from tests.simulation.bugs._lane import only_memory

SAYS = "Stops that a former life sent are not looked after by the next."
LIVE = True


def plant(put: Any) -> None:
    put(Mirror, "read", only_memory(Mirror.read))
