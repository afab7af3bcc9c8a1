"""What runs beside the loop: services with threads of their own that deliver, ask, answer and look after things.

A service never touches the trader, the tape or the ledger. It reads the database over a connection of its own, hears of
commits, and has two doors back: an event for the loop's next turn, and rows for its next transaction. What services there
are stands in services.py.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, Protocol

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from engine.config.model import Config

log = logging.getLogger("evenkeel.beside")

Write = Callable[[Connection], None]
MOST_WRITES = 64
"""In one transaction: a storm of alerts must not make an order wait for more than a few hundredths of a second."""
LEAVE_S = 5.0
Kill = Callable[..., None]


class Service(Protocol):
    """One service. `committed`, `reconfigured` and `vitals` are called on the loop's thread and return at once."""

    name: str

    def start(self) -> None:
        """Begin; the doors are open and the run is recovered."""

    def committed(self) -> None:
        """A transaction has landed: its rows can be read."""

    def reconfigured(self, config: Config) -> None:
        """Another configuration is in force."""

    def vitals(self) -> Mapping[str, Any]:
        """Numbers for the engine's status row, by name."""

    def stop(self, seconds: float) -> None:
        """End within about `seconds`; what is not done is done after the next start."""


class Doors:
    """The ways from a service's thread to the loop. Every method may be called on any thread and returns at once."""

    def __init__(
        self, kill: Kill = lambda source, flatten=False, reason="": None, killed: Callable[[], bool] = lambda: False
    ) -> None:
        self.kill = kill  # engine.runtime.kill.KillSwitch.press
        self.killed = killed  # whether the latch is set
        self.soon = False  # a write waits that should not wait for the next commit that is due anyway
        self.landed: list[Callable[[], None]] = []  # told, on the loop's thread, when writes have landed
        # asked, on the loop's thread, from when the engine is to end: may it?
        self.before_end: list[Callable[[], bool]] = []
        self._events: deque[list[Any]] = deque()
        self._writes: deque[Write] = deque()

    def event(self, kind: str, *words: Any) -> None:
        """An event of the tape, taken at the loop's next turn as [kind, its exchange time, *words] (plain JSON values)."""
        self._events.append([kind, *words])

    def write(self, work: Write, soon: bool = False) -> None:
        """`work` is called with the connection of one of the loop's next transactions, in the order of the calls: at the next
        commit or heartbeat, within about a second; with `soon` at the loop's next turn. It runs again from the start if that
        transaction does not land; it must not wait for anything."""
        self._writes.append(work)
        self.soon = self.soon or soon

    # ---- the loop's side --------------------------------------------------------------------------------------------------
    def wait_to_end(self, turn: Callable[[], None], monotonic: Callable[[], float]) -> None:
        """Go on, by turns, for LEAVE_S at most, while a service has something half done: a position whose stop is just being
        replaced at the exchange would stand there without one for as long as no engine runs, as would what an open entry buys."""
        until = monotonic() + LEAVE_S
        while not self.may_end() and monotonic() < until:
            turn()

    def may_end(self) -> bool:
        """Whether nothing is half done that must not stay so while no engine runs."""
        told = [ask() for ask in self.before_end]  # all, so that all know
        return all(told)

    def take(self) -> Iterator[list[Any]]:
        """The events that wait, oldest first; they are gone from here."""
        while self._events:
            yield self._events.popleft()

    def waiting(self) -> list[Write]:
        """The writes that wait for the next transaction, oldest first, at most MOST_WRITES; they stay until `written`."""
        return list(islice(self._writes, MOST_WRITES))

    def written(self, done: int) -> None:
        """The oldest `done` writes have landed; what a full transaction left goes with the next turn's."""
        for _ in range(done):
            self._writes.popleft()
        self.soon = bool(self._writes) and (self.soon or done == MOST_WRITES)
        if done:
            for tell in self.landed:
                tell()


def write_all(connection: Connection, writes: Iterable[Write]) -> None:
    """Each in a savepoint: rows that the schema refuses are dropped and told, the ledger's own transaction goes on."""
    for work in writes:
        try:
            with connection.begin_nested():
                work(connection)
        except IntegrityError:
            log.exception("rows of a service do not fit the schema and were dropped; please report this")


class Beside:
    """All services of a running engine as one; a failing one is told and does not disturb the loop or another."""

    def __init__(self, services: Iterable[Service]) -> None:
        self.services = list(services)

    def start(self) -> None:
        self._each(lambda service: service.start(), "start")

    def committed(self) -> None:
        self._each(lambda service: service.committed(), "hear of a commit")

    def reconfigured(self, config: Config) -> None:
        self._each(lambda service: service.reconfigured(config), "take over the configuration")

    def vitals(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        self._each(lambda service: found.update(service.vitals()), "say how it is")
        return found

    def stop(self, seconds: float) -> None:
        self._each(lambda service: service.stop(seconds), "stop")

    def _each(self, act: Callable[[Service], object], words: str) -> None:
        for service in self.services:
            try:
                act(service)
            except Exception:  # whatever a service does wrong, the loop trades on
                log.exception("%s could not %s", service.name, words)
