"""The candles a trade was made on: the run's own bars, else the store's, else none and why. Reading only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import Engine

from db.queries import rows
from db.session import data_folder
from engine.core.types import TF_BAR
from engine.market.barbook import BarBook
from engine.market.candles import Candles, DataError
from engine.market.store import Store
from engine.market.symbols import timeframe_ms

FROM_RUN, FROM_STORE = "the run's own bars", "stored candles of the exchange"


@dataclass(frozen=True)
class TradeBars:
    """`source` says where the candles are from; without candles it says why in a sentence."""

    candles: Candles | None
    source: str


def trade_bars(
    engine: Engine, run: Mapping[str, Any], symbol: str, step_ms: int, first: int, last: int, folder: Path | None = None
) -> TradeBars:
    """Candles of `symbol` in [first, last) ms UTC, at `step_ms` where the run kept its bars, else the finest that is stored.

    `run` needs id, kind and exchange; `folder` is the data folder.
    """
    home = folder or data_folder()
    own = _own(engine, home / "runs" / str(run["id"]) / "bars", str(run["exchange"]), symbol, step_ms)
    if own is not None and len(part := own.between(first, last)):
        return TradeBars(part, FROM_RUN)
    stored = _stored(Store(home / "candles"), str(run["exchange"]), symbol, step_ms)
    if stored is not None and len(part := stored.between(first, last)):
        return TradeBars(part, FROM_STORE)
    where = f" --exchange {run['exchange']}" if run["exchange"] not in ("", "file") else ""
    return TradeBars(None, f"No candles of {symbol} are kept for that time: run_engine.py fetch{where} brings them.")


def _own(engine: Engine, folder: Path, exchange: str, symbol: str, step_ms: int) -> Candles | None:
    """The bars that the run's strategies saw; their grid is the instrument's."""
    path = folder / BarBook.name_of(symbol, step_ms)
    if not path.exists():
        return None
    found = rows(
        engine,
        "SELECT tick FROM instrument WHERE exchange = :exchange AND symbol = :symbol",
        {"exchange": exchange, "symbol": symbol},
    )
    if not found:
        return None
    whole = path.stat().st_size // TF_BAR.itemsize  # an engine may be writing the last one
    bars = np.fromfile(path, TF_BAR, whole)
    tick = float(found[0]["tick"])
    opened, high, low, close = (np.round(bars[name] * tick, 12) for name in ("open", "high", "low", "close"))
    return Candles(bars["ts"], opened, high, low, close, bars["volume"], timeframe_ms=step_ms, symbol=symbol)


def _stored(store: Store, exchange: str, symbol: str, step_ms: int) -> Candles | None:
    """The store's candles no coarser than `step_ms`: the coarsest such, as a chart needs no more."""
    fits = [
        one
        for one in store.list()
        if one.symbol == symbol and one.exchange == exchange and timeframe_ms(one.timeframe) <= step_ms
    ]
    for one in sorted(fits, key=lambda one: -timeframe_ms(one.timeframe)):
        try:
            return store.read(one.exchange, one.symbol, one.timeframe)
        except DataError:
            continue
    return None
