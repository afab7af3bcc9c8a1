"""From signals to the kernel's decision rows, and the checks that a strategy's signals must pass first.

A row is a change of what the strategy says, not its repetition. The row of the last bar alone is the batch's row to the last
bit: both are made by the same function. Nothing here knows a slot's position, money or limits.
"""

from __future__ import annotations

from dataclasses import replace
from math import log, sqrt
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.core.jit import entry as compiled
from engine.core.jit import helper
from engine.core.series import plain
from engine.core.types import DECISION, MS_YEAR, Instrument, Rows
from engine.strategies.base import Bars, Signals, StrategyError

RETURNS = 60
"""Log returns behind a decision's volatility."""
MOST_TICKS = 9.0e15
_THIRD, _FIFTH, _SEVENTH, _NINTH = 1.0 / 3.0, 1.0 / 5.0, 1.0 / 7.0, 1.0 / 9.0
_ROOM = 64 * RETURNS
_NEAR = 1.0e-4  # of x squared: the first term left out is then below 1e-21 of the sum
_DISTANCES = ("stop", "target", "trail", "limit_offset")
_WHOLE = ("limit_bars", "tag")


# ---- checks ------------------------------------------------------------------------------------------------------------
def check_signals(bars: Bars, signals: Any, name: str | None = None) -> None:
    """StrategyError, naming the strategy, the field and the first bar, for anything but one sound value a bar.

    Distances and strength count on entry bars alone; elsewhere they may be NaN.
    """
    name = str(name or getattr(signals, "strategy", "strategy"))
    if not isinstance(signals, Signals):
        raise StrategyError(f"{name}: signals(bars) must return Signals, got {type(signals).__name__}")
    _check_shapes(bars, signals, name)
    entry = _check_codes("entry", signals.entry, -1, "-1, 0 or 1", name)
    _check_codes("exit", signals.exit, 0, "True or False", name)
    at = np.flatnonzero(entry != 0)
    if at.size:
        _check_entries(bars, signals, at, name)


def _check_shapes(bars: Bars, signals: Signals, name: str) -> None:
    named = {field: getattr(signals, field) for field in ("entry", "exit", *_DISTANCES, *_WHOLE, "strength")}
    named |= {f"plot {key!r}": values for key, values in signals.plot.items()}
    named |= {f"check {key!r}": values for key, values in signals.checks.items()}
    for field, values in named.items():
        if values is None and field not in ("entry", "exit"):
            continue
        if np.shape(values) != (len(bars),):
            raise StrategyError(
                f"{name}: {field} has shape {np.shape(values)} for {len(bars)} bars; give one value a bar"
            )
        if np.asarray(values).dtype.kind not in "biuf":
            raise StrategyError(f"{name}: {field} holds {np.asarray(values).dtype}, not numbers")


def _check_codes(field: str, given: Any, least: int, allowed: str, name: str) -> npt.NDArray[Any]:
    values = np.asarray(given)
    if values.dtype.kind == "b" or not values.size or (values.dtype.kind in "iu" and _between(values, least, 1)):
        return values
    wrong = ~((values >= least) & (values <= 1) & (values == np.rint(values)))
    if wrong.any():
        bar = int(wrong.argmax())
        hint = "; a comparison with NaN is False, so compare before you convert" if values[bar] != values[bar] else ""
        raise StrategyError(f"{name}: {field} at bar {bar} is {values[bar]}; it must be {allowed} at every bar{hint}")
    return values


def _between(values: npt.NDArray[Any], least: int, most: int) -> bool:
    return bool(values.min() >= least and values.max() <= most)


def _check_entries(bars: Bars, signals: Signals, at: npt.NDArray[np.int64], name: str) -> None:
    """What an entry brings along must be usable at that entry."""
    for field in _DISTANCES:
        values = getattr(signals, field)
        if values is not None:
            _check_at(field, values, at, 0.0, MOST_TICKS * bars.tick, "a distance is finite and at least 0", name)
    for field in _WHOLE:
        values = getattr(signals, field)
        if values is not None:
            most = len(signals.tags) - 1 if field == "tag" and signals.tags else 2**31 - 1
            _check_at(field, values, at, 0, most, f"it is a whole number from 0 to {most}", name)
    if signals.strength is not None:
        known = at[~np.isnan(np.asarray(signals.strength, np.float64)[at])]
        _check_at("strength", signals.strength, known, 0.0, 1.0, "it lies from 0 to 1", name)


def _check_at(field: str, values: Any, at: Any, least: float, most: float, words: str, name: str) -> None:
    taken = np.asarray(values)[at]
    sound = (taken >= least) & (taken <= most)
    if field in _WHOLE:
        sound &= taken == np.rint(taken)
    if not sound.all():
        k = int((~sound).argmax())
        raise StrategyError(f"{name}: {field} at the entry of bar {int(at[k])} is {taken[k]}; {words}")


# ---- rows --------------------------------------------------------------------------------------------------------------
def decisions_of(slot_index: int, bars: Bars, signals: Signals, instrument: Instrument, delay_ms: int = 0) -> Rows:
    """DECISION[k]: a row wherever (entry, exit) changes to something; decided at the bar's end, known `delay_ms` later.

    Distances become ticks, to the nearest and at least one; `volatility` is the yearly sample deviation of the 60 log
    returns up to the bar, NaN when there are fewer; `signal_id` is left 0. Signals are taken to have passed `check_signals`.
    """
    said = _said(signals)
    changed = said != 0
    changed[1:] &= said[1:] != said[:-1]
    return _rows(np.flatnonzero(changed), slot_index, bars, signals, instrument, delay_ms)


