"""What a paper run lived through, read from its tape: its own minutes of market, its setups, the gaps. Nothing is judged."""

from __future__ import annotations

from array import array
from collections.abc import Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from engine.core.setup import Setup
from engine.core.types import Instrument, Rows
from engine.ledger import steering
from engine.market.lens import tape_of

BAR = np.dtype([("ts", "i8"), ("open", "i8"), ("high", "i8"), ("low", "i8"), ("close", "i8")])
MINUTE = 60_000
"""Prints are kept as bars of this length: three months of seconds would fill the memory."""


@dataclass
class Lived:
    """`setups` with the ms UTC they came into force; `minutes` BAR[n] by symbol, in ticks; `quotes` (bid, ask) in ticks that
    stood at the open of the seconds asked for, by (symbol, ts); `gaps` as (from, to); `first` and `last` ms UTC of market."""

    setups: list[tuple[int, Setup]] = field(default_factory=list)
    minutes: dict[str, Rows] = field(default_factory=dict)
    quotes: dict[tuple[str, int], tuple[int, int]] = field(default_factory=dict)
    gaps: list[tuple[int, int]] = field(default_factory=list)
    first: int = 0
    last: int = 0
    known: dict[str, list[Sequence[float | None]]] = field(default_factory=dict)
    """By strategy, what the run was told of its own signals, and when."""

    def instrument(self, symbol: str) -> Instrument:
        return next(one for _, setup in reversed(self.setups) for one in setup.instruments if one.symbol == symbol)

    def in_gap(self, from_ts: int, to_ts: int) -> bool:
        """Whether some of [from_ts, to_ts] was an outage."""
        return any(a <= to_ts and b >= from_ts for a, b in self.gaps)

    def bars(self, symbol: str, step_ms: int) -> Rows:
        """BAR[k]: the run's own prints as bars of `step_ms` (whole minutes); those it saw a part of are left out."""
        rows = self.minutes.get(symbol, np.zeros(0, BAR))
        if not rows.size or step_ms % MINUTE:
            return np.zeros(0, BAR)
        group = rows["ts"] // step_ms
        at = np.flatnonzero(np.diff(group, prepend=group[0] - 1))
        out = np.zeros(at.size, BAR)
        out["ts"], out["open"] = group[at] * step_ms, rows["open"][at]
        out["high"], out["low"] = np.maximum.reduceat(rows["high"], at), np.minimum.reduceat(rows["low"], at)
        out["close"] = rows["close"][np.append(at[1:], rows.size) - 1]
        whole: Rows = out[(out["ts"] >= self.first) & (out["ts"] + step_ms <= self.last)]
        return whole


class _Minutes:
    """One symbol's seconds folded into minutes as they come."""

    def __init__(self) -> None:
        self.rows = array("q")
        self.open: list[int] = []

    def add(self, minute: int, opened: int, high: int, low: int, close: int) -> None:
        now = self.open
        if now and now[0] == minute:
            now[2], now[3], now[4] = max(now[2], high), min(now[3], low), close
            return
        self.rows.extend(now)
        self.open = [minute, opened, high, low, close]

    def done(self) -> Rows:
        self.rows.extend(self.open)
        bars: Rows = np.frombuffer(self.rows, np.int64).reshape(-1, 5).view(BAR).reshape(-1)
        return bars


def lived(folder: Path, seconds: Set[int] = frozenset()) -> Lived:
    """Read the tape in a run's own folder; `seconds` are those whose quotes are asked for (ms UTC). ValueError for a run
    without one. 3 to 4 seconds a million frames."""
    found = Lived()
    rows: dict[str, _Minutes] = {}
    names: list[str] = []
    for event, _ in tape_of(folder).read():
        kind, ts = event[0], int(event[1])
        if kind == "frame":
            found.first = found.first or ts
            minute = ts // MINUTE * MINUTE
            for bar in event[2]:
                name = names[bar[0]]
                rows.setdefault(name, _Minutes()).add(minute, bar[2], bar[3], bar[4], bar[5])
                if ts in seconds:
                    found.quotes[name, ts] = bar[7], bar[8]
        elif kind in ("warm", "setup"):
            setup = Setup.from_json(event[3] if kind == "warm" else event[2])
            names = [one.symbol for one in setup.instruments]
            if not found.setups or found.setups[-1][1] != setup:
                found.setups.append((ts, setup))
        elif kind == "gap" and event[3] != "start":
            found.gaps.append((ts, int(event[2])))
        elif kind == "command" and event[2] == "weights" and isinstance(event[3].get("rows"), list):
            steering.learn(found.known, event[3], ts)
        found.last = max(found.last, ts)
    if not found.setups or not found.first:
        raise ValueError(
            f"{folder} holds no tape with a market on it: the run has not traded yet, or its folder was moved"
        )
    found.minutes = {name: own.done() for name, own in rows.items()}
    return found
