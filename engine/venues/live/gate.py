"""What the loop's side and the lane know of each other: plain attributes, each written by one of them. Nothing is done here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal

ROOM = 4
"""Intents that one commit may hold as being sent: the lane gets through so many before their lease is over."""
REPLACE_MS = 5_000
"""How long a stop at the venue stays at least before one that has moved takes its place."""
DRY = "dry: everything but the send"


@dataclass
class Gate:
    """`clock` is the venue's time in ms; `level` the account's (RUNNING < PAUSED < ...), `killed` the kill latch, read right
    before each send; `mark` a symbol's price now and `cash` the account's money, None where there is none. `room` is how many
    more intents may be committed as being sent: none until the lane has reconciled. `held_back` are symbols whose exits the
    venue has just refused. `bare_ms`: how long a position may be without the stop it should have at the venue, 0 for ever.
    `unfunded` says why less money than `cash` is at the venue; entries are kept back while it does. `leaving`: the engine is
    about to end; what is begun is finished, entries are cancelled, no stop is moved."""

    tag: str
    run: str
    expiry_ms: int
    native_stop: str
    clock: Callable[[], int]
    level: Callable[[], str] = lambda: "running"
    killed: Callable[[], bool] = lambda: False
    mark: Callable[[str], Decimal | None] = lambda symbol: None
    cash: Callable[[], Decimal | None] = lambda: None
    dry: bool = False
    bare_ms: int = 30_000
    room: int = 0
    held_back: set[str] = field(default_factory=set)
    unfunded: str = ""
    leaving: bool = False

    def take_room(self) -> bool:
        """Whether one more intent may go out as it is committed."""
        if self.room <= 0:
            return False
        self.room -= 1
        return True
