"""The guard in front of the socket: one send for an intent, none without its commit, none against the kill latch.

It trusts nobody: not the lane's memory but the database says whether an intent has been committed as being sent, and it counts
by itself. Every order goes through `place`; nothing else of the port is changed.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Engine, select
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import col

from db.models import Intent
from engine.venues.live.gate import DRY, Gate
from engine.venues.port import Placed, Port, Refused, Request

AFTER_A_KILL = ("flatten", "manual", "wiped_out")
"""What a person still wants out at a kill; every other order waits for its release."""


class Egress:
    """`sends` counts what went to the socket, by client id in `sent`."""

    def __init__(self, port: Port, engine: Engine, gate: Gate) -> None:
        self._port, self._engine, self._gate = port, engine, gate
        self.sent: set[str] = set()
        self.sends = 0

    def place(self, request: Request, before: Callable[[], None] = lambda: None) -> Placed:
        """The order, once; `Refused("guard", ...)` where it must not go, and then nothing has left this process."""
        if request.client_id in self.sent:
            return _kept("it has been sent once; an intent is never sent again")
        try:
            committed = self._committed(request.client_id)
        except SQLAlchemyError as error:
            return _kept(f"the database did not say whether it is committed ({type(error).__name__})")
        if committed is None:
            return _kept("it is not committed as being sent")
        if self._gate.dry:
            return _kept(DRY)
        before()
        role, purpose = committed
        if why := self.against(role, purpose):  # right before the socket, after everything that takes time
            return _kept(why)
        self.sent.add(request.client_id)
        self.sends += 1
        return self._port.place(request)

    def against(self, role: str, purpose: str) -> str:
        """Why an order of this role and purpose may not go now; "" if it may."""
        level = self._gate.level()
        if (self._gate.killed() or level == "killed") and not (role == "exit" and purpose in AFTER_A_KILL):
            return "the account is killed"
        if role == "entry" and level != "running":
            return f"the account is {level}: no entries"
        if role == "entry" and self._gate.leaving:
            return "the engine is about to end: no entries"
        if role == "entry" and self._gate.unfunded:
            return self._gate.unfunded
        return ""

    def _committed(self, client: str) -> tuple[str, str] | None:
        with self._engine.connect() as connection:
            query = select(col(Intent.role), col(Intent.purpose)).where(
                col(Intent.client_order_id) == client, col(Intent.state) == "sending"
            )
            row = connection.execute(query).first()
        return (row[0], row[1]) if row is not None else None


def _kept(words: str) -> Refused:
    return Refused("guard", words, "unsent")
