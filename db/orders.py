"""Orders and fills: what we asked for, and what we got. The table of orders is `orders`: `order` is a word of SQL."""

from sqlalchemy import ForeignKeyConstraint, Index, UniqueConstraint

from db.base import Table, above_zero, at_least_zero, finite, in_order, key, link, moment, one_of, real, words

SIDES = ("buy", "sell")
PURPOSES = ("entry", "exit", "stop", "target", "trail", "time", "breakeven", "flatten", "manual", "outage", "wiped_out")
ORDER_TYPES = ("market", "limit", "stop")
ORDER_STATES = ("queued", "sent", "partial", "filled", "cancelled", "refused", "rejected")


class Order(Table, table=True):
    """An order, written before anything is sent. `refused` is our own check, `rejected` the venue's."""

    __tablename__ = "orders"
    __table_args__ = (
        UniqueConstraint("run_id", "seq"),
        one_of("side", SIDES),
        one_of("purpose", PURPOSES),
        one_of("type", ORDER_TYPES),
        one_of("state", ORDER_STATES),
        in_order("created_ts", "known_ts"),
        *at_least_zero("qty", "filled_qty", "reserved", "limit_price", "price_ref"),
        Index(None, "run_id", "created_ts"),
    )

    id: int | None = key()
    run_id: int = link("run.id")
    seq: int
    slot_id: int = link("slot.id")
    signal_seq: int | None = None
    symbol: str
    side: str
    purpose: str
    type: str
    qty: float
    filled_qty: float = real(default="0")
    price_ref: float | None = real(nullable=True)
    limit_price: float | None = real(nullable=True)
    reserved: float = real(default="0")
    state: str
    reason: str = words()
    created_ts: int = moment()
    known_ts: int = moment()
    done_ts: int | None = moment(nullable=True)
    client_order_id: str | None = None
    config_version_id: int | None = None  # asked for under; no foreign key: SQLite adds none to a table that stands


class Fill(Table, table=True):
    """A part of an order that traded. `base_price` is the price before slippage; `fee` is in quote currency."""

    __table_args__ = (
        UniqueConstraint("run_id", "seq"),
        ForeignKeyConstraint(
            ["run_id", "order_seq"],
            ["orders.run_id", "orders.seq"],
            deferrable=True,
            initially="DEFERRED",
            ondelete="CASCADE",
        ),
        one_of("side", SIDES),
        one_of("liquidity", ("maker", "taker")),
        *above_zero("qty", "price"),
        *at_least_zero("base_price", "notional"),
        *finite("fee", "cash_after"),
        Index(None, "run_id", "order_seq"),
        Index("uq_fill_venue_trade", "run_id", "symbol", "venue_trade_id", unique=True),
    )

    id: int | None = key()
    run_id: int = link("run.id")
    seq: int
    order_seq: int
    slot_id: int = link("slot.id")
    symbol: str
    side: str
    qty: float
    price: float
    base_price: float
    notional: float
    fee: float
    liquidity: str
    ts: int = moment()
    venue_trade_id: str | None = None
    client_order_id: str | None = None  # of the intent it belongs to, where a venue filled it
    cash_after: float
