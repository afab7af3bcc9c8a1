"""Missing sequence numbers are not looked at."""

from typing import Any

from engine.market.feeds._socket import Continuity

SAYS = "Missing sequence numbers are not looked at."


def plant(put: Any) -> None:
    put(Continuity, "_number", lambda self, event: None)
