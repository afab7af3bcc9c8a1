"""Every other commit leaves its snapshot out."""

from typing import Any

from engine.runtime.recorder import Recorder
from tests.simulation.bugs._snapshots import every_other

SAYS = "Every other commit leaves its snapshot out."


def plant(put: Any) -> None:
    put(Recorder, "_write_snapshot", every_other(Recorder._write_snapshot))
