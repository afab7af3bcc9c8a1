"""A commit does not wait for the tape."""

from typing import Any

from engine.market.tape import Tape

SAYS = "A commit does not wait for the tape."


def plant(put: Any) -> None:
    put(Tape, "sync", lambda self: None)
