"""What a backtest did, as the research pages draw it: trades and curve as columns, a market in as many candles as a screen shows.

Vectorised from the kernel's reports; times in ms UTC, prices and money as floats. No widgets and no database.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.core import codes
from engine.core.types import MS_DAY, Instrument, SlotSpec
from engine.research.play import Played
from engine.research.stock import Candles

Floats = npt.NDArray[np.float64]
Columns = dict[str, npt.NDArray[Any]]
CELLS = 420
"""A chart has at most so many candles: more are one pixel wide."""
STEPS = tuple(
    minutes * 60_000
    for minutes in (1, 2, 3, 5, 10, 15, 30, 60, 120, 180, 240, 360, 480, 720, 1440, 2880, 4320, 10080, 20160, 43200)
)
SHOWN_TRADES = 500


def trades(played: Played, instruments: Sequence[Instrument], slots: Sequence[SlotSpec]) -> Columns:
    """Closed trades, one array a column, as the ledger would store them."""
    log = played.reports.trades
    grid = {one.symbol: one for one in instruments}
    scale = float(played.machine.account[0]["quantum_scale"])
    which = log["slot"].astype(np.int64)
    direction = log["direction"].astype(np.int64)
    prices = {name: np.zeros(log.size) for name in ("entry_price", "exit_price", "stop_initial")}
    qty = np.zeros(log.size)
    for i, slot in enumerate(slots):
        mine, instrument = which == i, grid[slot.symbol]
        for name, values in prices.items():
            values[mine] = instrument.prices(log[name][mine])
        qty[mine] = log["qty"][mine] * instrument.lot_ratio[0] / instrument.lot_ratio[1]
    entry = np.maximum(log["entry_price"], 1).astype(np.float64)
    down, up = (
        np.maximum(apart / entry, 0.0) for apart in (log["entry_price"] - log["low"], log["high"] - log["entry_price"])
    )
    bought = log["entry_notional"]
    return {
        "seq": log["seq"].astype(np.int64),
        "entry_ts": log["entry_ts"].astype(np.int64),
        "exit_ts": log["exit_ts"].astype(np.int64),
        "strategy": _named([slot.strategy for slot in slots], which),
        "symbol": _named([slot.symbol for slot in slots], which),
        "side": np.where(direction > 0, "long", "short").astype(object),
        "qty": qty,
        "entry_price": prices["entry_price"],
        "exit_price": prices["exit_price"],
        "fees": log["fees"] / scale,
        "pnl": log["pnl"] / scale,
        "pnl_pct": np.divide(log["pnl"], bought, out=np.zeros(log.size), where=bought > 0),
        "exit_reason": _named(list(codes.PURPOSES), log["reason"].astype(np.int64)),
        "mae": np.where(direction > 0, down, up),
        "mfe": np.where(direction > 0, up, down),
        "bars_held": log["bars_held"].astype(np.int64),
        "ambiguous": log["ambiguous"].astype(bool),
        "stop_initial": np.where(log["stop_initial"] > 0, prices["stop_initial"], np.nan),
    }


def _named(names: Sequence[str], which: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
    """An object array of names by their numbers."""
    return np.array([*names, ""], object)[which]


def curve(played: Played) -> Columns:
    """The account's curve with its start: ts, equity, drawdown (zero or below)."""
    points = played.reports.equity
    account = played.machine.account[0]
    start = float(account["start"]) / float(account["quantum_scale"])
    equity = np.concatenate([[start], points["equity"]])
    ts = np.concatenate([[played.start], points["ts"]]).astype(np.int64)
    return {"ts": ts, "equity": equity, "drawdown": equity / np.maximum.accumulate(equity) - 1}


def step_for(first: int, last: int, timeframe_ms: int, cells: int = CELLS) -> int:
    """The length of a chart's candle, ms: the shortest that shows [first, last) in at most `cells`."""
    wanted = max((last - first) / cells, timeframe_ms)
    return next(
        (step for step in STEPS if step >= wanted and step % timeframe_ms == 0), -(-int(wanted) // MS_DAY) * MS_DAY
    )


def market(candles: Candles, first: int, last: int, cells: int = CELLS) -> dict[str, Any]:
    """Candles of [first, last) made coarser until a screen can show them: ts, open, high, low, close, and `step` in ms."""
    part = candles.between(first, last)
    if not len(part):
        return {"ts": np.zeros(0, np.int64), "step": candles.timeframe_ms}
    step = step_for(first, last, max(candles.timeframe_ms, 1), cells)
    group = part.ts // step
    at = np.flatnonzero(np.diff(group, prepend=group[0] - 1))
    ends = np.append(at[1:], len(part)) - 1
    return {
        "ts": group[at] * step,
        "open": part.open[at],
        "high": np.maximum.reduceat(part.high, at),
        "low": np.minimum.reduceat(part.low, at),
        "close": part.close[ends],
        "step": step,
    }


def overlays(
    ts: npt.NDArray[np.int64], timeframe_ms: int, plots: Mapping[str, Any], first: int, last: int, cells: int = CELLS
) -> dict[str, tuple[npt.NDArray[np.int64], Floats]]:
    """Each series a strategy plots, in [first, last), at most one value a candle of the chart: the last one known in it."""
    low, high = (int(np.searchsorted(ts, moment)) for moment in (first, last))
    if low >= high:
        return {}
    every = max(1, -(-(high - low) // cells))
    at = np.arange(high - 1, low - 1, -every)[::-1]
    return {name: (ts[at] + timeframe_ms, np.asarray(values, np.float64)[at]) for name, values in plots.items()}


def on_price(values: Floats, close: Floats) -> bool:
    """Whether a series lives on the prices' scale, and belongs over the candles rather than below them."""
    known = values[np.isfinite(values)]
    if not known.size or not close.size:
        return False
    middle = float(np.median(close))
    return bool(0.5 * middle < float(np.median(known)) < 2 * middle)


def window(done: Columns, symbol: str, first: int, last: int) -> tuple[Columns, int]:
    """(the trades of a symbol that touch [first, last), the largest of them where they are too many; how many there are)."""
    inside = (done["symbol"] == symbol) & (done["exit_ts"] >= first) & (done["entry_ts"] < last)
    at = np.flatnonzero(inside)
    if at.size > SHOWN_TRADES:
        largest = np.argsort(-np.abs(done["pnl"][at]), kind="stable")[:SHOWN_TRADES]
        at = np.sort(at[largest])
    return {name: values[at] for name, values in done.items()}, int(inside.sum())
