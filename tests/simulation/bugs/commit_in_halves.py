"""Fills and the snapshot behind them are two transactions."""

from typing import Any

from engine.runtime.recorder import Recorder
from tests.simulation.bugs._snapshots import in_halves

SAYS = "Fills and the snapshot behind them are two transactions."


def plant(put: Any) -> None:
    put(Recorder, "_write_snapshot", in_halves(Recorder._write_snapshot))
