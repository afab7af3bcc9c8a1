"""Trades of two runs laid side by side: which are the same, which differ, which only one of them made.

Two trades are the same one when they are of one symbol and side and were entered within the tolerance of each other; each is
matched once, the nearest first in time. No judgement of why they differ: that is engine.research.versus.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy import Engine

from db.queries import columns
from engine.analytics.values import Ints

_TRADES = """SELECT t.seq, s.strategy, s.key AS slot_key, s.timeframe_ms, t.symbol, t.direction, t.qty, t.entry_ts, t.exit_ts,
    t.entry_price, t.exit_price, t.fees, t.funding, t.pnl, t.exit_reason, g.decided_ts
    FROM trade t JOIN slot s ON s.id = t.slot_id
    LEFT JOIN signal g ON g.run_id = t.run_id AND g.seq = t.signal_seq
    WHERE t.run_id = :run ORDER BY t.entry_ts, t.seq"""

Trade = dict[str, Any]
_TOLD = ("qty", "entry_price", "exit_ts", "exit_price", "exit_reason", "fees", "pnl")


@dataclass(frozen=True)
class TradePair:
    """A trade as one run made it and as the other did; None where it did not. `money` is the other's result less the one's."""

    one: Trade | None
    other: Trade | None
    money: float

    @property
    def same(self) -> bool:
        """Both made it, and of everything told of it nothing differs."""
        if self.one is None or self.other is None:
            return False
        return all(self.one[name] == self.other[name] for name in _TOLD)

    @property
    def ts(self) -> int:
        """Entry, ms UTC."""
        return int((self.one or self.other or {})["entry_ts"])


def trades_of_run(engine: Engine, run_id: int) -> list[Trade]:
    """Closed trades in order of entry, with their slot's strategy, timeframe and key, and when they were decided on."""
    found = columns(engine, _TRADES, {"run": run_id})
    names = list(found)
    return [dict(zip(names, row, strict=True)) for row in zip(*(found[name].tolist() for name in names), strict=True)]


def match(one: Sequence[Trade], other: Sequence[Trade], tolerance_ms: int) -> list[TradePair]:
    """Every trade of both, each once, in order of entry."""
    pairs: list[TradePair] = []
    theirs = _by_side(other)
    for key, mine in _by_side(one).items():
        pairs += _matched(mine, theirs.pop(key, []), tolerance_ms)
    pairs += [TradePair(None, trade, trade["pnl"]) for rest in theirs.values() for trade in rest]
    return sorted(pairs, key=lambda pair: pair.ts)


def _by_side(trades: Sequence[Trade]) -> dict[tuple[str, int], list[Trade]]:
    found: dict[tuple[str, int], list[Trade]] = {}
    for trade in trades:
        found.setdefault((trade["symbol"], trade["direction"]), []).append(trade)
    return found


def _matched(one: list[Trade], other: list[Trade], tolerance_ms: int) -> list[TradePair]:
    """Both sorted by entry. A trade takes the nearest of the other's that is free and near enough."""
    times: Ints = np.array([trade["entry_ts"] for trade in other], np.int64)
    free = np.ones(times.size, np.bool_)
    pairs = []
    for trade in one:
        low = int(np.searchsorted(times, trade["entry_ts"] - tolerance_ms, side="left"))
        high = int(np.searchsorted(times, trade["entry_ts"] + tolerance_ms, side="right"))
        near = [k for k in range(low, high) if free[k]]
        if not near:
            pairs.append(TradePair(trade, None, -trade["pnl"]))
            continue
        k = min(near, key=lambda k: abs(int(times[k]) - trade["entry_ts"]))
        free[k] = False
        pairs.append(TradePair(trade, other[k], other[k]["pnl"] - trade["pnl"]))
    pairs += [TradePair(None, other[k], other[k]["pnl"]) for k in np.flatnonzero(free)]
    return pairs
