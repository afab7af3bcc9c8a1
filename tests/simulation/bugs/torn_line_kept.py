"""A tape with a torn last line is gone on with as it is."""

from typing import Any

from engine.market.tape import Tape
from tests.simulation.bugs._tape import opened_as_it_is

SAYS = "A tape with a torn last line is gone on with as it is."


def plant(put: Any) -> None:
    put(Tape, "open", opened_as_it_is)
