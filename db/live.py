"""Live orders: what was meant to be sent, what the venue said of it, stops kept there, and what happened there without us.

Quantities and prices at the venue are canonical decimals as text: they are compared with the venue's own, to the last digit.
An intent's state follows one table (engine.venues.live.states); the schema refuses that it ever leaves a terminal one.
"""

from typing import Any

from sqlalchemy import Index, Text, UniqueConstraint, text

from db.base import (
    Table,
    at_least_zero,
    finite,
    flag,
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
from db.orders import SIDES

INTENT_STATES = (
    "planned", "denied", "ready", "sending", "acked", "partial", "filled", "canceling", "canceled", "expired", "rejected",
    "unknown", "not_placed", "quarantined",
)  # fmt: skip
TERMINAL_STATES = ("denied", "filled", "canceled", "expired", "rejected", "not_placed")
ROLES = ("entry", "exit", "stop", "recovered")
KINDS = ("market", "limit", "stop", "stop_limit")
SOURCES = ("engine", "ack", "look_up", "poll", "trade", "reconcile", "person")
PROTECTION_STATES = ("live", "ended")
STREAMS = ("trades", "flows", "silence")
OPEN = " AND ".join(f"state <> '{state}'" for state in TERMINAL_STATES)


class Intent(Table, table=True):
    """One order that may be sent, once. It is here before anything is sent; `sent_ts` and `expires_ts` are by the venue's clock:
    from `expires_ts` on no request for it can be taken any more (0: the venue has no such thing). `filled` counts what is
    booked. `reserved` is held, in quote currency, while what became of it is open. `rev` counts changes."""

    __table_args__ = (
        UniqueConstraint("client_order_id"),
        UniqueConstraint("decision_key"),
        one_of("state", INTENT_STATES),
        one_of("role", ROLES),
        one_of("side", SIDES),
        one_of("kind", KINDS),
        *at_least_zero("reserved", "look_ups", "not_found"),
        Index(None, "run_id", "created_ts"),
        Index("ix_intent_open", "run_id", sqlite_where=text(OPEN), postgresql_where=text(OPEN)),
        Index("ix_intent_venue_order", "run_id", "venue_order_id"),
        Index("ix_intent_order", "run_id", "order_seq"),
    )

    id: int | None = key()
    run_id: int = link("run.id")
    slot_id: int | None = link("slot.id", nullable=True)
    slot_key: str = words()
    order_seq: int | None = None
    trade_seq: int | None = None
    client_order_id: str
    decision_key: str
    symbol: str
    role: str
    purpose: str = words()
    side: str
    kind: str
    qty: str
    limit_price: str | None = words(nullable=True)
    stop_price: str | None = words(nullable=True)
    filled: str = words("0")
    reserved: float = real(default="0")
    risk: dict[str, Any] = mapping()
    state: str
    reason: str = words()
    anomaly: str = words()
    venue_order_id: str = words()
    created_ts: int = moment()
    sent_ts: int | None = moment(nullable=True)
    expires_ts: int | None = moment(nullable=True)
    good_till_ts: int | None = moment(nullable=True)
    done_ts: int | None = moment(nullable=True)
    look_ups: int = number()
    not_found: int = number()
    rev: int = number()


class OrderEvent(Table, table=True):
    """Append only: what was said of an intent and by whom; `seq` is the intent's `rev` behind it."""

    __table_args__ = (
        UniqueConstraint("intent_id", "seq"),
        one_of("source", SOURCES),
        one_of("state", INTENT_STATES),
        Index(None, "run_id", "ts"),
    )

    id: int | None = key()
    run_id: int = link("run.id")
    intent_id: int = link("intent.id")
    seq: int
    ts: int = moment()
    source: str
    state: str
    filled: str = words("0")
    said: str = words()


class Protection(Table, table=True):
    """A stop kept at the venue; one live row a position. `stop` is where the venue has it, None until it has said so; where it
    is wanted stands in `wanted`. `bare_ts` is since when the position is without any."""

    __table_args__ = (
        one_of("state", PROTECTION_STATES),
        *at_least_zero("stop", "wanted"),
        Index(
            "uq_protection_live", "run_id", "slot_id", unique=True,
            sqlite_where=text("state = 'live'"), postgresql_where=text("state = 'live'"),
        ),
        Index(None, "intent_id"),
    )  # fmt: skip

    id: int | None = key()
    run_id: int = link("run.id")
    slot_id: int = link("slot.id")
    intent_id: int | None = link("intent.id", nullable=True)
    symbol: str
    trade_seq: int | None = None
    qty: float
    stop: float | None = real(nullable=True)
    wanted: float
    state: str
    reason: str = words()
    bare_ts: int | None = moment(nullable=True)
    since_ts: int = moment()
    ended_ts: int | None = moment(nullable=True)


class ExternalTrade(Table, table=True):
    """A trade of the account at the venue that no intent of ours made, or that no position of ours could take. `touched`: it
    took away what the ledger holds."""

    __table_args__ = (
        UniqueConstraint("run_id", "symbol", "venue_trade_id"),
        one_of("side", SIDES),
        Index(None, "run_id", "ts"),
    )

    id: int | None = key()
    run_id: int = link("run.id")
    symbol: str
    venue_trade_id: str
    venue_order_id: str = words()
    client_order_id: str = words()
    side: str
    qty: str
    price: str
    fee: str = words("0")
    fee_currency: str = words()
    ts: int = moment()
    seen_ts: int = moment()
    touched: bool = flag()
    reason: str = words()


class CashFlow(Table, table=True):
    """A deposit (amount > 0) or withdrawal at the venue in the account's currency; it moved capital and peak, no return."""

    __table_args__ = (UniqueConstraint("run_id", "flow_id"), *finite("amount"))

    id: int | None = key()
    run_id: int = link("run.id")
    flow_id: str
    ts: int = moment()
    amount: float
    currency: str
    taken: bool = flag()
    text: str = words()


class Watermark(Table, table=True):
    """Up to when everything of a stream of the venue has been taken, ms of its clock; symbol '' is the whole account. Of
    `silence`: until when the venue wants no requests."""

    __table_args__ = (one_of("stream", STREAMS),)

    run_id: int = link("run.id", primary_key=True)
    stream: str = part_of_key(Text)
    symbol: str = part_of_key(Text)
    ts: int = moment()
