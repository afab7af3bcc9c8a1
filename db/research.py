"""Research: work that a worker does for the app, every trial ever run, openings of sealed data, notes on runs."""

from typing import Any

from sqlalchemy import Index, LargeBinary, UniqueConstraint
from sqlmodel import Field

from db.base import Table, above_zero, at_least_zero, flag, key, link, mapping, moment, number, one_of, real, words
from db.control import SOURCES

JOB_STATES = ("new", "running", "done", "failed", "cancelled")


class Job(Table, table=True):
    """Long work that was asked for. The worker that took it writes progress (0 to 1), heartbeat, result or error."""

    __table_args__ = (
        UniqueConstraint("uuid"),
        one_of("state", JOB_STATES),
        one_of("source", SOURCES),
        *at_least_zero("progress", "attempts"),
        Index(None, "state", "id"),
    )

    id: int | None = key()
    uuid: str
    kind: str
    title: str = words()
    args: dict[str, Any] = mapping()
    source: str
    state: str = words("new")
    cancel: bool = flag()
    created_ts: int = moment()
    started_ts: int | None = moment(nullable=True)
    heartbeat_ts: int | None = moment(nullable=True)
    done_ts: int | None = moment(nullable=True)
    progress: float = real(default="0")
    message: str = words()
    worker: str = words()
    attempts: int = number()
    result: dict[str, Any] = mapping()
    error: str | None = words(nullable=True)


class Trial(Table, table=True):
    """Variants of a strategy that were tried on one data set, many in a row: a sweep is one row, a single backtest too.

    `keys` is uint64[count], little-endian, a hash of each variant's parameters and settings, so that the same variant tried
    twice counts once; `sharpes` float64[count] are their daily Sharpe ratios, not annualised, NaN where undefined.
    """

    __table_args__ = (*above_zero("count"), Index(None, "strategy", "data_hash"))

    id: int | None = key()
    strategy: str
    data_hash: str
    source_hash: str = words()
    origin: str = words()
    created_ts: int = moment()
    count: int
    keys: bytes = Field(sa_type=LargeBinary)
    sharpes: bytes = Field(sa_type=LargeBinary)
    job_id: int | None = None  # no foreign keys: a trial counts on when its run is gone
    run_id: int | None = None


class SealOpening(Table, table=True):
    """One look at the part of a data set that optimisers do not see."""

    __table_args__ = (Index(None, "exchange", "symbol", "timeframe"),)

    id: int | None = key()
    exchange: str
    symbol: str
    timeframe: str
    strategy: str
    from_ts: int = moment()
    to_ts: int = moment()
    opened_ts: int = moment()
    reason: str = words()
    run_id: int | None = None


class Note(Table, table=True):
    """What a person wrote about a run, and their verdict in a word of their own."""

    __table_args__ = (Index(None, "run_id", "created_ts"),)

    id: int | None = key()
    run_id: int = link("run.id")
    created_ts: int = moment()
    text: str = words()
    verdict: str = words()
