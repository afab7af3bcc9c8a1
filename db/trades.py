"""Positions and trades: what is held, and what was held from entry to exit.

MAE and MFE are the worst and best excursions while held, as fractions of the entry price.
"""

from sqlalchemy import Index, UniqueConstraint

from db.base import (
    Table,
    above_zero,
    at_least_zero,
    direction,
    finite,
    flag,
    in_order,
    key,
    link,
    moment,
    number,
    one_of,
    real,
    words,
)
from db.orders import PURPOSES

POSITION_STATUSES = ("open", "entering", "exiting")
FACETS = (
    "run_id", "exit_ts", "seq", "pnl", "entry_ts", "slot_id", "symbol", "direction", "exit_reason", "config_version_id",
    "r_multiple", "fees", "ambiguous", "signal_seq",
)  # fmt: skip
"""What the trades page filters, sorts, groups and sums by: it is answered from this index alone."""


class Trade(Table, table=True):
    """A closed trade; money in quote currency, net of fees and funding. `kind_pnl` is the result had the target been
    taken where a bar held both stop and target (`ambiguous`)."""

    __table_args__ = (
        UniqueConstraint("run_id", "seq"),
        one_of("exit_reason", PURPOSES),
        direction(),
        in_order("entry_ts", "exit_ts"),
        *above_zero("qty", "entry_price", "exit_price"),
        *at_least_zero("entry_notional", "exit_notional", "bars_held", "stop_initial", "risk"),
        *finite("fees", "funding", "pnl", "pnl_pct", "kind_pnl"),
        Index("ix_trade_facets", *FACETS),
        Index(None, "run_id", "slot_id"),
    )

    id: int | None = key()
    run_id: int = link("run.id")
    seq: int
    slot_id: int = link("slot.id")
    symbol: str
    direction: int
    qty: float
    entry_ts: int = moment()
    exit_ts: int = moment()
    entry_price: float
    exit_price: float
    entry_notional: float
    exit_notional: float
    fees: float
    funding: float = real(default="0")
    pnl: float
    pnl_pct: float
    exit_reason: str
    mae: float | None = real(nullable=True)
    mfe: float | None = real(nullable=True)
    bars_held: int = number()
    ambiguous: bool = flag()
    kind_pnl: float | None = real(nullable=True)
    stop_initial: float | None = real(nullable=True)
    risk: float | None = real(nullable=True)
    r_multiple: float | None = real(nullable=True)
    signal_seq: int | None = None
    entry_order_seq: int | None = None
    exit_order_seq: int | None = None
    config_version_id: int | None = link("config_version.id", nullable=True)
    source_hash: str = words()


class Position(Table, table=True):
    """What a slot holds now; one row a slot, gone when flat. `risk` is what the stop would lose, in quote currency."""

    __table_args__ = (
        UniqueConstraint("run_id", "slot_id"),
        one_of("status", POSITION_STATUSES),
        direction(),
        *at_least_zero(
            "qty", "entry_price", "entry_notional", "bars_held", "stop", "stop_initial", "target", "trail", "risk"
        ),
        Index(None, "slot_id"),
    )

    id: int | None = key()
    run_id: int = link("run.id")
    slot_id: int = link("slot.id")
    symbol: str
    direction: int
    qty: float
    entry_ts: int = moment()
    entry_price: float
    entry_notional: float
    fees: float = real(default="0")
    funding: float = real(default="0")
    stop: float | None = real(nullable=True)
    stop_initial: float | None = real(nullable=True)
    target: float | None = real(nullable=True)
    trail: float | None = real(nullable=True)
    mark: float | None = real(nullable=True)
    mark_ts: int | None = moment(nullable=True)
    unrealized: float | None = real(nullable=True)
    mae: float | None = real(nullable=True)
    mfe: float | None = real(nullable=True)
    risk: float | None = real(nullable=True)
    bars_held: int = number()
    signal_seq: int | None = None
    status: str
    trade_seq: int | None = None
    stale: bool = flag()
    updated_ts: int = moment()


class StopMove(Table, table=True):
    """A stop that moved; the first row of a position is its first stop."""

    __table_args__ = (*at_least_zero("stop"), Index(None, "run_id", "slot_id", "ts"))

    id: int | None = key()
    run_id: int = link("run.id")
    slot_id: int = link("slot.id")
    trade_seq: int | None = None
    ts: int = moment()
    stop: float
    reason: str = words()
