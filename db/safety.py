"""What went wrong and what held: breakers and their trips, outages, alerts and their delivery."""

from typing import Any

from sqlalchemy import Index, Text, UniqueConstraint

from db.base import (
    LEVELS,
    Table,
    at_least_zero,
    finite,
    key,
    link,
    mapping,
    moment,
    number,
    one_of,
    part_of_key,
    real,
    words,
)

SCOPES = ("slot", "symbol", "account")


class Breaker(Table, table=True):
    """A breaker as it stands now; slot 0 is the account."""

    __table_args__ = (
        one_of("state", ("armed", "tripped")),
        one_of("level", LEVELS),
        *at_least_zero("count"),
        *finite("value", "threshold"),
    )

    run_id: int = link("run.id", primary_key=True)
    name: str = part_of_key(Text)
    slot_id: int = part_of_key()
    state: str
    level: str
    count: int = number()
    value: float | None = real(nullable=True)
    threshold: float | None = real(nullable=True)
    since_ts: int | None = moment(nullable=True)
    until_ts: int | None = moment(nullable=True)


class BreakerEvent(Table, table=True):
    """A trip, release or end, with the numbers that caused it."""

    __table_args__ = (
        UniqueConstraint("run_id", "seq"),
        one_of("scope", SCOPES),
        one_of("action", ("trip", "release", "end")),
        one_of("level", LEVELS),
        Index(None, "run_id", "ts"),
    )

    id: int | None = key()
    run_id: int = link("run.id")
    seq: int
    ts: int = moment()
    breaker: str
    scope: str
    slot_id: int | None = None
    action: str
    level: str
    value: float | None = real(nullable=True)
    threshold: float | None = real(nullable=True)
    numbers: dict[str, Any] = mapping()
    reason: str = words()
    until_ts: int | None = moment(nullable=True)


class Outage(Table, table=True):
    """A time without data; `to_ts` is empty while it lasts, `source` says what it was filled from."""

    __table_args__ = (
        UniqueConstraint("run_id", "seq"),
        one_of("source", ("trades", "candles", "none")),
        *at_least_zero("frames"),
        Index(None, "run_id", "from_ts"),
    )

    id: int | None = key()
    run_id: int = link("run.id")
    seq: int
    from_ts: int = moment()
    to_ts: int | None = moment(nullable=True)
    cause: str = words()
    source: str = words("none")
    frames: int = number()
    reason: str = words()


class Alert(Table, table=True):
    """The outbox: what a person should hear. `state` is new while a delivery is under way, sent when all are over (or none was
    wanted), dead when no channel took it; `acked_by` says where it was acknowledged."""

    __table_args__ = (
        UniqueConstraint("dedupe_key"),
        one_of("severity", ("info", "warning", "critical")),
        one_of("state", ("new", "sent", "dead")),
        Index(None, "state", "id"),
        Index(None, "run_id", "ts"),
        Index(None, "kind", "id"),
    )

    id: int | None = key()
    run_id: int | None = link("run.id", nullable=True)
    ts: int = moment()
    severity: str
    kind: str
    title: str
    body: str = words()
    dedupe_key: str | None = None
    state: str = words("new")
    created_ts: int = moment()
    acked_ts: int | None = moment(nullable=True)
    acked_by: str | None = words(nullable=True)
    escalated_ts: int | None = moment(nullable=True)


DELIVERIES = ("new", "failed", "held", "sent", "dead", "summed")
OPEN_DELIVERIES = ("new", "failed", "held")


class AlertDelivery(Table, table=True):
    """An alert on its way through one channel: new and failed are tried at `next_ts`, held is summed up then; `answer` is what
    the provider said last."""

    __table_args__ = (
        UniqueConstraint("alert_id", "channel"),
        one_of("state", DELIVERIES),
        *at_least_zero("tries"),
        Index(None, "state", "id"),
    )

    id: int | None = key()
    alert_id: int = link("alert.id")
    channel: str
    state: str = words("new")
    tries: int = number()
    next_ts: int = moment()
    sent_ts: int | None = moment(nullable=True)
    answer: str = words()
    created_ts: int = moment()


class AlertChannel(Table, table=True):
    """A channel as the running engine has it: ready, or what it lacks in `note`. No secret is ever in here. `cursor` is how far
    a channel that listens has read."""

    __table_args__ = (one_of("state", ("ready", "missing", "refused")),)

    name: str = part_of_key(Text)
    title: str = words()
    state: str
    note: str = words()
    sent_ts: int | None = moment(nullable=True)
    updated_ts: int = moment()
    cursor: int | None = moment(nullable=True)
