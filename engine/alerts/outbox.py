"""The outbox as rows: alerts that want to go out, their deliveries, and the transactions that move them on.

Reading is by a connection of our own; what is written is a function that the caller hands to whoever owns the next transaction.
Nothing is sent and no clock is read here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, func, insert, select, update
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlmodel import col

from db.asked import asked_words, words_of_row
from db.control import ALERT_COMMANDS
from db.models import Alert, AlertChannel, AlertDelivery, Command, Run
from db.queries import rows
from db.safety import OPEN_DELIVERIES
from engine.alerts.message import Message, Receipt
from engine.alerts.routing import Plan

Write = Callable[[Connection], None]
Row = dict[str, Any]
MOST = 500

_ALERT = "a.id, a.ts, a.severity, a.kind, a.title, a.body, a.created_ts, r.name AS run, r.demo"
_UNROUTED = f"""SELECT {_ALERT} FROM alert a LEFT JOIN run r ON r.id = a.run_id WHERE a.state = 'new'
    AND NOT EXISTS (SELECT 1 FROM alert_delivery d WHERE d.alert_id = a.id) ORDER BY a.id LIMIT {MOST}"""
_OPEN = f"""SELECT {_ALERT}, d.id AS delivery, d.channel, d.state, d.tries, d.next_ts FROM alert_delivery d
    JOIN alert a ON a.id = d.alert_id LEFT JOIN run r ON r.id = a.run_id
    WHERE d.state IN ('new', 'failed', 'held') ORDER BY a.id, d.id"""
_RECENT = """SELECT a.kind, d.channel, d.created_ts FROM alert_delivery d JOIN alert a ON a.id = d.alert_id
    WHERE d.created_ts > :since AND d.state IN ('new', 'failed', 'sent', 'dead') ORDER BY d.id"""
_UNHEARD = """SELECT a.id, a.ts, a.title, a.body, a.run_id, a.created_ts FROM alert a WHERE a.severity = 'critical'
    AND a.acked_ts IS NULL AND a.escalated_ts IS NULL AND a.kind NOT IN ('digest', 'escalation')
    AND a.created_ts > :since AND a.created_ts <= :until
    AND EXISTS (SELECT 1 FROM alert_delivery d WHERE d.alert_id = a.id) ORDER BY a.id LIMIT 50"""
_TOLD = "SELECT max(dedupe_key) AS k FROM alert WHERE kind = 'daily' AND dedupe_key LIKE :like"


@dataclass
class Delivery:
    """One message on its way through one channel."""

    message: Message
    channel: str
    tries: int = 0
    next_ts: int = 0

    @property
    def key(self) -> tuple[int, str]:
        return self.message.id, self.channel


def message_of(row: Mapping[str, Any]) -> Message:
    """An alert's row as what is sent."""
    return Message(
        int(row["id"]), int(row["ts"]), str(row["severity"]), str(row["kind"]), str(row["title"]), str(row["body"] or ""),
        str(row["run"] or ""), bool(row["demo"]), row["severity"] == "critical",
    )  # fmt: skip


# ---- reading ---------------------------------------------------------------------------------------------------------
def unrouted(engine: Engine) -> list[Row]:
    """New alerts that no channel was chosen for yet, oldest first."""
    return rows(engine, _UNROUTED)


def open_deliveries(engine: Engine) -> list[Row]:
    """What is not over: on its way, or held back; oldest alert first."""
    return rows(engine, _OPEN)


def recent(engine: Engine, since: int) -> list[Row]:
    """kind, channel and created_ts of what was not held back since then."""
    return rows(engine, _RECENT, {"since": since})


def unheard(engine: Engine, since: int, until: int) -> list[Row]:
    """Critical alerts of that time which went out and nobody acknowledged."""
    return rows(engine, _UNHEARD, {"since": since, "until": until})


def last_daily(engine: Engine, run_id: int) -> str:
    """The newest local day that was summed up for the run; "" for none."""
    found = rows(engine, _TOLD, {"like": f"daily:{run_id}:%"})[0]["k"]
    return str(found).rpartition(":")[2] if found else ""


