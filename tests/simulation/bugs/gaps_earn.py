"""What was decided on back-filled bars is traded."""

from typing import Any

from engine.runtime.trader import Trader
from tests.simulation.bugs._market import as_if_live

SAYS = "What was decided on back-filled bars is traded."


def plant(put: Any) -> None:
    put(Trader, "_number", as_if_live(Trader._number))
