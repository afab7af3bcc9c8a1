"""A port that counts the answers which say nothing, those that cannot be among them: the lane's questions go through it, and so
do its orders.

What a count brings about is the limits'; nothing is changed, kept back or asked again here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from engine.venues.live.weigh import Weighed
from engine.venues.port import Port, Refused, Unknown

UNCOUNTED = ("flows_since", "permissions", "fees")
"""Not every key and venue tells these; nothing that is traded depends on them."""

KEY = ("auth", "permission")


class Listening:
    """`unanswered`: requests since the process began that brought no answer, or that the venue refused because of the key."""

    def __init__(self, port: Port) -> None:
        self._port = port
        self.unanswered = 0

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._port, name)
        return self._counted(found) if callable(found) and name not in UNCOUNTED else found

    def _counted(self, ask: Callable[..., Any]) -> Callable[..., Any]:
        def asked(*words: Any, **named: Any) -> Any:
            answer = ask(*words, **named)
            if isinstance(answer, Unknown) or (isinstance(answer, Refused) and answer.reason in KEY):
                self.unanswered += 1
            return answer

        return asked


def heard(port: Port) -> tuple[Port, Listening]:
    """The port as the lane takes it, and its count."""
    listening = Listening(cast(Port, Weighed(port)))
    return cast(Port, listening), listening
