"""Commands that people have left in the database for a run, oldest first. Reads and decides nothing."""

from __future__ import annotations

from collections.abc import Container
from typing import Any

from sqlalchemy import Engine, select
from sqlalchemy.exc import OperationalError
from sqlmodel import col

from db.control import ALERT_COMMANDS
from db.models import Command
from engine.runtime.recorder import is_locked


def waiting(engine: Engine, run_id: int, taken: Container[int]) -> list[tuple[int, str, dict[str, Any]]]:
    """(row id, kind, args) of what is new for `run_id` and not yet `taken`; none while somebody locks the database."""
    query = (
        select(col(Command.id), col(Command.kind), col(Command.args))
        .where(col(Command.state) == "new", (col(Command.run_id) == run_id) | (col(Command.run_id).is_(None)))
        .where(col(Command.kind).not_in(ALERT_COMMANDS))
        .order_by(col(Command.id))
    )
    try:
        with engine.connect() as connection:
            rows = connection.execute(query).all()
    except OperationalError as error:
        if is_locked(error):
            return []
        raise
    return [(row_id, kind, dict(args or {})) for row_id, kind, args in rows if row_id not in taken]
