"""Commands that people have left in the database for a run, oldest first. Reads and decides nothing."""

from __future__ import annotations

from collections.abc import Container
from typing import Any

from sqlalchemy import Engine, select
from sqlalchemy.exc import OperationalError
from sqlmodel import col

from db.control import ALERT_COMMANDS, LIVE_COMMANDS
from db.models import Command
from engine.ledger import steering
from engine.ledger.steering_rows import words_of_version
from engine.runtime.hold import is_locked


def waiting(
    engine: Engine, run_id: int, taken: Container[int], *, by_name: bool = False
) -> list[tuple[int, str, dict[str, Any]]]:
    """(row id, kind, args) of what is new for `run_id`, or for no run by name unless `by_name`, and not yet `taken`; none while
    somebody locks the database."""
    mine = col(Command.run_id) == run_id
    query = (
        select(col(Command.id), col(Command.kind), col(Command.args))
        .where(col(Command.state) == "new", mine if by_name else mine | (col(Command.run_id).is_(None)))
        .where(col(Command.kind).not_in((*ALERT_COMMANDS, *LIVE_COMMANDS)))
        .order_by(col(Command.id))
    )
    try:
        with engine.connect() as connection:
            rows = connection.execute(query).all()
        new = [(row_id, kind, dict(args or {})) for row_id, kind, args in rows if row_id not in taken]
        return [(n, kind, _whole(engine, run_id, kind, args)) for n, kind, args in new]
    except OperationalError as error:
        if is_locked(error):
            return []
        raise


def _whole(engine: Engine, run_id: int, kind: str, args: dict[str, Any]) -> dict[str, Any]:
    """A wish to go back to earlier shares or weights names a version: the tape needs what they were."""
    return words_of_version(engine, kind, run_id, args) if kind in steering.KINDS else args


def words_of(args: Any) -> str:
    """A command's plain arguments; tables are too long to be said."""
    plain = {name: value for name, value in dict(args or {}).items() if not isinstance(value, (dict, list))}
    return " ".join(f"{name}={value}" for name, value in plain.items())