def asked(engine: Engine) -> list[Row]:
    """Commands for the alerts that nobody has answered, oldest first."""
    query = (
        select(col(Command.id), col(Command.kind), asked_words(), col(Command.source))
        .where(col(Command.state) == "new", col(Command.kind).in_(ALERT_COMMANDS))
        .order_by(col(Command.id))
    )
    with engine.connect() as connection:
        return [{**row, "args": words_of_row(row["args"])} for row in connection.execute(query).mappings()]


def cursor_of(engine: Engine, channel: str) -> int:
    """How far a channel that listens has read."""
    found = rows(engine, "SELECT cursor FROM alert_channel WHERE name = :name", {"name": channel})
    return int(found[0]["cursor"] or 0) if found else 0


# ---- transactions ----------------------------------------------------------------------------------------------------
def safe(work: Write) -> Write:
    """The same, but whatever goes wrong in it is a row refused: no defect of ours may break the ledger's transaction."""

    def write(connection: Connection) -> None:
        try:
            work(connection)
        except (OperationalError, IntegrityError):
            raise
        except Exception as error:
            raise IntegrityError("a row of the alerts", None, error) from error

    return write


def route(alert_id: int, plans: Sequence[Plan], now: int) -> Write:
    """The chosen ways of an alert; none makes it history."""

    def write(connection: Connection) -> None:
        if not plans:
            connection.execute(update(Alert).where(col(Alert.id) == alert_id).values(state="sent"))
            return
        found = set(
            connection.execute(
                select(col(AlertDelivery.channel)).where(col(AlertDelivery.alert_id) == alert_id)
            ).scalars()
        )
        for plan in plans:
            if plan.channel not in found:
                _add(connection, alert_id, plan, now)

    return write


def _add(connection: Connection, alert_id: int, plan: Plan, now: int) -> None:
    values = {"state": "held" if plan.until else "new", "next_ts": plan.until or now, "created_ts": now}
    connection.execute(insert(AlertDelivery).values(alert_id=alert_id, channel=plan.channel, **values))


def settle(delivery: Delivery, state: str, receipt: Receipt, now: int) -> Write:
    """What became of an attempt, and of the alert when it was the last way open."""
    alert_id, channel = delivery.key
    values: Row = {"state": state, "tries": delivery.tries, "next_ts": delivery.next_ts, "answer": receipt.words}
    if state == "sent":
        values["sent_ts"] = now

    def write(connection: Connection) -> None:
        mine = (col(AlertDelivery.alert_id) == alert_id, col(AlertDelivery.channel) == channel)
        connection.execute(update(AlertDelivery).where(*mine).values(**values))
        if state != "failed":
            _close(connection, [alert_id])
        told: Row = {"note": receipt.words, "updated_ts": now}
        if state == "sent" or receipt.broken:
            told["state"] = "refused" if receipt.broken else "ready"
            told |= {"sent_ts": now} if state == "sent" else {}
        connection.execute(update(AlertChannel).where(col(AlertChannel.name) == channel).values(**told))

    return write


def _close(connection: Connection, alert_ids: Sequence[int]) -> None:
    """Alerts none of whose ways are open are over: sent if one worked."""
    for alert_id in alert_ids:
        states = set(
            connection.execute(
                select(col(AlertDelivery.state)).where(col(AlertDelivery.alert_id) == alert_id)
            ).scalars()
        )
        if not states & set(OPEN_DELIVERIES):
            state = "sent" if states & {"sent", "summed"} or not states else "dead"
            connection.execute(update(Alert).where(col(Alert.id) == alert_id).values(state=state))


def tell(row: Row, plans: Sequence[Plan] = ()) -> Write:
    """An alert of our own, once for its dedupe_key; with `plans` it is routed at once."""

    def write(connection: Connection) -> None:
        add(connection, row, plans)

    return write


def add(connection: Connection, row: Row, plans: Sequence[Plan] = ()) -> int | None:
    """The alert's number; None where its dedupe_key is known."""
    known = select(col(Alert.id)).where(col(Alert.dedupe_key) == row["dedupe_key"])
    if connection.execute(known).first() is not None:
        return None
    made = connection.execute(insert(Alert).values(state="new", **row)).inserted_primary_key
    assert made is not None
    for plan in plans:
        _add(connection, int(made[0]), plan, int(row["created_ts"]))
    return int(made[0])


