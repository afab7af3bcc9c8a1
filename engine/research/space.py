"""What may be varied in a study: its strategies' parameters as they declare them, and what costs, sizes and protects.

A name is a parameter (`fast`: of every slot that has it; `2.fast`: of the second slot), or one of SETTINGS. Which points to
take is in engine.research.grid; nothing is run here.
"""

from __future__ import annotations

import difflib
import enum
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Literal, get_args, get_origin

import annotated_types as at
from pydantic import ValidationError
from pydantic.fields import FieldInfo

from engine.core.setup import Setup
from engine.core.types import SlotSpec
from engine.research.study import Study
from engine.strategies import catalog
from engine.strategies.base import Strategy

Kind = Literal["int", "float", "choice"]
Point = Mapping[str, Any]
_MOST_SETUPS = 1024


class SpaceError(ValueError):
    """What was asked to be varied cannot be; the message says what can."""

    exit_code = 2


class Excluded(ValueError):
    """A point that breaks a constraint between parameters: skipped and counted, no error."""


@dataclass(frozen=True)
class Dimension:
    """One thing that can be varied: whole or real numbers from `low` to `high` (None: no bound; `above`, `below`: the bound
    itself is out), or `choices`."""

    name: str
    kind: Kind
    low: float | None = None
    high: float | None = None
    above: bool = False
    below: bool = False
    choices: tuple[Any, ...] = ()
    default: Any = None
    words: str = ""

    def check(self, value: Any) -> Any:
        """The value as its kind has it. SpaceError, saying what is allowed, for any other."""
        if self.kind == "choice":
            if value in self.choices:
                return value
        elif isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value):
            whole = self.kind == "int"
            if not (whole and value != int(value)) and self._inside(value):
                return int(value) if whole else float(value)
        raise SpaceError(f"{self.name} = {value} is refused; allowed: {self.allowed}")

    def _inside(self, value: float) -> bool:
        under = self.low is not None and (value <= self.low if self.above else value < self.low)
        over = self.high is not None and (value >= self.high if self.below else value > self.high)
        return not (under or over)

    @property
    def allowed(self) -> str:
        """In words."""
        if self.kind == "choice":
            return ", ".join(str(choice) for choice in self.choices)
        what = "a whole number" if self.kind == "int" else "a number"
        bounds = [
            f"{word} {bound:g}"
            for bound, word in (
                (self.low, "above" if self.above else "from"),
                (self.high, "below" if self.below else "up to"),
            )
            if bound is not None
        ]
        return " ".join([what, *bounds])


SETTINGS: dict[str, Dimension] = {
    one.name: one
    for one in (
        Dimension("stop", "float", 0, 1, below=True, words="stop loss, a fraction of the fill; 0 for none"),
        Dimension("target", "float", 0, 100, words="take profit, a fraction of the fill; 0 for none"),
        Dimension("trail", "float", 0, 1, below=True, words="trailing stop, a fraction of the fill; 0 for none"),
        Dimension("breakeven", "float", 0, 100, words="gain that moves the stop to the entry; 0 for none"),
        Dimension("time_stop", "int", 0, 1_000_000, words="strategy bars after which a position is left; 0 for none"),
        Dimension("cooldown", "float", 0, 1_000_000, words="minutes without entries after a stop"),
        Dimension("size", "float", 0, 1e12, above=True, words="how much an entry uses, as the slot's sizing has it"),
        Dimension("fee", "float", 0, 1, below=True, words="maker and taker fee, a fraction"),
        Dimension("maker", "float", 0, 1, below=True, words="maker fee, a fraction"),
        Dimension("taker", "float", 0, 1, below=True, words="taker fee, a fraction"),
        Dimension(
            "slippage_bps", "float", 0, 1000, words="slippage of market orders and stops, hundredths of a percent"
        ),
        Dimension("delay", "int", 0, 1000, words="strategy bars between a decision and its order"),
        Dimension("max_positions", "int", 1, 1000, words="positions at one time"),
        Dimension("max_gross", "float", 0, 10, above=True, words="exposure over equity at most"),
    )
}
"""Beside the strategies' own parameters, which come first where a name is both; `slot.stop` then says the setting."""


