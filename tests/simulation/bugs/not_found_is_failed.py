"""An order that is not found once counts as never placed."""

from typing import Any

from engine.venues.live.resolve import Resolver
from tests.simulation.bugs._lane import over_at_once

SAYS = "An order that is not found once counts as never placed."
LIVE = True


def plant(put: Any) -> None:
    put(Resolver, "_ask", over_at_once(Resolver._ask))
