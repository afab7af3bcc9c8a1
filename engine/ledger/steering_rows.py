"""Shares and weights as rows: written with the commit that holds the change, read back to go to an earlier version."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, Engine, insert, select
from sqlmodel import col

from db.models import Allocation, SourceWeight
from db.queries import rows
from engine.ledger import steering
from engine.ledger.steering import Steered

_NEWEST = {
    "shares": "SELECT version, ts, author, shares, why FROM allocation WHERE run_id = :run ORDER BY version DESC LIMIT 1",
    "weights": "SELECT version, ts, author, why FROM source_weight WHERE run_id = :run ORDER BY version DESC LIMIT 1",
}
NOBODY = ""
"""The source of a version's only row where it knows of none: everything is equal again."""
_ROW = ("source", "regime", "signals", "resolved", "won", "mean", "weight")


def write_steered(connection: Connection, run_id: int, taken: Iterable[Steered]) -> None:
    """A row for each change of the shares, and one a source and regime for each of the weights."""
    for one in taken:
        args = one.args
        same: dict[str, Any] = {"run_id": run_id, "version": one.version, "ts": one.ts, "created_ts": _now()}
        same |= {"author": str(one.args.get("author", "engine")), "why": str(one.args.get("why", ""))}
        if one.kind == "shares":
            connection.execute(
                insert(Allocation), {**same, "shares": dict(args["shares"]), "told": dict(args.get("told", {}))}
            )
            continue
        today = {(row["source"], row["regime"]) for row in steering.todays(args)}
        made = [
            {
                **same, "source": row["source"], "regime": row["regime"], "signals": int(row.get("signals", 0)),
                "resolved": int(row["resolved"]), "won": row["won"], "mean": row["mean"],
                "weight": float(row["weight"]), "acts": bool(args.get("acts")),
                "in_force": (row["source"], row["regime"]) in today,
            }
            for row in args["rows"]
        ]  # fmt: skip
        connection.execute(insert(SourceWeight), made or [{**same, "source": NOBODY, "regime": steering.EVERY}])


def newest(engine: Engine, kind: str, run_id: int) -> dict[str, Any] | None:
    """The version in force: version, ts, author, why; None where nothing ever changed."""
    found = rows(engine, _NEWEST[kind], {"run": run_id})
    return dict(found[0]) if found else None


def allocations(engine: Engine, run_id: int, most: int = 50) -> list[dict[str, Any]]:
    """The newest versions of the shares, newest first: version, ts, author, shares, told, why."""
    wanted = [col(getattr(Allocation, name)) for name in ("version", "ts", "author", "shares", "told", "why")]
    query = select(*wanted).where(col(Allocation.run_id) == run_id).order_by(col(Allocation.version).desc()).limit(most)
    with engine.connect() as connection:
        return [dict(row) for row in connection.execute(query).mappings()]


def weights(engine: Engine, run_id: int, most: int = 500) -> list[dict[str, Any]]:
    """The newest rows of the weights, newest version first, sources and regimes in order."""
    table = SourceWeight.__table__  # type: ignore[attr-defined]
    query = select(table).where(table.c.run_id == run_id, table.c.source != NOBODY)
    ordered = query.order_by(table.c.version.desc(), table.c.source, table.c.regime).limit(most)
    with engine.connect() as connection:
        return [dict(row) for row in connection.execute(ordered).mappings()]


def words_of_version(engine: Engine, kind: str, run_id: int, args: Mapping[str, Any]) -> dict[str, Any]:
    """A person's wish to go back to version `args["version"]` (0: everything equal) as the words of a command of the tape."""
    version = int(args.get("version", 0))
    told = {"author": "person", "version": version, "why": str(args.get("why") or f"back to version {version}")}
    if not version:
        return {
            **told,
            "why": str(args.get("why") or "back to equal"),
            **({"shares": {}} if kind == "shares" else {"rows": []}),
        }
    with engine.connect() as connection:
        if kind == "shares":
            query = select(col(Allocation.shares), col(Allocation.told))
            one = connection.execute(
                query.where(col(Allocation.run_id) == run_id, col(Allocation.version) == version)
            ).first()
            return {**told, "shares": one.shares, "told": one.told} if one else told
        table = SourceWeight.__table__  # type: ignore[attr-defined]
        query = select(table).where(table.c.run_id == run_id, table.c.version == version)
        found = [dict(row) for row in connection.execute(query).mappings()]
    if not found:
        return told
    regime = next((row["regime"] for row in found if row["in_force"] and row["regime"]), steering.EVERY)
    made = [{name: row[name] for name in _ROW} for row in found if row["source"] != NOBODY]
    return {**told, "rows": made, "regime": regime, "acts": bool(found[0]["acts"])}


def _now() -> int:
    return time.time_ns() // 1_000_000
