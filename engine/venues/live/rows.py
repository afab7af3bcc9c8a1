"""The few statements by which intents are written, for both sides: made, ended, and a person warned. Nothing is decided here."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, insert, select, update
from sqlmodel import col

from db.models import Alert, Intent, Protection
from engine.venues.live import ids, proof
from engine.venues.live.amounts import text
from engine.venues.live.gate import Gate
from engine.venues.live.states import TABLE, TERMINAL, move, note
from engine.venues.port import Seen


def insert_intent(connection: Connection, gate: Gate, now: int, at_once: bool, **values: Any) -> int:
    """A new intent: READY, or where it is to be sent at once already SENDING, with the latest moment it could be taken."""
    values["client_order_id"] = ids.client_id(gate.tag, values["decision_key"])
    values |= {"created_ts": now, "state": "ready", "rev": 1}
    if at_once:
        values |= {"state": "sending", "sent_ts": now, "expires_ts": proof.expires(now, gate.expiry_ms)}
    row = connection.execute(insert(Intent).values(**values)).inserted_primary_key
    assert row is not None
    note(connection, row[0], ts=now, source="engine", said="decided and checked")
    return int(row[0])


def finish(connection: Connection, intent_id: int, to: str, *, ts: int, source: str, said: str, **values: Any) -> None:
    """The intent is over: what it held is free, and a stop protects no more."""
    values.setdefault("reason", said[:200] if to != "filled" else "")
    move(connection, intent_id, to, ts=ts, source=source, said=said, done_ts=ts, reserved=0.0, **values)
    why = "filled" if to == "filled" else "refused" if to == "rejected" else to
    live = (col(Protection.intent_id) == intent_id) & (col(Protection.state) == "live")
    connection.execute(update(Protection).where(live).values(state="ended", reason=why, ended_ts=ts))


def warn(
    connection: Connection, run_id: int, ts: int, title: str, body: str, key: str, severity: str = "critical"
) -> None:
    """An alert, once by its key."""
    if connection.execute(select(col(Alert.id)).where(col(Alert.dedupe_key) == key)).first() is None:
        row = {"run_id": run_id, "ts": ts, "severity": severity, "kind": "venue", "title": title, "body": body}
        connection.execute(insert(Alert).values(**row, dedupe_key=key, state="new", created_ts=ts))


def advise(connection: Connection, intent_id: int, to: str, *, ts: int, source: str, said: str, **values: Any) -> None:
    """What an answer says of an intent: its state goes there if the table has the way, as facts may have come first; what is
    over stays as it is."""
    state, rev = connection.execute(select(col(Intent.state), col(Intent.rev)).where(col(Intent.id) == intent_id)).one()
    if state in TERMINAL:
        return
    if to in TABLE[state] or to == state:
        move(connection, intent_id, to, ts=ts, source=source, said=said, **values)
        if to == "acked":
            _protects(connection, intent_id)
        return
    connection.execute(update(Intent).where(col(Intent.id) == intent_id).values(rev=rev + 1, **values))
    note(connection, intent_id, ts=ts, source=source, said=said)


def _protects(connection: Connection, intent_id: int) -> None:
    """The venue has the stop, however that came out: the position behind it is not bare."""
    stop = connection.execute(select(col(Intent.stop_price)).where(col(Intent.id) == intent_id)).scalar()
    bare = (col(Protection.intent_id) == intent_id) & col(Protection.bare_ts).is_not(None)
    if stop:
        connection.execute(update(Protection).where(bare).values(stop=float(stop), bare_ts=None))


def adopt(connection: Connection, run_id: int, seen: Seen, now: int) -> None:
    """An open order of ours at the venue that no database row speaks of, as an intent without a slot."""
    if connection.execute(select(col(Intent.id)).where(col(Intent.client_order_id) == seen.client_id)).first():
        return
    row = connection.execute(
        insert(Intent).values(
            run_id=run_id, client_order_id=seen.client_id, decision_key=f"recovered|{seen.client_id}", symbol=seen.symbol,
            role="recovered", side=seen.side, kind="limit", qty=text(seen.qty), state="acked", venue_order_id=seen.venue_id,
            created_ts=now, sent_ts=seen.ts, reason="found at the exchange", rev=1,
        )
    ).inserted_primary_key  # fmt: skip
    assert row is not None
    note(connection, row[0], ts=now, source="reconcile", said="open at the exchange, unknown to this database")
