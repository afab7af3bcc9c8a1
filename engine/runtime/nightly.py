"""A worker is started when a comparison, a report or the scoring of signals is due, on a thread of the engine's process that
reads and never writes.

The engine's own loop has no part in it: what is asked and done is the worker's (engine.research.nightly, .worker).
"""

from __future__ import annotations

import logging
import threading
from types import TracebackType

import schedule
from sqlalchemy.exc import SQLAlchemyError

from db.errors import StorageError
from db.session import open_engine
from engine.research import nightly, outcomes_due, report_plans, worker_start
from engine.research.jobs import wall_ms

EVERY_MIN = 5
log = logging.getLogger("evenkeel.nightly")


class Nightly:
    """Looks every few minutes from its start to its end; a look costs a short read."""

    def __init__(self, enabled: bool = True) -> None:
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="nightly", daemon=True) if enabled else None

    def __enter__(self) -> Nightly:
        if self._thread is not None:
            self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._over.set()

    def _watch(self) -> None:
        times = schedule.Scheduler()
        times.every(EVERY_MIN).minutes.do(look)
        while not self._over.wait(max(times.idle_seconds or 0.0, 1.0)):
            times.run_pending()


def look() -> bool:
    """Start a worker where something is due and none works; whether one was started."""
    try:
        engine = open_engine(read_only=True)
        try:
            now = wall_ms()
            due = nightly.due(engine, now) or report_plans.due(engine, now) or outcomes_due.due(engine, now)
            return bool(due) and worker_start.ensure()
        finally:
            engine.dispose()
    except (StorageError, SQLAlchemyError, OSError) as error:
        log.warning("what is due could not be seen: %s", error)
        return False
