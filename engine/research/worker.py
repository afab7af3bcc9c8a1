"""The worker: one process a data folder that takes the oldest job, does it, and takes the next.

A file lock keeps a second one out. While a job is done a thread of its own tells the database that the worker lives, how far
it is, and reads whether the person has cancelled. A job left behind by a worker that died is taken again where that is
harmless, and failed with the reason where it is not. What jobs there are stands in engine.research.work_kinds.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from sqlalchemy import Engine, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import col

from db.models import Job
from db.session import data_folder, write_session
from engine.access.held import Taken, hold
from engine.research import nightly, outcomes_due, report_plans
from engine.research.jobs import ARGS, asked_of, heard, wall_ms
from engine.research.save import fail_broken
from engine.research.work_kinds import KINDS, Context, Interrupted, sentence

LOOK_S = 0.4
"""Seconds between looks for a new job, and at most so often is progress written."""
BEAT_S = 2.0
CHORE_S = 60.0
"""So often what comes by itself (nightly comparisons, reports, outcomes) is looked for."""
ATTEMPTS = 3
"""A job that ended its worker so often is not tried again."""

log = logging.getLogger("evenkeel.worker")


class WorkerRuns(Exception):
    """Another worker works in this data folder."""

    exit_code = 0


class WorkerLock:
    """Held from `acquire` until `release` or the end of the process, however it ends."""

    def __init__(self, folder: Path | None = None) -> None:
        self.path = (folder or data_folder()) / "worker.lock"
        self._file: IO[str] | None = None

    def acquire(self) -> None:
        """WorkerRuns where another process holds it."""
        try:
            self._file = hold(self.path, tries=10)
        except Taken as taken:
            raise WorkerRuns(f"a worker (process {taken.owner}) works in {self.path.parent} already") from None

    def release(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


def work(engine: Engine, once: bool = False, stop: threading.Event | None = None, idle_s: float = 0.0) -> int:
    """Do jobs until `stop` is set, until none is left (`once`), or until none came for `idle_s` seconds; how many were done.

    The database must be migrated. WorkerRuns where another worker works in this data folder.
    """
    stop = stop or threading.Event()
    lock = WorkerLock()
    lock.acquire()
    try:
        return _work(engine, once, stop, idle_s)
    finally:
        lock.release()


def _work(engine: Engine, once: bool, stop: threading.Event, idle_s: float) -> int:
    name = f"{socket.gethostname()}:{os.getpid()}"
    done, looked, quiet_since, asked = 0, 0.0, time.monotonic(), 0.0
    for number in fail_broken(engine):
        log.warning("run %s was never stored whole: it is failed", number)
    while not stop.is_set():
        if not asked or time.monotonic() - asked > CHORE_S:
            _chores(engine)
            asked = time.monotonic()
        if not looked or time.monotonic() - looked > BEAT_S:
            take_back(engine)
            looked = time.monotonic()
        job = claim(engine, name)
        if job is not None:
            _do(engine, job, name, stop)
            done, quiet_since = done + 1, time.monotonic()
        elif once or (idle_s and time.monotonic() - quiet_since > idle_s):
            break
        else:
            stop.wait(LOOK_S)
    return done


def _chores(engine: Engine) -> None:
    try:
        nightly.ask_due(engine, wall_ms())
        report_plans.ask_due(engine, wall_ms())
        outcomes_due.ask_due(engine, wall_ms())
    except SQLAlchemyError as error:  # a busy database: again in a minute
        log.warning("comparisons, reports and outcomes could not be asked for: %s", error)


def claim(engine: Engine, worker: str) -> Mapping[str, Any] | None:
    """The oldest waiting job, now this worker's, `args` as text; None where none waits (then nothing is written)."""
    oldest = select(col(Job.id)).where(col(Job.state) == "new").order_by(col(Job.id)).limit(1)
    with engine.connect() as connection:
        if connection.execute(oldest).first() is None:
            return None
    now = wall_ms()
    with write_session(engine) as session:
        number = session.execute(oldest).scalar()
        if number is None:
            return None
        taken = {"state": "running", "worker": worker, "heartbeat_ts": now, "attempts": col(Job.attempts) + 1}
        session.execute(update(Job).where(col(Job.id) == number).values(**taken, error=None))
        session.execute(update(Job).where(col(Job.id) == number, col(Job.started_ts).is_(None)).values(started_ts=now))
        row = session.execute(select(col(Job.id), col(Job.kind), ARGS, col(Job.title)).where(col(Job.id) == number))
        return dict(row.mappings().one())


def take_back(engine: Engine) -> list[int]:
    """Jobs whose worker is gone: waiting again where their kind allows it, else failed with the reason. Their numbers."""
    fields = (col(Job.id), col(Job.kind), col(Job.worker), col(Job.heartbeat_ts), col(Job.attempts), col(Job.cancel))
    with engine.connect() as connection:
        running = connection.execute(select(*fields).where(col(Job.state) == "running")).mappings().all()
    lost = [dict(row) for row in running if _gone(str(row["worker"]), row["heartbeat_ts"])]
    for row in lost:
        _put_back(engine, row)
    return [int(row["id"]) for row in lost]


