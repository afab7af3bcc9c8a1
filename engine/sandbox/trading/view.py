"""What a reader is shown: the venue as of now, or as of a while ago where its readings lag."""

from __future__ import annotations

from collections.abc import Callable


class View:
    """`lag(what)` is how many ms behind a reading of `orders`, `trades`, `balances` or `transfers` is; 0 unless faults say."""

    def __init__(self, lag: Callable[[str], int] = lambda _what: 0) -> None:
        self.lag = lag

    def at(self, now: int, what: str) -> int:
        return now - self.lag(what)
