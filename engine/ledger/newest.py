"""How far a run's rows go: the newest key of each table that a replay of its tape makes again. Reads; writes nothing."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, func, select

from db.models import BreakerEvent, Equity, Fill, Order, Signal, Trade

REPLAYED: dict[Any, str] = {Signal: "seq", Order: "seq", Fill: "seq", Trade: "seq", Equity: "ts", BreakerEvent: "seq"}
"""The key that grows, by table."""


def newest_rows(connection: Connection, run_id: int) -> dict[str, int]:
    """The newest seq, or ms UTC, by name of table; -1 for a table without rows. Equity is the account's."""
    found = {}
    for table, key in REPLAYED.items():
        columns = table.__table__.c
        query = select(func.max(columns[key])).where(columns.run_id == run_id)
        if table is Equity:
            query = query.where(columns.slot_id == 0)
        newest = connection.execute(query).scalar()
        found[str(table.__tablename__)] = -1 if newest is None else int(newest)
    return found
