"""What a paper run lived through, read from its tape: its own seconds of market, its setups, the gaps. Nothing is judged."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from engine.core.setup import Setup
from engine.core.types import FLAG_GAP, Instrument, Rows
from engine.market.tape import Tape

SECOND = np.dtype(
    [
        ("ts", "i8"),
        ("open", "i8"),
        ("high", "i8"),
        ("low", "i8"),
        ("close", "i8"),
        ("bid", "i8"),
        ("ask", "i8"),
        ("gap", "i8"),
    ]
)
"""One second with prints, prices in ticks; `bid` and `ask` stood at its open, 0 = no quote."""
BAR = np.dtype([("ts", "i8"), ("open", "i8"), ("high", "i8"), ("low", "i8"), ("close", "i8")])


@dataclass
class Lived:
    """`setups` with the ms UTC they came into force; `seconds` SECOND[n] by symbol in order; `gaps` as (from, to)."""

    setups: list[tuple[int, Setup]] = field(default_factory=list)
    seconds: dict[str, Rows] = field(default_factory=dict)
    gaps: list[tuple[int, int]] = field(default_factory=list)
    first: int = 0
    last: int = 0

    def instrument(self, symbol: str) -> Instrument:
        return next(one for _, setup in reversed(self.setups) for one in setup.instruments if one.symbol == symbol)

    def in_gap(self, from_ts: int, to_ts: int) -> bool:
        """Whether some of [from_ts, to_ts] was an outage."""
        return any(a <= to_ts and b >= from_ts for a, b in self.gaps)

    def second(self, symbol: str, ts: int) -> Any | None:
        """The second that begins at `ts`, None where nothing was printed in it."""
        rows = self.seconds.get(symbol, _NONE)
        k = int(np.searchsorted(rows["ts"], ts))
        return rows[k] if k < rows.size and rows["ts"][k] == ts else None

    def bars(self, symbol: str, step_ms: int) -> Rows:
        """BAR[k]: the run's own prints as bars of `step_ms`, those at both ends that it saw a part of left out."""
        rows = self.seconds.get(symbol, _NONE)
        if not rows.size:
            return np.zeros(0, BAR)
        group = rows["ts"] // step_ms
        at = np.flatnonzero(np.diff(group, prepend=group[0] - 1))
        out = np.zeros(at.size, BAR)
        out["ts"], out["open"] = group[at] * step_ms, rows["open"][at]
        out["high"], out["low"] = np.maximum.reduceat(rows["high"], at), np.minimum.reduceat(rows["low"], at)
        out["close"] = rows["close"][np.append(at[1:], rows.size) - 1]
        whole: Rows = out[(out["ts"] >= self.first) & (out["ts"] + step_ms <= self.last)]
        return whole


_NONE = np.zeros(0, SECOND)


def lived(folder: Path) -> Lived:
    """Read the tape in a run's own folder. ValueError for a run without one."""
    found = Lived()
    rows: dict[str, list[tuple[int, ...]]] = {}
    names: list[str] = []
    for event, _ in Tape(folder / "tape").read():
        kind, ts = event[0], int(event[1])
        if kind == "frame":
            found.first = found.first or ts
            for bar in event[2]:
                rows.setdefault(names[bar[0]], []).append(
                    (ts, bar[2], bar[3], bar[4], bar[5], bar[7], bar[8], bar[1] & FLAG_GAP)
                )
        elif kind in ("warm", "setup"):
            setup = Setup.from_json(event[3] if kind == "warm" else event[2])
            names = [one.symbol for one in setup.instruments]
            if not found.setups or found.setups[-1][1] != setup:
                found.setups.append((ts, setup))
        elif kind == "gap" and event[3] != "start":
            found.gaps.append((ts, int(event[2])))
        found.last = max(found.last, ts)
    if not found.setups or not found.first:
        raise ValueError(
            f"{folder} holds no tape with a market on it: the run has not traded yet, or its folder was moved"
        )
    found.seconds = {name: np.array(own, SECOND) for name, own in rows.items()}
    return found