def last_decision(slot_index: int, bars: Bars, signals: Signals, instrument: Instrument, delay_ms: int = 0) -> Rows:
    """The row of the last bar if there is one there: equal to the batch's row, bit for bit."""
    n = len(signals.entry)
    said = _said(Signals(signals.entry[-2:], signals.exit[-2:]))
    at = (
        np.arange(n - 1, n) if n and said[-1] != 0 and said[-1] != (said[-2] if n > 1 else 0) else np.zeros(0, np.int64)
    )
    return _rows(at, slot_index, bars, signals, instrument, delay_ms)


def decision_at(
    slot_index: int, bars: Bars, signals: Signals, instrument: Instrument, bar: int, said: tuple[int, int]
) -> Rows:
    """The row of one bar with another (entry, exit) than the signals' own: distances, tag and volatility are theirs."""
    entry, leave = np.zeros(len(bars), np.int8), np.zeros(len(bars), np.int8)
    entry[bar], leave[bar] = said
    return _rows(np.array([bar]), slot_index, bars, replace(signals, entry=entry, exit=leave), instrument, 0)


def _said(signals: Signals) -> npt.NDArray[np.int8]:
    """Entry and exit as one number a bar, 0 for neither."""
    said = np.asarray(signals.entry).astype(np.int8)
    said += said
    said += np.asarray(signals.exit).astype(np.int8)
    return said


def _rows(
    at: npt.NDArray[np.int64], slot_index: int, bars: Bars, signals: Signals, instrument: Instrument, delay_ms: int
) -> Rows:
    rows = np.zeros(at.size, DECISION)
    if not at.size:
        return rows
    rows["slot"] = slot_index
    rows["entry"] = np.asarray(signals.entry)[at]
    rows["exit"] = np.asarray(signals.exit)[at]
    rows["decided_at"] = bars.ts[at] + bars.timeframe_ms
    rows["known_at"] = rows["decided_at"] + delay_ms
    enters = rows["entry"] != 0
    scale = instrument.tick_ratio[1] / instrument.tick_ratio[0]
    for field in _DISTANCES:
        values = getattr(signals, field)
        if values is not None:
            distance = np.where(enters, np.asarray(values, np.float64)[at], 0.0)
            rows[field] = np.where(distance > 0.0, np.maximum(np.rint(distance * scale), 1.0), 0.0)
    for field in _WHOLE:
        values = getattr(signals, field)
        if values is not None:
            rows[field] = np.where(enters if field == "limit_bars" else True, np.asarray(values)[at], 0)
    rows["strength"] = np.nan if signals.strength is None else np.asarray(signals.strength, np.float64)[at]
    rows["volatility"] = volatility_at(bars, at)
    return rows


def volatility_at(bars: Bars, at: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """float64 of at.size: sample deviation of the 60 log returns of closes up to each bar of `at` (ascending), x
    sqrt(365 days / timeframe). NaN where there are fewer."""
    close = plain(bars.close)
    found = np.full(at.size, np.nan)
    _deviations(close, np.asarray(at, np.int64), RETURNS, np.empty(_ROOM), found)
    return found * sqrt(MS_YEAR / bars.timeframe_ms)


@helper
def _log_returns(close, start, end, returns, base):  # type: ignore[no-untyped-def]
    """returns[i - base] = log(close[i] / close[i - 1]) for start <= i < end.

    As 2 atanh((b - a) / (b + a)) by its series, exact to the last bits where a bar moves less than 2 %: no call of the
    library's logarithm, so that eight bars are worked out at a time, and no ratio near 1 to lose digits in.
    """
    far = 0
    for i in range(start, end):
        x = (close[i] - close[i - 1]) / (close[i] + close[i - 1])
        s = x * x
        returns[i - base] = 2.0 * x * (1.0 + s * (_THIRD + s * (_FIFTH + s * (_SEVENTH + s * _NINTH))))
        far += s > _NEAR
    if far > 0:
        for i in range(start, end):
            x = (close[i] - close[i - 1]) / (close[i] + close[i - 1])
            if x * x > _NEAR:
                returns[i - base] = log(close[i] / close[i - 1])


@compiled
def _deviations(close, at, n, returns, out):  # type: ignore[no-untyped-def]
    """Each return is worked out once, where a row needs it; each window is added up afresh, in four sums at a time.

    `returns`, room for a few windows, holds those of the bars from `base` on.
    """
    done, base = 0, 0
    for j in range(at.size):
        last = at[j]
        if last < n:
            continue
        first = last - n + 1
        if last - base >= returns.size:
            for i in range(first, done):
                returns[i - first] = returns[i - base]
            base = first
        _log_returns(close, max(done, first), last + 1, returns, base)
        done = last + 1
        a, b, c, d = 0.0, 0.0, 0.0, 0.0
        for i in range(first - base, done - base, 4):
            a += returns[i]
            b += returns[i + 1]
            c += returns[i + 2]
            d += returns[i + 3]
        mean = ((a + b) + (c + d)) / n
        a, b, c, d = 0.0, 0.0, 0.0, 0.0
        for i in range(first - base, done - base, 4):
            a += (returns[i] - mean) ** 2
            b += (returns[i + 1] - mean) ** 2
            c += (returns[i + 2] - mean) ** 2
            d += (returns[i + 3] - mean) ** 2
        out[j] = sqrt(((a + b) + (c + d)) / (n - 1))
