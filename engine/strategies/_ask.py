"""What a strategy asks a model, and the answers it gets: plain declarations and arrays. Nothing here calls anybody.

A model says which way and how sure. Size, price, stop and symbol are the rule's and are no part of an answer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from engine.core.types import Rows

Floats = npt.NDArray[np.float64]
Moment = Literal["entry", "bar"]
MODES = ("off", "shadow", "veto", "scale", "trade")
TRADING = ("veto", "scale", "trade")
"""Modes in which an answer changes what is traded."""

ANSWER = np.dtype(
    [
        ("about", "i8"),
        ("arrived", "i8"),
        ("direction", "f8"),
        ("confidence", "f8"),
        ("horizon", "i8"),
        ("call", "i8"),
        ("source", "i8"),
    ],
    align=True,
)
"""One answer: the bar end it was asked at and the exchange time of its arrival, ms UTC; direction -1, 0, 1, NaN where the
call failed or the model abstained; confidence 0..1; horizon in bars; the call's row; the number of its (model, prompt)."""


@dataclass(frozen=True)
class Ask:
    """What is asked and when.

    `prompt` names a template in my/prompts or engine/strategies/prompts (its file without .md). `when`: "entry" asks where the
    rule enters, "bar" every `every` bars. An answer counts for `life` bars from the one it was asked at. `bars` recent
    bars stand in the table, `indicators` are names of the strategy's `plot`. `shorts`: in mode trade a model may open
    short as well. `own`: the strategy reads `bars.answers` itself, and nothing else is made of them (modes shadow and trade).
    """

    prompt: str
    when: Moment = "entry"
    every: int = 1
    life: int = 1
    bars: int = 30
    indicators: tuple[str, ...] = ()
    shorts: bool = False
    own: bool = False

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", self.prompt):
            raise ValueError(f"Ask: prompt {self.prompt!r} is no name of a template; write the file's name without .md")
        if self.when not in ("entry", "bar"):
            raise ValueError(f'Ask: when must be "entry" or "bar", got {self.when!r}')
        for name, most in (("every", 100_000), ("life", 1000), ("bars", 200)):
            value = getattr(self, name)
            if type(value) is not int or not 1 <= value <= most:
                raise ValueError(f"Ask: {name} must be a whole number from 1 to {most}, got {value!r}")
        if not isinstance(self.indicators, tuple):
            raise ValueError("Ask: indicators is a tuple of names of plot, such as ('mean',)")


@dataclass(frozen=True, eq=False)
class Answers:
    """Answers beside bars, float64[n]: at each bar the newest that had arrived and still counted, NaN where nothing was asked,
    nothing came or the model abstained. `direction` -1, 0, 1; `confidence` 0 to 1; `horizon` in bars."""

    direction: Floats
    confidence: Floats
    horizon: Floats

    @classmethod
    def none(cls, n: int) -> Answers:
        """Nothing was asked on any of n bars."""
        return cls(np.full(n, np.nan), np.full(n, np.nan), np.full(n, np.nan))

    def head(self, n: int) -> Answers:
        """The first n, in memory of their own."""
        return Answers(self.direction[:n].copy(), self.confidence[:n].copy(), self.horizon[:n].copy())

    @classmethod
    def beside(cls, ends: npt.NDArray[np.int64], timeframe_ms: int, given: Rows, life: int) -> Answers:
        """ANSWER[k] in order of arrival beside bars ending at int64[n]: an answer stands from the newest bar at its arrival up to
        the last bar that ends within its life."""
        found = cls.none(int(ends.size))
        for one in given:
            if not np.isfinite(one["direction"]) or one["arrived"] >= one["about"] + life * timeframe_ms:
                continue
            first = max(int(np.searchsorted(ends, one["arrived"], side="right")) - 1, 0)
            last = int(np.searchsorted(ends, one["about"] + life * timeframe_ms, side="left"))
            for name in ("direction", "confidence", "horizon"):
                getattr(found, name)[first:last] = one[name]
        return found


def no_answers() -> Rows:
    return np.zeros(0, ANSWER)


def asks_of(strategy: Any) -> Ask | None:
    """What a strategy's class declares as `asks`; None where it asks nothing."""
    found = getattr(strategy, "asks", None)
    return found if isinstance(found, Ask) else None


def view_of(row: Mapping[str, Any]) -> str:
    """An answer's direction in a word."""
    value = row["direction"]
    return "abstained" if value is None or value != value else {1: "long", -1: "short", 0: "flat"}[int(value)]
