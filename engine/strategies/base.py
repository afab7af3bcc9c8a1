"""What a strategy is made of: its parameters, the bars it sees and the signals it gives. No strategy is in this file.

A strategy must be causal: what it says at a bar may depend on that bar and those before it alone.
`engine.research.lookahead` proves it for any strategy.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict

from engine.strategies._ask import Answers, Ask
from engine.strategies._bars import Bars, HigherBars
from engine.strategies._record import Record

__all__ = [
    "Answers",
    "Ask",
    "Bars",
    "HigherBars",
    "Record",
    "Signals",
    "Strategy",
    "StrategyError",
    "StrategyParams",
    "previous",
]

Array = npt.NDArray[Any]
Bools = npt.NDArray[np.bool_]


class StrategyError(ValueError):
    """A strategy, its file or its parameters are wrong; the message names the strategy and the defect."""


class StrategyParams(BaseModel):
    """A strategy's parameters: declared once, frozen, finite, nothing unknown. Constraints between them are validators here."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, validate_default=True)


@dataclass(eq=False)
class Signals:
    """What a strategy says, one value a bar; every array has shape [n].

    `entry` int8: 1 go long, -1 go short, 0 nothing; `exit` bool (both set = turn the position round). `stop`, `target`,
    `trail`, `limit_offset` float64 distances in price units, read on entry bars, 0 = none; `limit_bars` how many bars a limit
    entry lives; `strength` 0..1; `tag` integer index into `tags`. `plot`: named series to draw; `checks`: named bool
    conditions in which the app says why there is a position or none. A change is a decision, its repetition is not.
    """

    entry: Array
    exit: Array
    stop: Array | None = None
    target: Array | None = None
    trail: Array | None = None
    limit_offset: Array | None = None
    limit_bars: Array | None = None
    strength: Array | None = None
    tag: Array | None = None
    plot: Mapping[str, Array] = field(default_factory=dict)
    checks: Mapping[str, Array] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    strategy: str = field(default="strategy", repr=False)
    after_warmup: bool = field(default=False, repr=False)

    @classmethod
    def long_while(cls, condition: Array, ready: Array | None = None, **words: Any) -> Signals:
        """Enter on the bar where `condition` turns true, exit where it turns false. `words` are Signals' other fields.

        The first warm bar is no turn: the bar before must have been warm too. `ready` (bool[n]) says which are; without it
        all bars after the strategy's `warmup()` are. After a stop the next turn is waited for.
        """
        return cls._held(_condition(condition).astype(np.int8), ready, words)

    @classmethod
    def short_while(cls, condition: Array, ready: Array | None = None, **words: Any) -> Signals:
        """As `long_while`, the other way round."""
        return cls._held(-_condition(condition).astype(np.int8), ready, words)

    @classmethod
    def long_short_while(cls, long: Array, short: Array, ready: Array | None = None, **words: Any) -> Signals:
        """Long while `long`, short while `short`, flat otherwise; from one to the other the position is turned round."""
        return cls._held(_sides(long, short), ready, words)

    @classmethod
    def _held(cls, side: npt.NDArray[np.int8], ready: Array | None, words: dict[str, Any]) -> Signals:
        before = np.concatenate((side[:1], side[:-1]))
        turned = side != before
        starts = turned & (side != 0)
        if ready is not None:
            warm = _condition(ready)
            _same_length(side, warm, "ready")
            starts[1:] &= warm[:-1]
        entry = np.where(starts, side, 0).astype(np.int8)
        return cls(entry, turned & (before != 0), after_warmup=ready is None, **words)


class Strategy:
    """One file, one subclass: `Params`, `signals(bars)`, and `warmup()` where the default does not fit.

    `name` is the file's name; `asks` what it wants a model to be asked, if anything. Instances keep nothing between
    calls: the same bars give the same signals.
    """

    name: ClassVar[str] = "strategy"
    Params: ClassVar[type[StrategyParams]] = StrategyParams
    asks: ClassVar[Ask | None] = None
    params: Any

    def __init__(self, params: StrategyParams | None = None) -> None:
        self.params = self.Params() if params is None else params
        if not isinstance(self.params, self.Params):
            raise StrategyError(f"{self.name}: its parameters are a {self.Params.__qualname__}, got {params!r}")

    def __init_subclass__(cls, **words: Any) -> None:
        super().__init_subclass__(**words)
        cls.name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", cls.__name__).lower()
        if "signals" in cls.__dict__:
            cls.signals = _named(cls.__dict__["signals"])  # type: ignore[method-assign]  # the same function, its result marked

    def signals(self, bars: Bars) -> Signals:
        """The signals on all of `bars`, each from its bar and those before it alone."""
        raise StrategyError(f"{self.name}: the class has no signals(self, bars)")

    def warmup(self) -> int:
        """Bars needed before the first value stands; by default the largest whole-number parameter."""
        numbers = [value for value in dict(self.params).values() if type(value) is int]
        return max([1, *numbers])


def _named(function: Callable[..., Any]) -> Callable[..., Signals]:
    """`signals` with the strategy's name on its result, and no turn of `long_while` within the warm-up. A `warmup` that fails,
    fails here: elsewhere it only says how many bars to fetch."""

    @functools.wraps(function)
    def signals(self: Strategy, bars: Bars) -> Signals:
        try:
            warm = _bars(self.warmup())
            found = function(self, bars)
        except StrategyError as error:
            words = str(error)
            raise StrategyError(words if words.startswith(f"{self.name}:") else f"{self.name}: {words}") from error
        if not isinstance(found, Signals):
            raise StrategyError(f"{self.name}: signals(bars) must return Signals, got {type(found).__name__}")
        found.strategy = self.name
        if found.after_warmup:
            found.entry[:warm] = 0
        return found

    return signals


def _bars(warm: Any) -> int:
    try:
        return int(warm)
    except (TypeError, ValueError, OverflowError):
        raise StrategyError(f"warmup() must return a number of bars, got {warm!r}") from None


def _sides(long: Array, short: Array) -> npt.NDArray[np.int8]:
    """1, -1 or 0 a bar."""
    up, down = _condition(long), _condition(short)
    _same_length(up, down, "short")
    if (up & down).any():
        raise StrategyError(f"long and short are both true at bar {int(np.argmax(up & down))}; only one can be held")
    return up.astype(np.int8) - down.astype(np.int8)


def _same_length(side: Array, other: Array, name: str) -> None:
    if side.size != other.size:
        raise StrategyError(f"{name} has {other.size} values for {side.size} bars; give one a bar")


def _condition(values: Array) -> Bools:
    array = np.asarray(values)
    if array.dtype != np.bool_ or array.ndim != 1:
        raise StrategyError(
            f"a condition must be a bool array with one value a bar, got {array.dtype} of shape {array.shape}; compare "
            "the values, as in fast > slow"
        )
    return array.view(np.ndarray)


def previous(values: Array, bars: int = 1) -> npt.NDArray[np.float64]:
    """The value `bars` (1 or more) bars ago, float64[n]; NaN where there was none."""
    if bars < 1:
        raise StrategyError(f"previous looks back 1 bar or more, got {bars}")
    array = np.asarray(values, np.float64).view(np.ndarray)
    return np.concatenate((np.full(min(bars, array.size), np.nan), array[:-bars]))
