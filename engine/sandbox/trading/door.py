"""The front of an exchange: every request comes through here, and so does what goes wrong with requests and answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from engine.sandbox.trading.matching import Matching
from engine.sandbox.trading.wire import Answer, Request, request


class Tongue(Protocol):
    """An exchange's language over one account."""

    @property
    def name(self) -> str: ...

    def respond(self, request: Request) -> Answer: ...

    def place_path(self, method: str, path: str) -> str: ...

    def private(self, method: str, path: str) -> bool: ...


class Door:
    """`handle` is the exchange. Time may come in any order; it never goes back."""

    def __init__(self, tongue: Tongue, matching: Matching) -> None:
        self.tongue, self.matching = tongue, matching

    def private(self, method: str, path: str) -> bool:
        """Whether a path needs a key."""
        return self.tongue.private(method, path)

    def handle(
        self, method: str, path: str, query: str, headers: Mapping[str, str], body: bytes, now_ms: int,
        wall_ms: int | None = None,
    ) -> Answer:  # fmt: skip
        """(status, headers, body) of one request that arrives at exchange time `now_ms`.

        `query` is the raw text after the question mark. `wall_ms`: the machine's time, by which a signature may be
        judged too; a client cannot sign for an exchange whose time runs faster than life.
        """
        self.matching.advance(now_ms)
        now = self.matching.venue.now
        return self.tongue.respond(request(method, path, query, headers, body, now, wall_ms))
