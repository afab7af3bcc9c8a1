"""A recovery numbers signals from one again."""

from typing import Any

from engine.runtime.trader import Trader
from tests.simulation.bugs._recovery import numbered_anew

SAYS = "A recovery numbers signals from one again."


def plant(put: Any) -> None:
    put(Trader, "restore", numbered_anew(Trader.restore))
