"""A start clears what a person had latched."""

from typing import Any

from engine.runtime.trader import Trader
from tests.simulation.bugs._recovery import unlatched

SAYS = "A start clears what a person had latched."


def plant(put: Any) -> None:
    put(Trader, "restore", unlatched(Trader.restore))
