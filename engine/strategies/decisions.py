"""From signals to the kernel's decision rows, and the checks that a strategy's signals must pass first."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.core.types import DECISION, MS_YEAR, Instrument, Rows
from engine.strategies.base import Bars, Signals, StrategyError

RETURNS = 60
_DISTANCES = ("stop", "target", "trail", "limit_offset")


def check_signals(bars: Bars, signals: Any, name: str = "the strategy") -> None:
    """StrategyError for anything but one sound value a bar."""
    if not isinstance(signals, Signals):
        raise StrategyError(f"{name}: signals() returned {type(signals).__name__}; it must return Signals")
    for field in ("entry", "exit", *_DISTANCES, "strength", "limit_bars", "tag"):
        values = getattr(signals, field)
        if values is not None and np.shape(values) != (len(bars),):
            raise StrategyError(
                f"{name}: {field} has shape {np.shape(values)} for {len(bars)} bars; give one value a bar"
            )
    entry = np.asarray(signals.entry)
    if entry.dtype.kind == "f" and np.isnan(entry).any():
        raise StrategyError(
            f"{name}: entry is NaN at bar {int(np.isnan(entry).argmax())}; write 0 where there is no entry"
        )
    if not np.isin(entry, (-1, 0, 1)).all():
        raise StrategyError(f"{name}: entry must be -1, 0 or 1 at every bar")
    exit_ = np.asarray(signals.exit)
    if exit_.dtype.kind == "f" and np.isnan(exit_).any():
        raise StrategyError(
            f"{name}: exit is NaN at bar {int(np.isnan(exit_).argmax())}; write False where there is none"
        )
    at = np.flatnonzero(entry)
    for field in _DISTANCES:
        values = getattr(signals, field)
        if values is not None and at.size:
            taken = np.asarray(values, np.float64)[at]
            if not (np.isfinite(taken) & (taken >= 0)).all():
                bar = int(at[int((~(np.isfinite(taken) & (taken >= 0))).argmax())])
                raise StrategyError(
                    f"{name}: {field} at the entry of bar {bar} is {values[bar]}; a distance is at least 0"
                )


def decisions_of(slot_index: int, bars: Bars, signals: Signals, instrument: Instrument, delay_ms: int = 0) -> Rows:
    """DECISION[k]: a row wherever (entry, exit) changes to something; decided at the bar's end, known `delay_ms` later."""
    entry, leave = np.asarray(signals.entry, np.int8), np.asarray(signals.exit, bool)
    before_entry, before_exit = np.roll(entry, 1), np.roll(leave, 1)
    if entry.size:
        before_entry[0], before_exit[0] = 0, False
    changed = ((entry != before_entry) | (leave != before_exit)) & ((entry != 0) | leave)
    return _rows(np.flatnonzero(changed), slot_index, bars, signals, instrument, delay_ms)


def last_decision(slot_index: int, bars: Bars, signals: Signals, instrument: Instrument, delay_ms: int = 0) -> Rows:
    """The row of the last bar if there is one there: equal to the batch's row, bit for bit."""
    entry, leave = np.asarray(signals.entry), np.asarray(signals.exit, bool)
    at = np.zeros(0, np.int64)
    if entry.size and (entry[-1] != 0 or leave[-1]):
        former = (entry[-2], leave[-2]) if entry.size > 1 else (0, False)
        if former != (entry[-1], leave[-1]):
            at = np.array([entry.size - 1])
    return _rows(at, slot_index, bars, signals, instrument, delay_ms)


def _rows(at: Any, slot_index: int, bars: Bars, signals: Signals, instrument: Instrument, delay_ms: int) -> Rows:
    rows = np.zeros(at.size, DECISION)
    rows["slot"] = slot_index
    rows["entry"] = np.asarray(signals.entry)[at]
    rows["exit"] = np.asarray(signals.exit, bool)[at]
    rows["decided_at"] = bars.ts[at] + bars.timeframe_ms
    rows["known_at"] = rows["decided_at"] + delay_ms
    scale = instrument.tick_ratio[1] / instrument.tick_ratio[0]
    for field in _DISTANCES:
        values = getattr(signals, field)
        if values is not None:
            distance = np.asarray(values, np.float64)[at]
            sound = np.isfinite(distance) & (distance > 0)
            rows[field] = np.where(sound, np.maximum(np.rint(np.where(sound, distance, 0.0) * scale), 1), 0)
    if signals.limit_bars is not None:
        rows["limit_bars"] = np.asarray(signals.limit_bars)[at]
    if signals.tag is not None:
        rows["tag"] = np.asarray(signals.tag)[at]
    rows["strength"] = np.nan if signals.strength is None else np.asarray(signals.strength, np.float64)[at]
    rows["volatility"] = [_volatility(bars, int(i)) for i in at]
    return rows


def _volatility(bars: Bars, i: int) -> float:
    """Annualised sample deviation of the 60 log returns up to bar i; NaN when there are fewer."""
    if i < RETURNS:
        return float("nan")
    returns = np.diff(np.log(np.ascontiguousarray(bars.close[i - RETURNS : i + 1], np.float64)))
    return float(np.std(returns, ddof=1) * np.sqrt(MS_YEAR / bars.timeframe_ms))
