"""A recovery forgets where the stops stood."""

from typing import Any

from engine.runtime.trader import Trader
from tests.simulation.bugs._recovery import changed

SAYS = "A recovery forgets where the stops stood."


def plant(put: Any) -> None:
    put(Trader, "restore", changed(Trader.restore, "stop"))
