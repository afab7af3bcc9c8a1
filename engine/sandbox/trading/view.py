"""What a reader is shown: the venue as of now, or as of a while ago where its readings lag."""

from __future__ import annotations

from collections.abc import Callable


class View:
    """`lag(what)` is how many ms behind a reading of `orders`, `trades`, `balances` or `transfers` is, `quiet()` whether
    the answer to a new order keeps silent about its fills; neither unless faults say so.
    """

    def __init__(self) -> None:
        self.lag: Callable[[str], int] = lambda _what: 0
        self.quiet: Callable[[], bool] = lambda: False

    def at(self, now: int, what: str) -> int:
        return now - self.lag(what)
