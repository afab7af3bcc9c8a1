"""A print that comes twice is counted twice."""

from typing import Any

from engine.core.bars import FrameBuilder
from tests.simulation.bugs._market import seen_as_new

SAYS = "A print that comes twice is counted twice."


def plant(put: Any) -> None:
    put(FrameBuilder, "add", seen_as_new(FrameBuilder.add))
