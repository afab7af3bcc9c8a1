"""The market in a few lines, as a model reads it: recent bars and the strategy's own indicators beside them. Pure."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from engine.strategies._ask import Ask
from engine.strategies.base import Bars, Signals, StrategyError

DIGITS = 6


def market_table(bars: Bars, signals: Signals, ask: Ask, bar: int) -> dict[str, Any]:
    """Columns and rows of the last `ask.bars` bars up to number `bar`, oldest first, and what the rule says at it.
    StrategyError if the strategy draws no indicator of a name it asks with."""
    missing = [name for name in ask.indicators if name not in signals.plot]
    if missing:
        known = ", ".join(signals.plot) or "none"
        raise StrategyError(
            f"{signals.strategy}: asks names the indicator {missing[0]!r}, which signals(bars) does not plot; it plots {known}"
        )
    at = slice(max(bar + 1 - ask.bars, 0), bar + 1)
    named = {name: np.asarray(signals.plot[name], np.float64)[at] for name in ask.indicators}
    four = {
        name: np.asarray(getattr(bars, name), np.float64)[at] for name in ("open", "high", "low", "close", "volume")
    }
    columns = {**four, **named}
    rows = [[_short(values[k]) for values in columns.values()] for k in range(len(four["open"]))]
    entry, leave = int(np.asarray(signals.entry)[bar]), bool(np.asarray(signals.exit)[bar])
    return {
        "symbol": bars.symbol,
        "timeframe": _span(bars.timeframe_ms),
        "columns": list(columns),
        "rows": rows,
        "rule": {1: "enter long", -1: "enter short"}.get(entry, "leave" if leave else "nothing"),
        "checks": {str(name): bool(values[bar]) for name, values in signals.checks.items()},
    }


def _short(value: Any) -> float | None:
    number = float(value)
    return float(f"{number:.{DIGITS}g}") if math.isfinite(number) else None


def _span(ms: int) -> str:
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000)):
        if ms % size == 0:
            return f"{ms // size}{unit}"
    return f"{ms // 1000}s"
