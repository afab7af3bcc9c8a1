"""What came while a gap was asked for is thrown away."""

from typing import Any

from engine.market.assembler import Assembler
from tests.simulation.bugs._market import without_what_waited

SAYS = "What came while a gap was asked for is thrown away."


def plant(put: Any) -> None:
    put(Assembler, "_finish", without_what_waited(Assembler._finish))
