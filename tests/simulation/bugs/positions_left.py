"""Positions that are closed stay in the ledger."""

from typing import Any

from engine.ledger import write
from tests.simulation.bugs._ledger import kept

SAYS = "Positions that are closed stay in the ledger."


def plant(put: Any) -> None:
    put(write, "replace_positions", kept)
