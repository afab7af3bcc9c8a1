"""Signals: every change of a strategy's mind, taken or not, with the reason; and what the market did after each entry."""

from typing import Any

from sqlalchemy import Index, UniqueConstraint, text

from db.base import (
    Table,
    at_least_zero,
    direction,
    finite,
    flag,
    in_order,
    key,
    link,
    mapping,
    moment,
    one_of,
    part_of_key,
    real,
    words,
)

SIGNAL_KINDS = ("entry", "exit", "flip")
SIGNAL_STATUSES = ("taken", "refused", "missed", "ignored")
SIGNAL_SOURCES = ("rule", "ai")
OF_MODELS = text("source = 'ai'")
"""What models said is little beside what rules say: an index of its own finds it."""


class Signal(Table, table=True):
    """What a slot's strategy said at a bar's end. Distances in price units; `price` is the close it was said at.
    `source` is who said it: the rule, or a `model` asked with a version (hash) of a `prompt`."""

    __table_args__ = (
        UniqueConstraint("run_id", "seq"),
        one_of("kind", SIGNAL_KINDS),
        one_of("status", SIGNAL_STATUSES),
        one_of("source", SIGNAL_SOURCES),
        direction(flat=True),
        in_order("decided_ts", "known_ts"),
        *at_least_zero("stop_distance", "target_distance", "trail_distance", "limit_offset", "price"),
        Index(None, "run_id", "decided_ts"),
        Index(None, "run_id", "tag"),
        Index("ix_signal_model", "run_id", "seq", sqlite_where=OF_MODELS, postgresql_where=OF_MODELS),
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
    source: str = words("rule")
    model: str = words()
    prompt: str = words()


class SignalOutcome(Table, table=True):
    """What came after an entry signal, taken or not. `r1` to `r72` are returns in its direction to the close so many strategy
    bars on, from `base_price` and net of `cost` (a round trip); `mae` and `mfe` the excursions of those 72 bars; `result` is what
    the trade would have made with the slot's own exits, net. All are fractions; null is not known yet, or never will be if
    `resolved`. `regime` is BTC's, empty where its days are not stored."""

    __table_args__ = (
        *at_least_zero("base_price", "cost", "mae", "mfe", "held_bars", "signal_seq"),
        *finite("r1", "r4", "r12", "r24", "r72", "result"),
        Index(None, "run_id", "updated_ts"),
        {"sqlite_with_rowid": False},
    )

    run_id: int = link("run.id", primary_key=True)
    signal_seq: int = part_of_key()
    base_ts: int | None = moment(nullable=True)
    base_price: float | None = real(nullable=True)
    cost: float = real(default="0")
    r1: float | None = real(nullable=True)
    r4: float | None = real(nullable=True)
    r12: float | None = real(nullable=True)
    r24: float | None = real(nullable=True)
    r72: float | None = real(nullable=True)
    mae: float | None = real(nullable=True)
    mfe: float | None = real(nullable=True)
    result: float | None = real(nullable=True)
    exit_ts: int | None = moment(nullable=True)
    exit_reason: str = words()
    held_bars: int | None = None
    regime: str = words()
    resolved: bool = flag()
    updated_ts: int = moment()
