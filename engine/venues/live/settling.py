"""What a person says of an order nobody can tell about: that it was never placed, or that it has filled as the venue's order
says though the venue shows no trades of it. The venue is asked once more first.

A person's word ends an unsure order and nothing else: one that the venue knows goes its own way, and a fill that comes later is
still booked.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Engine, bindparam, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import col

from db.asked import asked_words, words_of_row
from db.control import LIVE_COMMANDS
from db.models import Command
from engine.ledger.statements import table_of
from engine.venues.live.booker import Booker
from engine.venues.live.missing import Missing
from engine.venues.port import Port, Seen, Unknown

READ_MS = 500
_C = table_of(Command).c
WAITING = (
    select(_C.id, asked_words())
    .where(_C.run_id == bindparam("mine"), _C.state == "new", _C.kind.in_(LIVE_COMMANDS))
    .order_by(_C.id)
)


class Settler:
    """`engine` reads the commands of run `run_id`; answers go by the booker's doors."""

    def __init__(self, port: Port, engine: Engine, run_id: int, booker: Booker, missing: Missing) -> None:
        self.port, self.engine, self.run_id, self.booker, self.missing = port, engine, run_id, booker, missing
        self.read_ts = 0
        self.done: set[int] = set()
        self.waits = 0

    def step(self, now: int) -> bool:
        """At most one request, for the oldest command that waits; False if none does."""
        if now < self.read_ts + READ_MS:
            return False
        self.read_ts = now
        for number, args in self._waiting():
            if number not in self.done:
                return self._settle(number, args, now)
        return False

    def _waiting(self) -> list[tuple[int, dict[str, Any]]]:
        try:
            with self.engine.connect() as connection:
                return [
                    (int(number), words_of_row(args))
                    for number, args in connection.execute(WAITING, {"mine": self.run_id})
                ]
        except SQLAlchemyError:
            return []  # locked: it is read again

    def _settle(self, number: int, args: dict[str, Any], now: int) -> bool:
        one = self.booker.mirror.intents.get(str(args.get("order", "")))
        if one is None or (one.state not in ("unknown", "quarantined") and not one.mind.ending_ts):
            stands = "is not one of this run's open orders" if one is None else f"is {one.state}"
            self._answer(number, False, f"nothing to settle: the order {stands}", now)
            return False
        if one.busy:
            return False
        if args.get("filled") is True:
            self.done.add(number)
            self.missing.accept(one.client, lambda good, words, ts: self._answer(number, good, words, ts))
            return False
        answer = self.port.look_up(one.symbol, one.client, one.venue_id, one.since)
        if isinstance(answer, Seen):
            self.booker.seen(one, answer, now, "look_up")
            words = f"the exchange has it after all: {answer.state}; it is followed up"
            if one.mind.ending_ts:
                words += ". Its trades are missing: if what its order says is right, settle it with --filled"
            self._answer(number, False, words, now)
        elif isinstance(answer, Unknown):
            self.waits = answer.wait_ms
            self._answer(
                number, False, f"the exchange does not answer ({answer.why}): nothing was changed, try again", now
            )
        elif one.venue_id or one.mind.told:
            self._answer(
                number,
                False,
                "the exchange had accepted it, and now knows none: nothing was changed, ask it there",
                now,
            )
        else:
            why = str(args.get("reason", ""))
            self.booker.end(one, "not_placed", f"settled by a person: never placed{f' ({why})' if why else ''}")
            self._answer(number, True, "taken as never placed; what was reserved for it is free", now)
        return True

    def _answer(self, number: int, good: bool, words: str, now: int) -> None:
        self.done.add(number)
        values = {"state": "done" if good else "refused", "acked_ts": now, "result": words}

        def work(connection: Connection) -> None:
            connection.execute(update(Command).where(col(Command.id) == number).values(**values))

        self.booker.doors.write(work, soon=True)
