"""A snapshot names the place on the tape that the one before it had."""

from typing import Any

from engine.runtime.recorder import Recorder
from tests.simulation.bugs._snapshots import late

SAYS = "A snapshot names the place on the tape that the one before it had."


def plant(put: Any) -> None:
    put(Recorder, "_write_snapshot", late(Recorder._write_snapshot))
