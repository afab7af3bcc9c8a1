"""The ledger's fees are rounded to cents."""

from typing import Any

from engine.ledger import write
from tests.simulation.bugs._ledger import cents

SAYS = "The ledger's fees are rounded to cents."


def plant(put: Any) -> None:
    put(write, "write_rows", cents(write.write_rows))
