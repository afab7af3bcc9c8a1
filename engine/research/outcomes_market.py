"""What outcomes are reckoned on: a run's setup, each slot's bars, and BTC's days for the regime. Files and rows are read, nothing
is fetched or written.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import Engine, select
from sqlmodel import col

from db.models import Run, Snapshot
from db.queries import rows
from engine.analytics import signals_regime
from engine.core.setup import Setup
from engine.core.types import MS_DAY, TF_BAR, Instrument, Rows, SlotSpec
from engine.market.candles import Candles, DataError
from engine.market.store import Store
from engine.research.loading import load
from engine.research.market_days import last_of_day, longest
from engine.research.play import longer, ticks_of
from engine.research.study import Study
from engine.research.trade_bars import trade_bars

_RUN = "SELECT id, name, kind, exchange, quote, status FROM run WHERE id = :run"
_SLOTS = "SELECT id, key, strategy, symbol, label, timeframe_ms FROM slot WHERE run_id = :run ORDER BY position, id"
_GRID = "SELECT * FROM instrument WHERE exchange = :exchange AND symbol = :symbol"
_DECIMALS = ("tick", "lot", "quantum", "min_qty", "min_notional", "maker", "taker")


class NoSuchRun(LookupError):
    """The run is not in the database."""

    exit_code = 2


@dataclass(frozen=True)
class Told:
    """A run as outcomes need it: `row` of `run`, `slots` rows, `specs` and `grids` by slot id, `slippage_bps`, and its study
    where it came of one. `notes` say what had to be assumed."""

    row: Mapping[str, Any]
    slots: list[dict[str, Any]]
    specs: dict[int, SlotSpec]
    grids: dict[int, Instrument]
    slippage_bps: float
    study: Study | None
    notes: list[str] = field(default_factory=list)

    @property
    def over(self) -> bool:
        """No bar will be added: what is not known now never will be."""
        return bool(self.row["kind"] == "backtest")


def told_of(engine: Engine, run_id: int) -> Told:
    """What the run was made of when it was last heard of. NoSuchRun."""
    found = rows(engine, _RUN, {"run": run_id})
    if not found:
        raise NoSuchRun(f"run {run_id} is not in this database: `run_engine.py status` lists the runs")
    run, slots = found[0], rows(engine, _SLOTS, {"run": run_id})
    setup, study = _setup(engine, run)
    notes = [] if setup else ["the run keeps no setup: exits and costs are the defaults"]
    by_key = {spec.key: spec for spec in setup.slots} if setup else {}
    grids = {one.symbol: one for one in setup.instruments} if setup else {}
    specs = {
        slot["id"]: by_key.get(slot["key"])
        or SlotSpec(slot["label"], slot["strategy"], slot["symbol"], slot["timeframe_ms"])
        for slot in slots
    }
    own = {slot["id"]: grids.get(slot["symbol"]) or _grid(engine, run["exchange"], slot["symbol"]) for slot in slots}
    return Told(run, slots, specs, own, setup.account.slippage_bps if setup else 5.0, study, notes)


def _setup(engine: Engine, run: Mapping[str, Any]) -> tuple[Setup | None, Study | None]:
    """A backtest keeps its study; a paper or live run the setup of its last snapshot."""
    with engine.connect() as connection:
        if run["kind"] == "backtest":
            params = connection.execute(select(col(Run.params)).where(col(Run.id) == run["id"])).scalar() or {}
            study = Study.from_json(params["study"]) if "study" in params else None
            return (study.setup if study else None), study
        newest = select(col(Snapshot.extra)).where(col(Snapshot.run_id) == run["id"]).order_by(col(Snapshot.id).desc())
        extra = connection.execute(newest.limit(1)).scalar() or {}
    return (Setup.from_json(extra["setup"]) if "setup" in extra else None), None


def _grid(engine: Engine, exchange: str, symbol: str) -> Instrument:
    found = rows(engine, _GRID, {"exchange": exchange, "symbol": symbol})
    if not found:
        return Instrument.unspecified(symbol)
    row = found[0]
    decimals = {name: Decimal(row[name]) for name in _DECIMALS}
    return Instrument(symbol, row["base"], row["quote"], kind=row["kind"], **decimals)


class Bars:
    """Bars of a run's slots, each read once. `candles` are those it was played on, where they are at hand."""

    def __init__(self, engine: Engine, told: Told, folder: Path, candles: Mapping[str, Candles] | None = None) -> None:
        self.engine, self.told, self.folder = engine, told, folder
        self._played = candles if candles is not None else self._of_study()

    def _of_study(self) -> Mapping[str, Candles]:
        if self.told.study is None:
            return {}
        try:
            return load(self.told.study, Store(self.folder / "candles"))
        except (DataError, OSError, ValueError):  # a file that was moved: other sources are asked
            return {}

    def of(self, slot_id: int, since: int) -> tuple[Rows, str]:
        """(TF_BAR[b] of the slot's timeframe that open at `since` or later, why there are none)."""
        spec, grid = self.told.specs[slot_id], self.told.grids[slot_id]
        candles, why = self._played.get(spec.symbol), ""
        if candles is None:
            found = trade_bars(
                self.engine, self.told.row, spec.symbol, spec.timeframe_ms, since, 2**61, folder=self.folder
            )
            candles, why = found.candles, found.source
        if candles is None or spec.timeframe_ms % candles.timeframe_ms:
            return np.zeros(0, TF_BAR), why
        rows_ = longer(ticks_of(candles.between(since, None), grid), candles.timeframe_ms, spec.timeframe_ms)
        return rows_, why

    def regimes(self) -> dict[int, str]:
        """BTC's regime by UTC day, from the store or, without one, from the candles of the run itself."""
        days, closes = longest(self.folder, "BTC/USD")
        own = next((one for symbol, one in self._played.items() if symbol.startswith("BTC/")), None)
        if own is not None and (not days.size or own.ts[-1] // MS_DAY > days[-1]):
            days, closes = last_of_day(own.ts + own.timeframe_ms, own.close)
        return signals_regime.regimes(days, closes)
