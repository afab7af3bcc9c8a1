"""The statements of every commit and every heartbeat, built once: building one anew costs several times what running it does.

Values come in by name; `mine` is the run they belong to. What is written, and when, is decided elsewhere.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from sqlalchemy import Executable, Insert, Table, bindparam, delete, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from db.models import Alert, EngineStatus, Position, Protection, Snapshot


def table_of(model: Any) -> Table:
    """The table behind a model: statements on it are cheaper than on its attributes."""
    table: Table = model.__table__
    return table


_STATUS, _SNAPSHOT, _ALERT = map(table_of, (EngineStatus, Snapshot, Alert))
_POSITION, _PROTECTION = map(table_of, (Position, Protection))
_MINE: Any = bindparam("mine")

BEAT = update(_STATUS).where(_STATUS.c.run_id == _MINE)
CLEAR_POSITIONS = delete(_POSITION).where(_POSITION.c.run_id == _MINE)
OPEN_POSITIONS = select(_POSITION).where(_POSITION.c.run_id == _MINE)
LIVE_STOPS = select(_PROTECTION).where(_PROTECTION.c.run_id == _MINE, _PROTECTION.c.state == "live")
KNOWN_ALERTS = select(_ALERT.c.dedupe_key).where(_ALERT.c.dedupe_key.in_(bindparam("keys", expanding=True)))
_NEWEST = select(_SNAPSHOT.c.id).where(_SNAPSHOT.c.run_id == _MINE).order_by(_SNAPSHOT.c.id.desc())
DROP_SNAPSHOTS = delete(_SNAPSHOT).where(
    _SNAPSHOT.c.run_id == _MINE, _SNAPSHOT.c.id.not_in(_NEWEST.limit(bindparam("kept")))
)
"""All of the run's but the newest `kept`."""


@cache
def insert_into(model: Any) -> Insert:
    """A row of `model`, or many."""
    return insert(table_of(model))


@cache
def upsert(
    model: Any, dialect: str, names: tuple[str, ...], keys: tuple[str, ...], kept: tuple[str, ...]
) -> Executable:
    """Rows with these columns; one whose `keys` are there already is changed, but for what is `kept`."""
    words: Any = sqlite if dialect == "sqlite" else postgresql
    statement = words.insert(table_of(model))
    changed = {name: statement.excluded[name] for name in names if name not in (*keys, *kept)}
    made: Executable = statement.on_conflict_do_update(index_elements=list(keys), set_=changed)
    return made
