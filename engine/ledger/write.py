"""Rows into the database: the few statements by which a run is written. What happened is decided elsewhere."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, select, update
from sqlalchemy.orm import Session
from sqlmodel import col

from db.models import Breaker, ConfigVersion, Equity, Fill, Order, Position, Run, Signal, Slot
from db.models import Instrument as InstrumentRow
from engine.core.types import Instrument, SlotSpec
from engine.ledger.statements import CLEAR_POSITIONS, insert_into, upsert

BATCH = 500
UPSERTED: dict[Any, tuple[str, ...]] = {
    Order: ("run_id", "seq"),
    Breaker: ("run_id", "name", "slot_id"),
    Equity: ("run_id", "slot_id", "ts"),
}
"""Tables whose rows may be written again, and the key that says so."""
KEPT: dict[Any, tuple[str, ...]] = {Order: ("config_version_id",)}
"""What a row says for good the first time it is written."""
FIRST = (Signal, Order, Fill)


def write_rows(connection: Connection, tables: Mapping[Any, list[dict[str, Any]]]) -> None:
    """Insert rows by table, at most 500 a statement; orders, breakers and equity points replace their former state."""
    ordered = [table for table in FIRST if table in tables] + [table for table in tables if table not in FIRST]
    for table in ordered:
        rows = tables[table]
        for start in range(0, len(rows), BATCH):
            _write(connection, table, rows[start : start + BATCH])


def _write(connection: Connection, table: Any, rows: list[dict[str, Any]]) -> None:
    if table is Slot:
        _set_slot_states(connection, rows)
        return
    keys = UPSERTED.get(table)
    if keys is None:
        connection.execute(insert_into(table), rows)
        return
    statement = upsert(table, connection.dialect.name, tuple(rows[0]), keys, KEPT.get(table, ()))
    connection.execute(statement, rows)


def _set_slot_states(connection: Connection, rows: list[dict[str, Any]]) -> None:
    """Slots are only ever changed: rows of (id, state). What was wrong with one is over when it is not failed any more."""
    for row in rows:
        values = {"state": row["state"]} if row["state"] == "failed" else {"state": row["state"], "error": None}
        connection.execute(update(Slot).where(col(Slot.id) == row["id"]).values(**values))


def replace_positions(connection: Connection, run_id: int, rows: list[dict[str, Any]]) -> None:
    """The run's open positions are these and no others."""
    connection.execute(CLEAR_POSITIONS, {"mine": run_id})
    if rows:
        connection.execute(insert_into(Position), rows)


# ---- a run and what it is made of ------------------------------------------------------------------------------------------
def create_run(session: Session, **columns: Any) -> int:
    """A new run's id."""
    run = Run(**columns)
    session.add(run)
    session.flush()
    assert run.id is not None
    return run.id


def find_config_version(session: Session, run_id: int, digest: str) -> int | None:
    """The newest version of this text in the run."""
    query = select(col(ConfigVersion.id)).where(col(ConfigVersion.run_id) == run_id, col(ConfigVersion.hash) == digest)
    return session.execute(query.order_by(col(ConfigVersion.id).desc())).scalar()


def add_config_version(session: Session, run_id: int, text: str, source: str) -> int:
    """Store a configuration's text; its id."""
    digest = hashlib.sha256(text.encode()).hexdigest()
    version = ConfigVersion(run_id=run_id, created_ts=_now(), hash=digest, text=text, source=source)
    session.add(version)
    session.flush()
    assert version.id is not None
    return version.id


def ensure_instruments(session: Session, exchange: str, instruments: Sequence[Instrument]) -> None:
    """The grid of every symbol as it is now; decimals as text."""
    names = [instrument.symbol for instrument in instruments]
    query = select(InstrumentRow).where(
        col(InstrumentRow.exchange) == exchange, col(InstrumentRow.symbol).in_(sorted(names))
    )
    known = {row.symbol: row for row in session.scalars(query)}
    for instrument in instruments:
        row = known.get(instrument.symbol) or InstrumentRow(exchange=exchange, symbol=instrument.symbol)  # type: ignore[call-arg]
        for name in ("base", "quote", "kind"):
            setattr(row, name, getattr(instrument, name))
        for name in ("tick", "lot", "quantum", "min_qty", "min_notional", "maker", "taker"):
            setattr(row, name, f"{getattr(instrument, name):f}")
        row.updated_ts = _now()
        session.add(row)
    session.flush()


def ensure_slots(
    session: Session,
    run_id: int,
    slots: Sequence[SlotSpec],
    params: Sequence[Mapping[str, Any]],
    sources: Sequence[tuple[str, str]],
    config_version_id: int | None = None,
) -> tuple[int, ...]:
    """A row for every slot, by key, with its parameters and source text; their ids in order."""
    known = {row.key: row for row in session.scalars(select(Slot).where(col(Slot.run_id) == run_id))}
    rows = []
    for position, (slot, values, (text, digest)) in enumerate(zip(slots, params, sources, strict=True)):
        row = known.get(slot.key) or Slot(run_id=run_id, key=slot.key, state="enabled")  # type: ignore[call-arg]
        row.position, row.label, row.strategy, row.symbol = position, slot.label, slot.strategy, slot.symbol
        row.timeframe_ms, row.params = slot.timeframe_ms, dict(values)
        row.source_text, row.source_hash, row.config_version_id = text, digest, config_version_id
        session.add(row)
        session.flush()  # one by one: a row's id follows the order of the slots
        rows.append(row)
    return tuple(int(row.id or 0) for row in rows)


def _now() -> int:
    return time.time_ns() // 1_000_000
