"""A backtest: one strategy over candles by the rules the engine trades by, its figures, its trades and its curve.

Storing one is in engine.research.save, several slots at once in engine.research.play. No Streamlit, no sockets. What knows
the database is imported where it is called: figures alone, the common case, start in half the time without it.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy.typing as npt

from engine.analytics.definitions import Account
from engine.analytics.table import figures, plain
from engine.core.machine import Frames, Machine
from engine.core.types import AccountSpec, Instrument, SlotSpec
from engine.market.candles import Candles
from engine.market.quality import Quality, assess
from engine.market.symbols import timeframe_name
from engine.research.figures import account_of, figures_of
from engine.research.own_record import LESSONS, Lessons
from engine.research.play import Played, play, ticks_of
from engine.research.recorded import Recorded
from engine.research.told import equity_columns, trade_rows
from engine.strategies._ask import asks_of
from engine.strategies.base import Bars, Strategy, StrategyError

Row = dict[str, Any]

__all__ = ["BacktestError", "BacktestResult", "BacktestSpec", "bars_of", "run_backtest", "save_backtest"]

TRADE_COLUMNS = tuple(
    "entry_ts exit_ts side qty entry_price exit_price fees pnl pnl_pct exit_reason mae mfe bars_held".split()
)
"""One row a trade; times in ms UTC; an open trade has exit_reason `open` and empty exit fields."""


class BacktestError(ValueError):
    """Amounts, prices or candles that do not fit together; the message says which."""

    exit_code = 2


@dataclass(frozen=True)
class BacktestSpec:
    """What to run: the candles' timeframe is the slot's, or divides it. `exchange` is where they come from, "" for a file."""

    strategy: Strategy
    candles: Candles
    instrument: Instrument
    account: AccountSpec
    slot: SlotSpec
    exchange: str = ""
    recorded: Recorded | None = None
    """A model's answers that are replayed."""
    lessons: Lessons = LESSONS
    """How the strategy is told of its own record, where it reads it."""

    @property
    def params(self) -> dict[str, Any]:
        return dict(self.strategy.params.model_dump(mode="json"))


@dataclass(frozen=True)
class BacktestResult:
    """What came of it. `run_id` and `name` are None until it is saved; `elapsed_seconds` is signals, kernel and figures."""

    spec: BacktestSpec
    played: Played
    account: Account
    figures: Mapping[str, Any]
    quality: Quality
    elapsed_seconds: float
    run_id: int | None = None
    name: str | None = field(default=None)

    def as_dict(self) -> dict[str, Any]:
        """Plain values: times in ms UTC, rates and returns as fractions; what is undefined is None, with its reason."""
        spec, figures = self.spec, dict(self.figures)
        undefined = figures.pop("undefined")
        return {
            "run_id": self.run_id,
            "strategy": spec.slot.strategy,
            "params": spec.params,
            "symbol": spec.instrument.symbol,
            "timeframe": timeframe_name(spec.slot.timeframe_ms),
            "bars": len(spec.candles),
            "start": self.played.start,
            "end": self.played.end,
            "data_hash": self.quality.content_hash,
            "data_grade": self.quality.grade,
            **figures,
            "elapsed_seconds": self.elapsed_seconds,
            "lookahead": "violations" if self.look_ahead else "ok",
            "look_ahead": self.look_ahead,
            "why_no_trades": self.why_no_trades,
            "undefined": undefined,
            **self.played.told_of_record,
            **({"ai": spec.recorded.told(self.played.start)} if spec.recorded else {}),
        }

    @cached_property
    def look_ahead(self) -> list[str]:
        """What gave the strategy away where its data was cut short; empty where nothing did."""
        from engine.research.lookahead import sample

        return sample(self.spec.strategy, self.played.slots[0].bars, self.spec.instrument)

    @cached_property
    def why_no_trades(self) -> str:
        """Why no trade was closed: no signals, refused by which limits; "" where one was."""
        if self.played.reports.trades.size:
            return ""
        from engine.core.setup import Setup
        from engine.research.silence import why_silent

        spec = self.spec
        setup = Setup(spec.account, (spec.instrument,), (spec.slot,), (spec.params,), (), 0, 0)
        return why_silent(setup, self.played, (spec.strategy,))

    @cached_property
    def statistics(self) -> dict[str, Any]:
        """Every statistic by name, then `undefined` and `too_few` with their reasons (engine.analytics.table.plain)."""
        return plain(figures(self.account))

    @cached_property
    def trades(self) -> list[Row]:
        """Closed trades as the ledger would store them, then what is open at the end, its exit fields None."""
        return trade_rows(self.played, (self.spec.instrument,), (self.spec.slot,))

    def trade_columns(self) -> dict[str, list[Any]]:
        """One entry a trade in each list; an open trade has exit_reason `open` and None in its exit fields."""
        return {name: [row[name] for row in self.trades] for name in TRADE_COLUMNS}

    def equity_columns(self) -> dict[str, npt.NDArray[Any]]:
        """The account at the close of every strategy bar: ts int64 ms UTC, equity, cash and exposure float64."""
        return equity_columns(self.played)


def bars_of(candles: Candles, instrument: Instrument) -> Bars:
    """Candles as a strategy sees them: prices on the instrument's grid."""
    return Bars.from_ticks(instrument, candles.timeframe_ms, ticks_of(candles, instrument))


def run_backtest(spec: BacktestSpec) -> BacktestResult:
    """Run it. StrategyError for a strategy that cannot be used, BacktestError for what does not fit together."""
    if len(spec.candles) < 2:
        raise BacktestError("fewer than two candles are no history to test on: give more rows or a longer span")
    try:
        return _run(spec)
    except (ValueError, OverflowError) as error:
        if hasattr(error, "exit_code") or isinstance(error, StrategyError):
            raise
        raise BacktestError(str(error)) from error


def _run(spec: BacktestSpec) -> BacktestResult:
    Machine(spec.account, [spec.instrument], [spec.slot]).run(Frames.none())  # compiled or loaded before the clock runs
    quality = assess(spec.candles.ts, spec.candles.ohlcv, spec.candles.timeframe_ms)
    symbol = spec.instrument.symbol
    begun = time.perf_counter()
    models = {0: spec.recorded} if spec.recorded and asks_of(spec.strategy) else None
    slots = [(spec.slot, spec.strategy)]
    played = play(spec.account, [spec.instrument], slots, {symbol: spec.candles}, recorded=models, lessons=spec.lessons)
    account = account_of(played, spec.candles)
    told = figures_of(account)
    return BacktestResult(spec, played, account, told, quality, time.perf_counter() - begun)


def save_backtest(engine: Any, spec: BacktestSpec, result: BacktestResult) -> BacktestResult:
    """Store the run with all its rows; the result with its run's number and name. The database must be migrated."""
    from engine.research.save import save_played

    run_id, name = save_played(
        engine,
        result.played,
        account=spec.account,
        instruments=(spec.instrument,),
        slots=(spec.slot,),
        params=(spec.params,),
        exchange=spec.exchange or "file",
        stats={key: value for key, value in {**result.as_dict(), **result.statistics}.items() if key != "run_id"},
        data_hash=result.quality.content_hash,
        data_grade=result.quality.grade,
    )
    return replace(result, run_id=run_id, name=name)
