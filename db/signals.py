"""Signals: every change of a strategy's mind, taken or not, with the reason."""

from typing import Any

from sqlalchemy import Index, UniqueConstraint

from db.base import Table, at_least_zero, direction, in_order, key, link, mapping, moment, one_of, real, words

SIGNAL_KINDS = ("entry", "exit", "flip")
SIGNAL_STATUSES = ("taken", "refused", "missed", "ignored")


class Signal(Table, table=True):
    """What a slot's strategy said at a bar's end. Distances in price units; `price` is the close it was said at."""

    __table_args__ = (
        UniqueConstraint("run_id", "seq"),
        one_of("kind", SIGNAL_KINDS),
        one_of("status", SIGNAL_STATUSES),
        direction(flat=True),
        in_order("decided_ts", "known_ts"),
        *at_least_zero("stop_distance", "target_distance", "trail_distance", "limit_offset", "price"),
        Index(None, "run_id", "decided_ts"),
        Index(None, "run_id", "tag"),
    )

    id: int | None = key()
    run_id: int = link("run.id")
    seq: int
    slot_id: int = link("slot.id")
    decided_ts: int = moment()
    known_ts: int = moment()
    kind: str
    direction: int
    stop_distance: float | None = real(nullable=True)
    target_distance: float | None = real(nullable=True)
    trail_distance: float | None = real(nullable=True)
    limit_offset: float | None = real(nullable=True)
    strength: float | None = real(nullable=True)
    volatility: float | None = real(nullable=True)
    tag: str = words()
    status: str
    reason: str = words()
    price: float | None = real(nullable=True)
    order_seq: int | None = None
    config_version_id: int | None = link("config_version.id", nullable=True)
    source_hash: str = words()
    checks: dict[str, Any] = mapping()
