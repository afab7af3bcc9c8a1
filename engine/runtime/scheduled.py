"""What the engine does by the clock, on a thread of its own: when, once, and what is told of it.

A row of `scheduled` says what was due last and how it went. What was due while no engine ran, or was broken off, is done once
after the next start, however often it was missed. Rows go through the loop's door; the work itself is works.py's.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

import schedule
from sqlalchemy import Connection, Engine, insert, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import col

from db.errors import StorageError
from db.models import Alert, Scheduled
from engine.config.local_time import last_due, next_due
from engine.config.model import Config
from engine.runtime.beside import Doors

log = logging.getLogger("evenkeel.schedule")
LOOK_S = 20
"""Seconds between looks whether something is due."""
WORDS = 400


@dataclass(frozen=True)
class Work:
    """Work of one name, due daily at the local time `at` of a configuration ("" = never). `run` does it and says what it did;
    any Exception is its failure. `tell` makes a failure an alert."""

    name: str
    at: Callable[[Config], str]
    run: Callable[[Config], str]
    tell: bool = False


@dataclass(frozen=True)
class Past:
    """What is known of a work: when it was due last, and whether that was done (well or not)."""

    due: int
    over: bool


class Schedule:
    """A service. `engine` is a reader of its own; `now` is the machine's clock in ms UTC."""

    name = "schedule"

    def __init__(
        self,
        config: Config,
        engine: Callable[[], Engine],
        doors: Doors,
        works: tuple[Work, ...],
        now: Callable[[], int],
    ) -> None:
        self.config, self.engine, self.doors, self.works, self.now = config, engine, doors, works, now
        self._past: dict[str, Past] | None = None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="schedule", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def committed(self) -> None:
        """Nothing to do."""

    def reconfigured(self, config: Config) -> None:
        self.config = config

    def vitals(self) -> Mapping[str, Any]:
        return {}

    def stop(self, seconds: float) -> None:
        """What is under way is broken off with the process, and done again after the next start."""
        self._over.set()
        self._thread.join(seconds)

    # ---- its own thread ----------------------------------------------------------------------------------------------------
    def _watch(self) -> None:
        times = schedule.Scheduler()
        times.every(LOOK_S).seconds.do(self.look)
        self.look()
        while not self._over.wait(max(times.idle_seconds or 0.0, 1.0)):
            times.run_pending()

    def look(self) -> list[str]:
        """Do what is due, in the order of `works`; the names of what was done. Never raises: one failure ends no other."""
        done = []
        try:
            past = self._known()
            for work in self.works:
                if not self._over.is_set() and self._one(work, past):
                    done.append(work.name)
        except (StorageError, SQLAlchemyError, OSError) as error:
            log.warning("what is due could not be seen: %s", error)
        except Exception:
            log.exception("what is due could not be done; it is tried again")
        return done

    def _known(self) -> dict[str, Past]:
        """What the database says of earlier starts, read once; from then on this thread knows better."""
        if self._past is None:
            engine = self.engine()
            try:
                with engine.connect() as connection:
                    rows = connection.execute(
                        select(col(Scheduled.name), col(Scheduled.due_ts), col(Scheduled.done_ts))
                    )
                    self._past = {row.name: Past(int(row.due_ts), row.done_ts is not None) for row in rows}
            finally:
                engine.dispose()
        return self._past

    def _one(self, work: Work, past: dict[str, Past]) -> bool:
        config, now = self.config, self.now()
        clock, zone = work.at(config), ZoneInfo(config.schedule.timezone)
        if not clock:
            return False
        due, known = last_due(now, clock, zone)[1], past.get(work.name)
        if known is None:  # the first time there is a schedule: nothing was missed
            past[work.name] = Past(due, True)
            self._note(
                work.name, due_ts=due, state="waiting", done_ts=due, next_ts=next_due(now, clock, zone), message=""
            )
            return False
        if known.over and due <= known.due:
            return False
        due = max(due, known.due)
        past[work.name] = Past(due, False)
        self._note(work.name, due_ts=due, started_ts=now, done_ts=None, state="running", message="")
        state, words = _tried(work, config)
        past[work.name] = Past(due, True)
        ended = self.now()
        self._note(
            work.name, due_ts=due, done_ts=ended, next_ts=next_due(ended, clock, zone), state=state, message=words
        )
        if state == "failed" and work.tell:
            self.doors.write(_alert(work.name, due, ended, words))
        return True

    def _note(self, name: str, **values: Any) -> None:
        def write(connection: Connection) -> None:
            known = connection.execute(update(Scheduled).where(col(Scheduled.name) == name).values(**values))
            if known.rowcount == 0:
                connection.execute(insert(Scheduled).values(name=name, **values))

        self.doors.write(write)


def _tried(work: Work, config: Config) -> tuple[str, str]:
    """(state, words) of doing it."""
    log.info("%s is due", work.name)
    try:
        words = work.run(config)
    except Exception as error:  # a work's failure is its row's and its alert's, not the others'
        log.exception("%s has failed", work.name)
        return "failed", (str(error) or type(error).__name__)[:WORDS]
    log.info("%s: %s", work.name, words)
    return "done", words[:WORDS]


def _alert(name: str, due: int, now: int, words: str) -> Callable[[Connection], None]:
    """Once for each time it was due."""
    key = f"scheduled:{name}:{due}"
    row = {
        "ts": now, "created_ts": now, "severity": "warning", "kind": name, "title": f"The {name} has failed", "body": words,
        "dedupe_key": key, "state": "new",
    }  # fmt: skip

    def write(connection: Connection) -> None:
        if connection.execute(select(col(Alert.id)).where(col(Alert.dedupe_key) == key)).first() is None:
            connection.execute(insert(Alert).values(**row))

    return write
