"""An order without an answer counts as refused."""

from typing import Any

from engine.venues.live.lane import Lane
from tests.simulation.bugs._lane import unknown_is_refused

SAYS = "An order without an answer counts as refused."
LIVE = True


def plant(put: Any) -> None:
    put(Lane, "_send", unknown_is_refused(Lane._send))
