"""An order that waited goes out while its commit is still to come."""

from typing import Any

from engine.venues.live.egress import Egress
from engine.venues.live.lane import Lane
from tests.simulation.bugs._lane import at_once, sent_meanwhile

SAYS = "An order that waited goes out while its commit is still to come."
LIVE = True


def plant(put: Any) -> None:
    put(Egress, "place", at_once(Egress.place))
    put(Lane, "_second", sent_meanwhile(Lane._second))
