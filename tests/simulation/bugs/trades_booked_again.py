"""Trades that the exchange lists once more are booked once more."""

from typing import Any

from engine.venues.live.mirror import Mirror
from tests.simulation.bugs._lane import none_known

SAYS = "Trades that the exchange lists once more are booked once more."
LIVE = True


def plant(put: Any) -> None:
    put(Mirror, "booked", none_known(Mirror.booked))
