"""Commands that people have left in the database for a run, oldest first. Reads and decides nothing."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import Engine, bindparam, select
from sqlalchemy.exc import DBAPIError

from db.asked import WRONG, asked_words, words_of_row
from db.control import ALERT_COMMANDS, LIVE_COMMANDS
from db.models import Command
from db.server import away
from engine.ledger import steering
from engine.ledger.statements import table_of
from engine.ledger.steering_rows import words_of_version
from engine.runtime.hold import is_locked

MOST = 200
"""Commands that are taken at once; the rest a moment later."""

_C = table_of(Command).c
_MINE = _C.run_id == bindparam("mine")
_NEW = (
    select(_C.id, _C.kind, asked_words())
    .where(_C.state == "new", _C.kind.not_in((*ALERT_COMMANDS, *LIVE_COMMANDS)))
    .order_by(_C.id)
    .limit(bindparam("most"))
)
BY_NAME = _NEW.where(_MINE)
NEW = _NEW.where(_MINE | _C.run_id.is_(None))


def waiting(
    engine: Engine, run_id: int, taken: Collection[int], *, by_name: bool = False
) -> list[tuple[int, str, dict[str, Any]]]:
    """(row id, kind, args) of what is new for `run_id`, or for no run by name unless `by_name`, and not yet `taken`: MOST of
    them at once, none while somebody locks the database or its server is away. A row that nobody can use has the words of
    db.asked."""
    wanted = {"mine": run_id, "most": MOST + len(taken)}
    try:
        with engine.connect() as connection:
            rows = connection.execute(BY_NAME if by_name else NEW, wanted).all()
        new = [(row_id, kind, words_of_row(args)) for row_id, kind, args in rows if row_id not in taken]
        return [(n, kind, _whole(engine, run_id, kind, args)) for n, kind, args in new]
    except DBAPIError as error:
        if is_locked(error) or away(error):
            return []
        raise


def _whole(engine: Engine, run_id: int, kind: str, args: dict[str, Any]) -> dict[str, Any]:
    """A wish to go back to earlier shares or weights names a version: the tape needs what they were."""
    if kind not in steering.KINDS or WRONG in args:
        return args
    version = args.get("version", 0)
    if not isinstance(version, int) or not 0 <= version < 2**31:
        return {WRONG: f"there is no version {version!r} to go back to"}
    return words_of_version(engine, kind, run_id, args)


def words_of(args: Any) -> str:
    """A command's plain arguments; tables are too long to be said."""
    plain = {name: value for name, value in dict(args or {}).items() if not isinstance(value, (dict, list))}
    return " ".join(f"{name}={value}" for name, value in plain.items())
