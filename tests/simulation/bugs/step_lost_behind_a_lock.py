"""What could not be committed is forgotten."""

from typing import Any

from engine.runtime.loop import _Loop
from tests.simulation.bugs._loop import forgetful

SAYS = "What could not be committed is forgotten."


def plant(put: Any) -> None:
    put(_Loop, "_commit", forgetful(_Loop._commit))
