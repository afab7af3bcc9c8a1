"""Which challengers a run has."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine

from db.queries import rows

_OF = """SELECT r.id, r.name, r.status, s.strategy, s.symbol, s.label FROM run r JOIN slot s ON s.run_id = r.id
    WHERE r.challenger_of = :run ORDER BY r.id DESC LIMIT 32"""


def of_run(engine: Engine, run_id: int) -> list[dict[str, Any]]:
    """The challengers that live beside a run and those that did, newest first: id, name, status, strategy, symbol, label."""
    return rows(engine, _OF, {"run": run_id})