class Space:
    """The dimensions of one study, and the study at a point of it."""

    def __init__(self, study: Study, classes: Sequence[type[Strategy]] | None = None) -> None:
        """`classes` are the slots' strategies, by default those of the catalog. StrategyError for an unknown one."""
        self.study = study
        slots = study.setup.slots
        self.classes = tuple(classes or [catalog.load(slot.strategy) for slot in slots])
        self._own = [_declared(cls, params) for cls, params in zip(self.classes, study.setup.params, strict=True)]
        merged: dict[str, Dimension] = {}
        for i, own in enumerate(self._own):
            for name, dimension in own.items():
                merged.setdefault(name, dimension)
                if len(slots) > 1:
                    merged[f"{i + 1}.{name}"] = replace(dimension, name=f"{i + 1}.{name}")
        settings = {f"slot.{name}" if name in merged else name: one for name, one in SETTINGS.items()}
        self.parameters = merged
        self.dimensions = {**merged, **{name: replace(one, name=name) for name, one in settings.items()}}
        self._setups: dict[tuple[tuple[str, Any], ...], Setup] = {}

    def find(self, name: str) -> Dimension:
        if name in self.dimensions:
            return self.dimensions[name]
        close = difflib.get_close_matches(name, self.dimensions, n=1, cutoff=0.6)
        hint = f"did you mean {close[0]}?" if close else "there are " + ", ".join(self.dimensions)
        raise SpaceError(f"{name} cannot be varied; {hint}")

    def at(self, point: Point) -> Study:
        """The study with the values of `point`. Excluded for one that breaks a constraint, SpaceError for one that is no
        point of this space."""
        params = [model.model_dump(mode="json") for model in self._models(point)]
        return replace(self.study, setup=self.setup_at(point)).with_params(*params)

    def setup_at(self, point: Point) -> Setup:
        """The setup with the settings of `point`; its parameters are left as they were."""
        settings = tuple((name, value) for name, value in point.items() if name not in self.parameters)
        if not settings:
            return self.study.setup
        if settings not in self._setups:
            if len(self._setups) > _MOST_SETUPS:
                self._setups.clear()
            own = {name.removeprefix("slot."): value for name, value in settings}
            self._setups[settings] = _set(self.study.setup, own)
        return self._setups[settings]

    def strategies_at(self, point: Point) -> list[Strategy]:
        """The slots' strategies with the values of `point`; errors as for `at`."""
        return [cls(params) for cls, params in zip(self.classes, self._models(point), strict=True)]

    def _models(self, point: Point) -> list[Any]:
        rows = [dict(params) for params in self.study.setup.params]
        for name, value in point.items():
            self._place(rows, name, value)
        try:
            return [cls.Params.model_validate(row) for cls, row in zip(self.classes, rows, strict=True)]
        except ValidationError as error:
            raise self._refusal(error) from None

    def _place(self, rows: list[dict[str, Any]], name: str, value: Any) -> None:
        if name not in self.parameters:
            self.find(name)
            return
        number, dot, bare = name.partition(".")
        if dot and number.isdigit():
            rows[int(number) - 1][bare] = value
            return
        for own, row in zip(self._own, rows, strict=True):
            if name in own:
                row[name] = value

    @staticmethod
    def _refusal(error: ValidationError) -> ValueError:
        first = error.errors(include_url=False)[0]
        words = str(first["msg"]).removeprefix("Value error, ")
        return SpaceError(f"{first['loc'][0]}: {words}") if first["loc"] else Excluded(words)


def _declared(cls: type[Strategy], params: Mapping[str, Any]) -> dict[str, Dimension]:
    found = {name: _dimension(name, field, params) for name, field in cls.Params.model_fields.items()}
    return {name: one for name, one in found.items() if one is not None}


def _dimension(name: str, field: FieldInfo, params: Mapping[str, Any]) -> Dimension | None:
    """None for what cannot be varied: texts, lists and the like."""
    kind, words = field.annotation, field.description or ""
    default = params.get(name, field.default)
    if kind is bool:
        return Dimension(name, "choice", choices=(False, True), default=default, words=words)
    if get_origin(kind) is Literal:
        return Dimension(name, "choice", choices=get_args(kind), default=default, words=words)
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return Dimension(name, "choice", choices=tuple(one.value for one in kind), default=default, words=words)
    if kind is not int and kind is not float:
        return None
    low, high = _bound(field, at.Ge, at.Gt), _bound(field, at.Le, at.Lt)
    return Dimension(name, "int" if kind is int else "float", low[0], high[0], low[1], high[1], (), default, words)


def _bound(field: FieldInfo, closed: Any, open_: Any) -> tuple[float | None, bool]:
    for one in field.metadata:
        if isinstance(one, closed):
            return float(getattr(one, closed.__name__.lower())), False
        if isinstance(one, open_):
            return float(getattr(one, open_.__name__.lower())), True
    return None, False


# ---- settings ----------------------------------------------------------------------------------------------------------
_PROTECTION = ("stop", "target", "trail", "breakeven", "time_stop")


def _set(setup: Setup, settings: Mapping[str, Any]) -> Setup:
    """The setup with other settings, each for every slot and instrument."""
    account, fees = setup.account, {name: settings[name] for name in ("maker", "taker") if name in settings}
    if "fee" in settings:
        fees = {"maker": settings["fee"], "taker": settings["fee"], **fees}
    same = {name: settings[name] for name in ("slippage_bps", "max_positions", "max_gross") if name in settings}
    if "delay" in settings:
        same["delay_ms"] = settings["delay"] * min(slot.timeframe_ms for slot in setup.slots)
    instruments = setup.instruments
    if fees:
        rates: dict[str, Any] = {name: Decimal(str(value)) for name, value in fees.items()}
        instruments = tuple(replace(one, **rates) for one in instruments)
    slots = tuple(_slot(slot, settings) for slot in setup.slots)
    account = replace(account, **same) if same else account
    return replace(setup, account=account, instruments=instruments, slots=slots)


def _slot(slot: SlotSpec, settings: Mapping[str, Any]) -> SlotSpec:
    levels = {name: settings[name] or None for name in _PROTECTION if name in settings}
    words: dict[str, Any] = {"protection": replace(slot.protection, **levels)} if levels else {}
    if "size" in settings:
        words["sizing"] = replace(slot.sizing, value=settings["size"])
    if "cooldown" in settings:
        words["cooldown_ms"] = round(settings["cooldown"] * 60_000)
    return replace(slot, **words) if words else slot
