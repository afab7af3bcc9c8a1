"""A recovery begins the running bar anew."""

from typing import Any

from engine.runtime.trader import Trader
from tests.simulation.bugs._recovery import without_open_bars

SAYS = "A recovery begins the running bar anew."


def plant(put: Any) -> None:
    put(Trader, "restore", without_open_bars(Trader.restore))
