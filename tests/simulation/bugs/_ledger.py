"""Parts of seeded bugs. Nothing here is right."""

from typing import Any

from db.models import Fill, Position


def cents(right: Any) -> Any:
    def write(connection: Any, tables: Any) -> None:
        for row in tables.get(Fill, []):
            row["fee"] = round(row["fee"], 2)
        right(connection, tables)

    return write


def kept(connection: Any, run_id: int, rows: list[dict[str, Any]]) -> None:
    """Nothing is deleted, and what is there is not written again."""
    table = Position.__table__  # type: ignore[attr-defined]
    known = set(connection.execute(table.select().with_only_columns(table.c.slot_id)).scalars())
    if fresh := [row for row in rows if row["slot_id"] not in known]:
        connection.execute(table.insert(), fresh)
