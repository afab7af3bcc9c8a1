"""What a full disk did not take is thrown away."""

from typing import Any

from engine.market.tape import Tape
from tests.simulation.bugs._tape import forgetful

SAYS = "What a full disk did not take is thrown away."


def plant(put: Any) -> None:
    put(Tape, "_drain", forgetful(Tape._drain))
