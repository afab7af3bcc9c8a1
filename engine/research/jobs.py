"""Long work asked for by a page or a command: rows of `job`, asked, watched and cancelled, each in one short transaction.

What the work is stands in engine.research.work_kinds, who does it in engine.research.worker. Nothing is computed here. A row is
read as a stranger's words: whoever can write the database may have written anything, and one row must not hide the others.
"""

from __future__ import annotations

import json
import time
import uuid as uuids
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, Text, cast, func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import col

from db.models import Job
from db.session import write_session

OPEN = ("new", "running")
MOST_ASKED, MOST_TOLD, LONGEST = 2_000_000, 64_000_000, 4_000
"""Characters of what a job asks for, of what came of it, and of its words."""
SILENT_MS = 10_000
"""A running job whose worker has not been heard for so long has no worker any more."""
AHEAD_MS = 3_600_000
"""So far may a clock of another machine be ahead."""


@dataclass(frozen=True)
class JobView:
    """One job as it stands; times in ms UTC, `progress` 0 to 1, `error` a sentence where it failed."""

    id: int
    uuid: str
    kind: str
    title: str
    args: Mapping[str, Any]
    source: str
    state: str
    cancel: bool
    created_ts: int
    started_ts: int | None
    heartbeat_ts: int | None
    done_ts: int | None
    progress: float
    message: str
    worker: str
    attempts: int
    result: Mapping[str, Any]
    error: str | None

    @property
    def open(self) -> bool:
        """Waiting or being done."""
        return self.state in OPEN

    def silent(self, now: int) -> bool:
        """Whether it is said to run, but its worker was not heard for long."""
        return self.state == "running" and now - (self.heartbeat_ts or 0) > SILENT_MS


def heard(heartbeat: int | None, now: int) -> bool:
    """Whether a sign of life is fresh; one from the future is none."""
    return -AHEAD_MS < now - (heartbeat or 0) <= SILENT_MS


class Unreadable(ValueError):
    """What a job's row asks for is no list of named words; the sentence says so."""


def asked_of(text: Any) -> dict[str, Any]:
    """What `ARGS` or `RESULT` gave. Unreadable where it is none of ours."""
    try:
        found = json.loads(text) if isinstance(text, str) else None
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise Unreadable("what this job asks for cannot be read: its row was not written by Evenkeel")
    return found


def _readable(text: Any) -> dict[str, Any]:
    try:
        return asked_of(text)
    except Unreadable:
        return {}


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and abs(value) < 2**62 else None


def _view(row: Mapping[str, Any]) -> JobView:
    """A row as it may be shown, whatever stands in it."""
    told: dict[str, Any] = {name: _whole(row[name]) for name in ("started_ts", "heartbeat_ts", "done_ts")}
    told |= {name: _whole(row[name]) or 0 for name in ("created_ts", "attempts")}
    told |= {name: _readable(row[name]) for name in ("args", "result")}
    return JobView(**{**row, **told, "progress": min(max(float(row["progress"]), 0.0), 1.0)})


def ask(engine: Engine, kind: str, args: Mapping[str, Any], title: str = "", source: str = "app") -> str:
    """Ask for work; its uuid. The same work that is still open is not asked for twice: its uuid comes back."""
    plain = json.loads(json.dumps(dict(args), default=str))
    with write_session(engine) as session:
        waiting = session.execute(
            select(col(Job.uuid), ARGS).where(
                col(Job.kind) == kind, col(Job.state).in_(OPEN), col(Job.cancel).is_(False)
            )
        ).all()
        for uuid, asked in waiting:
            if _readable(asked) == plain:
                return str(uuid)
        uuid = str(uuids.uuid4())
        row = {"uuid": uuid, "kind": kind, "title": title, "args": plain, "source": source, "created_ts": wall_ms()}
        session.execute(insert(Job), row)
    return uuid


def ask_once(engine: Engine, uuid: str, kind: str, args: Mapping[str, Any], title: str, now: int) -> bool:
    """Ask for a job whose uuid names what it is for, at the wall clock `now` (ms UTC); False where it was asked for already,
    be it by another process in this very moment."""
    row = {"uuid": uuid, "kind": kind, "title": title, "args": dict(args), "source": "cli", "created_ts": now}
    try:
        with write_session(engine) as session:
            session.execute(insert(Job), row)
    except IntegrityError:
        return False
    return True


def cancel(engine: Engine, uuid: str) -> bool:
    """Cancel what is open: at once where it waits, as soon as its worker looks where it runs. False where it had ended."""
    with write_session(engine) as session:
        waiting = session.execute(
            update(Job)
            .where(col(Job.uuid) == uuid, col(Job.state) == "new")
            .values(state="cancelled", cancel=True, done_ts=wall_ms())
        )
        if waiting.rowcount:  # type: ignore[attr-defined]
            return True
        running = session.execute(
            update(Job).where(col(Job.uuid) == uuid, col(Job.state) == "running").values(cancel=True)
        )
        return bool(running.rowcount)  # type: ignore[attr-defined]


def job_of(engine: Engine, uuid: str) -> JobView | None:
    """The job of this uuid; None where there is none."""
    with engine.connect() as connection:
        row = connection.execute(select(*_COLUMNS).where(col(Job.uuid) == uuid)).mappings().first()
    return _view(dict(row)) if row is not None else None


def jobs_of(engine: Engine, kinds: tuple[str, ...] = (), *, only_open: bool = False, limit: int = 50) -> list[JobView]:
    """Jobs, newest first; of these kinds only, where any are named."""
    query = select(*_COLUMNS).order_by(col(Job.id).desc()).limit(limit)
    if kinds:
        query = query.where(col(Job.kind).in_(kinds))
    if only_open:
        query = query.where(col(Job.state).in_(OPEN))
    with engine.connect() as connection:
        return [_view(dict(row)) for row in connection.execute(query).mappings()]


def wall_ms() -> int:
    """Milliseconds UTC of this machine's clock: jobs are in people's time."""
    return time.time_ns() // 1_000_000


ARGS = func.substr(cast(col(Job.args), Text), 1, MOST_ASKED).label("args")
"""What a job asks for as text, never more of it than is looked at."""
RESULT = func.substr(cast(col(Job.result), Text), 1, MOST_TOLD).label("result")
_WORDS = {name: func.substr(col(getattr(Job, name)), 1, LONGEST).label(name) for name in
          ("uuid", "kind", "title", "message", "worker", "error")}  # fmt: skip
_SHOWN = {**_WORDS, "args": ARGS, "result": RESULT}
_COLUMNS = [_SHOWN.get(name, getattr(Job, name)) for name in JobView.__dataclass_fields__]
