"""Stops kept at the venue: one a position, where the position's own stop stands, in the transaction that opened or moved it.

Rows only: which stop should be there, and which one is. The lane sends, replaces and resolves them like every other intent.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, func, insert, select, update
from sqlmodel import col

from db.models import Intent, Protection
from engine.ledger.names import Context
from engine.ledger.statements import LIVE_STOPS, OPEN_POSITIONS
from engine.venues.live import ids
from engine.venues.live.amounts import exact, nearest_down, text
from engine.venues.live.gate import DRY, REPLACE_MS, Gate
from engine.venues.live.rows import finish, insert_intent

PURPOSES = ("stop", "trail", "breakeven", "outage")
"""Why a slot leaves where its stop at the venue would have filled."""
GAP = Decimal("0.005")
"""How far beyond its trigger a stop-limit's limit stands: far enough to fill at once in all but a collapse, for which the engine
leaves at market."""


def is_live(connection: Connection, run_id: int, slot_id: int) -> bool:
    """Whether a stop of the slot is at the venue, or on its way there or back."""
    query = select(col(Protection.id)).where(
        col(Protection.run_id) == run_id, col(Protection.slot_id) == slot_id, col(Protection.state) == "live"
    )
    return connection.execute(query).first() is not None


def sync(connection: Connection, context: Context, gate: Gate, now: int) -> None:
    """Positions and stops as they stand in this transaction: what is missing is made, what has moved is noted."""
    mine = {"mine": context.run_id}
    live = {row.slot_id: row for row in connection.execute(LIVE_STOPS, mine)}
    held = connection.execute(OPEN_POSITIONS, mine).all()
    there = {row.slot_id: row for row in held}
    for slot_id, row in live.items():
        position = there.get(slot_id)
        gone = position is None or position.trade_seq != row.trade_seq
        wanted = 0.0 if gone or position is None or not position.stop else position.stop
        if wanted != row.wanted:
            connection.execute(update(Protection).where(col(Protection.id) == row.id).values(wanted=wanted))
    for position in held:
        if position.stop and position.slot_id not in live:
            _protect(connection, context, gate, position, now)


def rehearse(connection: Connection, context: Context, gate: Gate, now: int) -> None:
    """What `sync` and the lane would have sent by now, of a dry run: the stop of a position that has none, and the one that
    takes its place where it has moved. Each is over as it is written; no row says that the venue keeps anything."""
    for position in connection.execute(OPEN_POSITIONS, {"mine": context.run_id}).all():
        if not position.stop or position.slot_id not in context.slot_ids or _leaves(position, gate):
            continue
        former = _former(connection, context.run_id, position)
        if former:
            last = former[-1]
            stands = (last.stop_price, last.qty) == (text(exact(position.stop)), text(exact(position.qty)))
            if stands or now < last.created_ts + REPLACE_MS:
                continue
        number = _stop_intent(connection, context, gate, position, len(former), now)
        finish(connection, number, "canceled", ts=now, source="engine", said=DRY)


def _former(connection: Connection, run_id: int, position: Any) -> Sequence[Any]:
    """The stops that were written for a position so far, oldest first."""
    columns = (col(Intent.stop_price), col(Intent.qty), col(Intent.created_ts))
    since = (col(Intent.run_id) == run_id) & (col(Intent.created_ts) >= position.entry_ts)
    mine = (col(Intent.slot_id) == position.slot_id) & (col(Intent.trade_seq) == position.trade_seq)
    query = select(*columns).where(since, mine, col(Intent.role) == "stop").order_by(col(Intent.id))
    return connection.execute(query).all()


def _leaves(position: Any, gate: Gate) -> bool:
    return position.status == "exiting" or gate.killed() or gate.level() == "killed"


def _protect(connection: Connection, context: Context, gate: Gate, position: Any, now: int) -> None:
    """A stop for a position that has none; while it is leaving, or after a kill, it gets none."""
    if _leaves(position, gate):
        return
    mine = (col(Protection.run_id) == context.run_id) & (col(Protection.slot_id) == position.slot_id)
    of_trade = mine & (col(Protection.trade_seq) == position.trade_seq)
    refused = select(col(Protection.id)).where(of_trade, col(Protection.reason) == "refused")
    if connection.execute(refused).first() is not None or position.slot_id not in context.slot_ids:
        return
    attempt = int(connection.execute(select(func.count()).select_from(Protection).where(of_trade)).scalar() or 0)
    bare = connection.execute(select(func.max(col(Protection.ended_ts))).where(of_trade)).scalar()
    intent = _stop_intent(connection, context, gate, position, attempt, now)
    connection.execute(
        insert(Protection).values(
            run_id=context.run_id, slot_id=position.slot_id, intent_id=intent, symbol=position.symbol,
            trade_seq=position.trade_seq, qty=position.qty, wanted=position.stop, state="live", since_ts=now,
            bare_ts=bare or now,
        )
    )  # fmt: skip


def _stop_intent(connection: Connection, context: Context, gate: Gate, position: Any, attempt: int, now: int) -> int:
    i = context.slot_ids.index(position.slot_id)
    instrument, long = context.grids[i].instrument, position.direction > 0
    stop, limit = exact(position.stop), None
    if gate.native_stop == "stop_limit":
        beyond = stop * (1 - GAP if long else 1 + GAP)
        limit = nearest_down(beyond, instrument.tick, up=not long)
    slot = context.slots[i]
    key = ids.stop_key(gate.run, slot.key, position.trade_seq or 0, position.entry_ts, attempt)
    return insert_intent(
        connection, gate, now, gate.take_room(),
        run_id=context.run_id, slot_id=position.slot_id, slot_key=slot.key, trade_seq=position.trade_seq,
        decision_key=key, symbol=position.symbol, role="stop", purpose="stop", side="sell" if long else "buy",
        kind=gate.native_stop, qty=text(exact(position.qty)), stop_price=text(stop),
        limit_price=text(limit) if limit is not None else None, risk={"entry": position.entry_price},
    )  # fmt: skip
