"""The ledger's transactions, one after the other: each lands, is put off and tried again, or is in doubt until the server says.

A server that dies between our COMMIT and its answer may have it or not. Its number tells, once it answers again; until then
nothing may be written, and what was in it must stay as it was. What is written is the recorder's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from db.server import away, has_landed, number_of
from engine.runtime.clock import Clock
from engine.runtime.hold import AWAY, DOUBT, held_by
from engine.runtime.lock import EngineLock

Work = Callable[[Connection], None]
Landed = Callable[[], None]


@dataclass(frozen=True)
class Doubt:
    """A transaction whose answer was lost: its number, what is done once it has landed after all, and its name."""

    number: int
    landed: Landed
    name: str


class Transactions:
    """One writer's. `held` says why the last one did not land, empty where it did; `why` is the server's own reason; `written`
    is when one landed last, monotonic seconds."""

    def __init__(self, engine: Engine, folder: Path, clock: Clock) -> None:
        self.engine, self.folder, self.clock = engine, folder, clock
        self.lock: EngineLock | None = None
        self.held = self.why = ""
        self.written = clock.monotonic()
        self.doubt: Doubt | None = None

    def write(self, work: Work, landed: Landed, name: str) -> bool:
        """One transaction of `work`; then `landed` is called, now or when `settle` finds it out. False where it has not landed
        or is not known to, as `held` says. Raises what it cannot be tried again after."""
        assert self.doubt is None, "what is in doubt is settled first"
        number: int | None = None
        try:
            self._assure()
            with self.engine.execution_options(write=True).begin() as connection:
                work(connection)
                number = number_of(connection)
        except DBAPIError as error:
            self._put_off(error)
            if number is not None and self.held == AWAY:
                self.held, self.doubt = DOUBT, Doubt(number, landed, name)
            return False
        self._landed(landed)
        return True

    def settle(self) -> bool | None:
        """Whether the transaction in doubt has landed (its `landed` was called then); None where that cannot be known yet."""
        doubt = self.doubt
        assert doubt is not None
        said: bool | None = None
        try:
            self._assure()
            with self.engine.begin() as connection:
                said = has_landed(connection, doubt.number)
        except DBAPIError as error:
            self._put_off(error)
        if said is None:
            self.held = DOUBT
            return None
        self.doubt = None
        if said:
            self._landed(doubt.landed)
        return said

    def _landed(self, landed: Landed) -> None:
        self.held, self.why, self.written = "", "", self.clock.monotonic()
        landed()

    def _put_off(self, error: DBAPIError) -> None:
        self.held, self.why = held_by(error, self.folder), away(error)
        if not self.held:
            raise error
        if self.held == AWAY:
            self.engine.dispose()  # what else the pool keeps may lead to a server that takes nothing any more

    def _assure(self) -> None:
        if self.lock is not None:
            self.lock.assure()