def _gone(worker: str, heartbeat: Any) -> bool:
    host, _, pid = worker.rpartition(":")
    if host == socket.gethostname() and pid.isdecimal() and 0 < int(pid[:12]) < 2**31:
        if int(pid) == os.getpid():
            return False
        try:
            os.kill(int(pid), 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            pass
    return not isinstance(heartbeat, int) or not heard(heartbeat, wall_ms())


def _put_back(engine: Engine, row: Mapping[str, Any]) -> None:
    kind = KINDS.get(row["kind"])
    values: dict[str, Any]
    if row["cancel"]:
        values = {"state": "cancelled", "done_ts": wall_ms()}
    elif kind is not None and kind.resumable and row["attempts"] < ATTEMPTS:
        values = {"state": "new", "message": "its worker ended; it is taken up again"}
    else:
        why = f"the process that did it ended without a word, {_times(row['attempts'])}"
        hint = "out of memory is the usual reason: ask for less at once, or see logs/worker.log in the data folder"
        values = {"state": "failed", "error": f"{why}; {hint}", "done_ts": wall_ms()}
    with write_session(engine) as session:
        same = (col(Job.id) == row["id"], col(Job.worker) == row["worker"], col(Job.state) == "running")
        session.execute(update(Job).where(*same).values(**values))


def _times(count: int) -> str:
    return "once" if count == 1 else "twice" if count == 2 else f"{count} times"


class Pulse(Context):
    """What a job's function is given: progress goes out and the wish to stop comes in, on a thread of its own."""

    def __init__(self, engine: Engine, job_id: int, worker: str, stop: threading.Event) -> None:
        super().__init__(engine, job_id)
        self.stopping, self.cancel_asked, self.lost = stop, False, False
        self._mine = (col(Job.id) == job_id, col(Job.worker) == worker, col(Job.state) == "running")
        self._told: tuple[float, str] = (0.0, "")
        self._share, self._words = 0.0, ""
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="pulse", daemon=True)

    def progress(self, share: float, words: str = "") -> None:
        self._share, self._words = min(max(float(share), 0.0), 1.0), words
        if self.cancelled():
            raise Interrupted

    def cancelled(self) -> bool:
        return self.cancel_asked or self.lost or self.stopping.is_set()

    def start(self) -> None:
        self._thread.start()

    def end(self) -> None:
        self._over.set()
        self._thread.join()

    def finish(self, **values: Any) -> None:
        """The job's last word, unless it has become another's."""
        with write_session(self.engine) as session:
            session.execute(update(Job).where(*self._mine).values(**values))

    def _beat(self) -> None:
        beaten = 0.0
        while not self._over.wait(LOOK_S):
            now = (self._share, self._words)
            if now == self._told and time.monotonic() - beaten < BEAT_S:
                continue
            try:
                self._write(now)
            except SQLAlchemyError as error:  # a busy database costs a beat, not the work
                log.warning("progress of job %s could not be written: %s", self.job_id, error)
                continue
            self._told, beaten = now, time.monotonic()

    def _write(self, now: tuple[float, str]) -> None:
        with write_session(self.engine) as session:
            values = {"progress": now[0], "message": now[1], "heartbeat_ts": wall_ms()}
            changed = session.execute(update(Job).where(*self._mine).values(**values))
            self.lost = changed.rowcount == 0  # type: ignore[attr-defined]
            self.cancel_asked = bool(session.execute(select(col(Job.cancel)).where(*self._mine)).scalar())


def _do(engine: Engine, job: Mapping[str, Any], worker: str, stop: threading.Event) -> None:
    """One job from its claim to its last word."""
    log.info("job %s: %s %s", job["id"], one_line(job["kind"]), one_line(job["title"]))
    pulse = Pulse(engine, int(job["id"]), worker, stop)
    pulse.start()
    try:
        result = _called(str(job["kind"]), asked_of(job["args"]), pulse)
        pulse.end()
        pulse.finish(state="done", progress=1.0, message="", result=result, done_ts=wall_ms())
    except Interrupted:
        pulse.end()
        if pulse.cancel_asked:
            pulse.finish(state="cancelled", done_ts=wall_ms())
        else:
            pulse.finish(state="new", message="interrupted; it is taken up again")
    except Exception as error:
        log.exception("job %s failed", job["id"])
        pulse.end()
        pulse.finish(state="failed", error=sentence(error), done_ts=wall_ms())
    finally:
        pulse.end()


def one_line(value: Any) -> str:
    """A row's words as they can stand in a line of the log."""
    return "".join(one if one.isprintable() else " " for one in str(value)[:200])


def _called(kind: str, args: Mapping[str, Any], context: Context) -> dict[str, Any]:
    if kind not in KINDS:
        raise ValueError(f"this version knows no work of the kind {one_line(kind)!r}; it knows {', '.join(KINDS)}")
    wrong = [name for name, form in KINDS[kind].needs.items() if not isinstance(args.get(name), form)]
    if wrong:
        raise ValueError(f"what this job asks for is no {one_line(kind)}: {', '.join(wrong)}. Ask for it anew")
    return KINDS[kind].run(args, context)
