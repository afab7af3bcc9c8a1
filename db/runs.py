"""Runs and what they are made of: a run is one account's history or one backtest; a slot is one strategy on one symbol."""

from typing import Any

from sqlalchemy import BigInteger, Index, UniqueConstraint

from db.base import (
    Table,
    above_zero,
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
    words,
)

RUN_KINDS = ("backtest", "paper", "live", "imported")
RUN_STATUSES = ("writing", "running", "stopped", "complete", "failed")
SLOT_STATES = ("enabled", "exit_only", "off", "failed")
MARKERS = ("start", "stop", "recovery", "config", "code", "upgrade", "command")


class Run(Table, table=True):
    """A backtest, a paper or live account, or trades imported from elsewhere: one kind of thing. Not shown while `writing`."""

    __table_args__ = (
        UniqueConstraint("name"),
        one_of("kind", RUN_KINDS),
        one_of("status", RUN_STATUSES),
        *above_zero("cash_start"),
        *at_least_zero("finest_tf_ms"),
        Index(None, "kind", "created_ts"),
        Index(None, "challenger_of"),
        Index(None, "twin_of"),
    )

    id: int | None = key()
    name: str
    kind: str
    demo: bool = flag()
    status: str
    exchange: str = words()
    quote: str = words("USD")
    cash_start: float
    finest_tf_ms: int = number(60_000)
    anchor_ts: int | None = moment(nullable=True)
    created_ts: int = moment()
    started_ts: int | None = moment(nullable=True)
    ended_ts: int | None = moment(nullable=True)
    config_version_id: int | None = None  # the one in force; no foreign key, as config_version already points here
    data_hash: str | None = None
    data_grade: str | None = None
    code_hash: str | None = None
    params: dict[str, Any] = mapping()
    stats: dict[str, Any] = mapping()
    error: str | None = words(nullable=True)
    challenger_of: int | None = None  # the run that it lives beside and is measured against
    twin_of: int | None = None  # the live run whose every event it takes too, with fills on paper
    dry: bool = flag()  # every order is prepared as a real one would be, and never sent


class ConfigVersion(Table, table=True):
    """A configuration as it was applied, word for word."""

    __table_args__ = (Index(None, "run_id", "created_ts"),)

    id: int | None = key()
    run_id: int = link("run.id")
    created_ts: int = moment()
    hash: str
    text: str = words()
    source: str = words()


class Instrument(Table, table=True):
    """A tradable symbol's grid and fees, in decimals as text."""

    __table_args__ = (UniqueConstraint("exchange", "symbol"), one_of("kind", ("spot", "perp")))

    id: int | None = key()
    exchange: str
    symbol: str
    base: str
    quote: str
    kind: str
    tick: str
    lot: str
    quantum: str
    min_qty: str = words("0")
    min_notional: str = words("0")
    maker: str
    taker: str
    updated_ts: int = moment()


class Slot(Table, table=True):
    """One strategy on one symbol at one timeframe; `position` is its place in the configuration."""

    __table_args__ = (
        UniqueConstraint("run_id", "key"),
        one_of("state", SLOT_STATES),
        *above_zero("timeframe_ms"),
    )

    id: int | None = key()
    run_id: int = link("run.id")
    key: str
    position: int = number()
    label: str = words()
    strategy: str
    symbol: str
    timeframe_ms: int
    params: dict[str, Any] = mapping()
    state: str
    error: str | None = words(nullable=True)
    source_hash: str = words()
    source_text: str = words()
    config_version_id: int | None = link("config_version.id", nullable=True)


class RunMarker(Table, table=True):
    """Something that changed the run itself; drawn on its curve."""

    __table_args__ = (one_of("kind", MARKERS), Index(None, "run_id", "ts"))

    id: int | None = key()
    run_id: int = link("run.id")
    ts: int = moment()
    kind: str
    text: str = words()


class Equity(Table, table=True):
    """Equity at an instant; slot 0 is the account."""

    __table_args__ = (*finite("equity", "cash", "exposure"), {"sqlite_with_rowid": False})

    run_id: int = link("run.id", primary_key=True)
    slot_id: int = part_of_key()
    ts: int = part_of_key(BigInteger)
    equity: float
    cash: float
    exposure: float
