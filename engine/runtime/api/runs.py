"""/api/status and /api/runs: what the engine is doing, and every run there is."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Security
from pydantic import BaseModel, Field
from sqlalchemy import text

from engine.ledger.export import as_mapping
from engine.runtime.api.access import Here, reading
from engine.runtime.api.context import Context
from engine.runtime.api.problems import Refused, told
from engine.runtime.run_state import find, state

router = APIRouter(prefix="/api", tags=["runs"], dependencies=[Security(reading)], responses={**told(401), **told(503)})
Name = Annotated[str, Field(min_length=1, max_length=64, description="a run's name or number")]
RunName = Annotated[
    str | None, Query(min_length=1, max_length=64, description="a run's name or number [default: this engine's]")
]
MOST = 500


class Position(BaseModel):
    """An open position; `qty` in base currency, prices and `unrealized` in quote currency."""

    slot: str
    direction: int
    qty: float
    entry_price: float
    mark: float | None
    stop: float | None
    unrealized: float | None
    status: str


class Tripped(BaseModel):
    """A breaker that holds."""

    name: str
    level: str
    value: float | None
    threshold: float | None
    until_ts: int | None = Field(description="ms UTC of the exchange; null where a person releases it")


class Status(BaseModel):
    """How a run stands; times in ms UTC, money in quote currency."""

    run: str
    run_id: int
    mode: str
    demo: bool
    alive: bool = Field(description="its engine was heard within five seconds")
    state: str | None
    heartbeat_age_seconds: float | None
    exchange_time: int | None
    last_bar: int | None
    feed: str | None
    equity: float
    cash: float
    message: str | None
    positions: list[Position]
    breakers: list[Tripped]


class Run(BaseModel):
    """A run; `stats` are what the list of runs shows of a backtest, rates and returns as fractions."""

    id: int
    name: str
    kind: str
    demo: bool
    status: str
    exchange: str
    quote: str
    cash_start: float
    created_ts: int
    started_ts: int | None
    ended_ts: int | None
    error: str | None
    stats: dict[str, Any]


def run_or_refuse(here: Context, run: str | None) -> dict[str, Any]:
    """The run that is meant; without a name this engine's. Refused (404) where there is none."""
    found = find(here.reader, run if run is not None else str(here.run_id))
    if found is None:
        raise Refused(404, f"no run {run!r}: GET /api/runs lists them")
    return found


@router.get("/status", responses=told(404) | told(422))
def status(here: Here, run: RunName = None) -> Status:
    """State, heartbeat, equity, open positions and tripped breakers."""
    return Status(**state(here.reader, run_or_refuse(here, run), here.now_ms()))


@router.get("/runs", responses=told(422))
def runs(
    here: Here,
    kind: Annotated[Literal["backtest", "paper", "live", "imported"] | None, Query()] = None,
    before: Annotated[
        int | None, Query(ge=1, le=2**31 - 1, description="only numbers below this: the next page")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=MOST)] = 100,
) -> list[Run]:
    """Runs, newest first."""
    sql = text(
        "SELECT * FROM run WHERE status <> 'writing' AND (:kind = '' OR kind = :kind) AND id < :before "
        "ORDER BY id DESC LIMIT :limit"
    )
    who = {"kind": kind or "", "before": before or 2**31 - 1, "limit": limit}
    with here.reader.connect() as connection:
        return [_run(dict(row)) for row in connection.execute(sql, who).mappings()]


@router.get("/runs/{run}", responses=told(404) | told(422))
def one_run(here: Here, run: Annotated[str, Path(min_length=1, max_length=64)]) -> Run:
    """One run, by name or number."""
    return _run(run_or_refuse(here, run))


def _run(row: dict[str, Any]) -> Run:
    fields = {name: row[name] for name in Run.model_fields if name != "stats"}
    return Run(
        **fields, stats={key: value for key, value in as_mapping(row["stats"]).items() if not isinstance(value, dict)}
    )