def sum_up(row: Row, channel: str, deliveries: Sequence[int], alerts: Sequence[int]) -> Write:
    """One message in place of those held back in a channel."""

    def write(connection: Connection) -> None:
        number = add(connection, row, [Plan(channel)])
        mine = col(AlertDelivery.id).in_(list(deliveries)), col(AlertDelivery.state) == "held"
        connection.execute(update(AlertDelivery).where(*mine).values(state="summed", answer=f"summed up in {number}"))
        _close(connection, sorted(set(alerts)))

    return write


def escalate(alert_id: int, row: Row, channels: Iterable[str], now: int) -> Write:
    """A critical alert that nobody acknowledged goes out again, elsewhere."""
    plans = [Plan(channel) for channel in channels]

    def write(connection: Connection) -> None:
        add(connection, row, plans)
        connection.execute(update(Alert).where(col(Alert.id) == alert_id).values(escalated_ts=now))

    return write


def acknowledge(which: int | None, by: str, now: int, done: Callable[[Connection, int], None] | None = None) -> Write:
    """Alert `which`, or all (None), are acknowledged; `done` is told how many there were."""

    def write(connection: Connection) -> None:
        change = update(Alert).where(col(Alert.acked_ts).is_(None)).values(acked_ts=now, acked_by=by)
        if which is not None:
            change = change.where(col(Alert.id) == which)
        count = connection.execute(change).rowcount
        if done is not None:
            done(connection, count)

    return write


def resend(which: int | None, now: int, done: Callable[[Connection, int], None]) -> Write:
    """Dead letter `which` (a delivery's number), or all (None), are tried again from the start."""

    def write(connection: Connection) -> None:
        query = select(col(AlertDelivery.id), col(AlertDelivery.alert_id)).where(col(AlertDelivery.state) == "dead")
        if which is not None:
            query = query.where(col(AlertDelivery.id) == which)
        found = connection.execute(query).all()
        for number, alert_id in found:
            values = {"state": "new", "tries": 0, "next_ts": now}
            connection.execute(update(AlertDelivery).where(col(AlertDelivery.id) == number).values(**values))
            connection.execute(update(Alert).where(col(Alert.id) == alert_id).values(state="new"))
        done(connection, len(found))

    return write


def answer(command_id: int, done: bool, words: str, now: int) -> Write:
    """A command's answer."""

    def write(connection: Connection) -> None:
        reply(connection, command_id, done, words, now)

    return write


def reply(connection: Connection, command_id: int, done: bool, words: str, now: int) -> None:
    values = {"state": "done" if done else "refused", "acked_ts": now, "result": words}
    connection.execute(update(Command).where(col(Command.id) == command_id).values(**values))


def standing(channels: Mapping[str, tuple[str, str, str]], now: int) -> Write:
    """Every channel's row: (title, state, note) by name; those that are no more are removed."""

    def write(connection: Connection) -> None:
        for name, (title, state, note) in channels.items():
            values = {"title": title, "state": state, "note": note, "updated_ts": now}
            changed = connection.execute(update(AlertChannel).where(col(AlertChannel.name) == name).values(**values))
            if not changed.rowcount:
                connection.execute(insert(AlertChannel).values(name=name, **values))

    return write


def remember(channel: str, cursor: int) -> Write:
    """How far a channel that listens has read."""

    def write(connection: Connection) -> None:
        connection.execute(update(AlertChannel).where(col(AlertChannel.name) == channel).values(cursor=cursor))

    return write


def ask(row: Row) -> Write:
    """A command, once for its uuid."""

    def write(connection: Connection) -> None:
        if connection.execute(select(col(Command.id)).where(col(Command.uuid) == row["uuid"])).first() is None:
            connection.execute(insert(Command).values(**row))

    return write


def open_count(engine: Engine) -> dict[str, int]:
    """Deliveries that are open and dead."""
    query = select(col(AlertDelivery.state), func.count()).group_by(col(AlertDelivery.state))
    with engine.connect() as connection:
        found = {state: int(count) for state, count in connection.execute(query).all()}
    return {"waiting": sum(found.get(state, 0) for state in OPEN_DELIVERIES), "dead": found.get("dead", 0)}


def run_of(engine: Engine, run_id: int) -> Row:
    """The run's row."""
    with engine.connect() as connection:
        found = connection.execute(select(Run.__table__).where(col(Run.id) == run_id)).mappings().first()  # type: ignore[attr-defined]
        return dict(found) if found else {}
