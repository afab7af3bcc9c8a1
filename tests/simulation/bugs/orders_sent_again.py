"""An order without an answer is sent once more."""

from typing import Any

from engine.venues.live.egress import Egress
from tests.simulation.bugs._lane import sent_again

SAYS = "An order without an answer is sent once more."
LIVE = True


def plant(put: Any) -> None:
    put(Egress, "place", sent_again(Egress.place))
