"""/api/backtests: ask for a backtest on stored candles, watch it, cancel it. The worker does it; its run is stored and shown.

Without a configuration, as the command `backtest` has it: one account, a fine grid, no limits.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response, Security
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from engine.core.setup import Setup
from engine.core.types import AccountSpec, Instrument, Protection, Sizing, SlotSpec
from engine.market.candles import DataError
from engine.market.store import Store
from engine.market.symbols import canonical, timeframe_ms
from engine.research import jobs
from engine.research.loading import lowest, step_of
from engine.research.study import Source, Study
from engine.runtime.api.access import Here, commanding, reading
from engine.runtime.api.context import Context
from engine.runtime.api.problems import Refused, told
from engine.runtime.api.trades import moment
from engine.strategies import catalog

router = APIRouter(prefix="/api/backtests", tags=["backtests"], responses={**told(401), **told(422), **told(503)})
LOW_PRICE = 0.01
Uuid = Annotated[str, Path(min_length=1, max_length=64)]


class Asked(BaseModel):
    """A backtest; rates and sizes as fractions (0.01 is one percent), money in quote currency."""

    model_config = ConfigDict(
        extra="forbid",
        populate_by_name=True,
        json_schema_extra={
            "examples": [
                {
                    "strategy": "sma_cross",
                    "symbol": "BTC/USD",
                    "timeframe": "1h",
                    "from": "2026-01-01",
                    "params": {"fast": 5, "slow": 20},
                }
            ]
        },
    )

    strategy: str = Field(
        pattern=r"^[A-Za-z_]\w{0,79}$", description="a file's name in engine/strategies or my/strategies"
    )
    exchange: str = Field("coinbase", pattern=r"^[a-z0-9]{1,40}$", description="whose candles")
    symbol: str = Field("BTC/USD", min_length=3, max_length=40)
    timeframe: str = Field("1h", pattern=r"^\d{1,3}[smhdw]$", description="length of the strategy's bars")
    since: str = Field(
        "", alias="from", max_length=40, description="2026-01-31 or ms UTC; empty: from the first candle"
    )
    until: str = Field("", alias="to", max_length=40, description="empty: to the last candle")
    params: dict[str, Any] = Field(default_factory=dict, max_length=100)
    cash: float = Field(1000, gt=0, le=1e12)
    fee: float = Field(0.012, ge=0, lt=1, description="of the notional, maker and taker")
    slippage_bps: float = Field(5, ge=0, le=1000)
    size: float = Field(0.2, gt=0, le=1, description="share of equity an entry buys")
    stop: float | None = Field(None, gt=0, lt=1)
    target: float | None = Field(None, gt=0, le=100)
    trail: float | None = Field(None, gt=0, lt=1)
    short: bool = False
    research: bool = Field(False, description="size at the fill, as libraries do")


class Job(BaseModel):
    """Work that was asked for: new, running, done, failed or cancelled. `result` has run and run_id once it is done."""

    uuid: str
    title: str
    state: str
    progress: float
    message: str
    created_ts: int
    started_ts: int | None
    done_ts: int | None
    result: dict[str, Any]
    error: str | None


@router.post("", status_code=202, responses={**told(403)}, dependencies=[Security(commanding)])
def ask(asked: Asked, here: Here, response: Response) -> Job:
    """Ask for a backtest. The same one that still waits is not asked for twice."""
    study = study_of(asked, Store(here.data_dir / "candles"))
    uuid = jobs.ask(here.writer, "backtest", {"study": study.to_json()}, study.title, source="api")
    here.worker()
    response.headers["Location"] = f"/api/backtests/{uuid}"
    return _job(here, uuid)


@router.get("", dependencies=[Security(reading)])
def backtests(here: Here, limit: Annotated[int, Query(ge=1, le=500)] = 50) -> list[Job]:
    """The newest backtests that were asked for, from wherever."""
    return [_told(one) for one in jobs.jobs_of(here.reader, ("backtest",), limit=limit)]


@router.get("/{uuid}", responses=told(404), dependencies=[Security(reading)])
def backtest(here: Here, uuid: Uuid) -> Job:
    """How far it is; when it is done, which run holds it."""
    return _job(here, uuid)


@router.delete("/{uuid}", responses={**told(403), **told(404)}, dependencies=[Security(commanding)])
def cancel(here: Here, uuid: Uuid) -> Job:
    """Cancel it; what has ended stays as it is."""
    _job(here, uuid)
    jobs.cancel(here.writer, uuid)
    return _job(here, uuid)


def study_of(asked: Asked, store: Store) -> Study:
    """What is asked, checked against the strategy and the stored candles. Refused (422) in a sentence."""
    try:
        symbol, step = canonical(asked.symbol), timeframe_ms(asked.timeframe)
        made = catalog.make(asked.strategy, dict(asked.params))
        source = Source(symbol, asked.exchange)
        since = moment(asked.since, "from") if asked.since else 0
        until = moment(asked.until, "to") if asked.until else 0
        own = made.params.model_dump(mode="json")
        setup, title = (
            _setup(asked, symbol, step, own, lowest(source, store)),
            f"{asked.strategy} on {symbol} {asked.timeframe}",
        )
        study = Study(setup, (source,), since, until, title)
        step_of(study, store)
    except ValidationError as error:
        words = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()[:5])
        raise Refused(422, f"parameters of {asked.strategy}: {words}") from None
    except (ValueError, DataError, OSError) as error:
        raise Refused(422, str(error)) from None
    return study


def _setup(asked: Asked, symbol: str, step: int, params: dict[str, Any], low: float | None) -> Setup:
    fee = _decimal(asked.fee)
    instrument = Instrument.unspecified(symbol, low_price=low is not None and low < LOW_PRICE, maker=fee, taker=fee)
    protection = Protection(asked.stop, asked.target, asked.trail)
    slot = SlotSpec("", asked.strategy, symbol, step, Sizing("share", asked.size), protection, asked.short)
    account = AccountSpec(
        cash=_decimal(asked.cash), quote=instrument.quote, quantum=instrument.quantum, max_positions=1, symbol_cap=0.0,
        slippage_bps=asked.slippage_bps, research=asked.research,
    )  # fmt: skip
    return Setup(account, (instrument,), (slot,), (params,), (), 0, 0)


def _decimal(value: float) -> Decimal:
    return Decimal(f"{value:.12g}")


def _job(here: Context, uuid: str) -> Job:
    found = jobs.job_of(here.reader, uuid)
    if found is None or found.kind != "backtest":
        raise Refused(404, "there is no such backtest: GET /api/backtests lists the newest")
    return _told(found)


def _told(job: jobs.JobView) -> Job:
    return Job(**{name: getattr(job, name) for name in Job.model_fields})
