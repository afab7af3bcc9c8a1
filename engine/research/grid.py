"""Which points of a space to take: every one of a grid, or so many drawn at random. Counted before anything is run."""

from __future__ import annotations

import hashlib
import json
import math
import random
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import cached_property
from typing import Any, Protocol

from engine.research.space import Dimension, Excluded, Point, Space, SpaceError

MOST_POINTS = 1_000_000
_TRIES = 200


class Points(Protocol):
    """Parameter sets by number, made when asked for: a million of them take no memory."""

    @property
    def names(self) -> tuple[str, ...]: ...

    def __len__(self) -> int: ...

    def __getitem__(self, i: int, /) -> Point: ...

    def key(self) -> str: ...


@dataclass(frozen=True)
class Axis:
    """The values of one dimension, in order: `count` of them, `value(i)` the i-th."""

    name: str
    count: int
    value: Callable[[int], Any]
    text: str

    @staticmethod
    def of(dimension: Dimension, values: Sequence[Any]) -> Axis:
        checked = tuple(dict.fromkeys(dimension.check(value) for value in values))
        return Axis(dimension.name, len(checked), checked.__getitem__, json.dumps(checked))


def axis(space: Space, text: str) -> Axis:
    """`fast=5:24:1` (from, to and step, the end included) or `fast=5,10,20`. SpaceError for what is neither."""
    name, equals, values = text.partition("=")
    name, values = name.strip(), values.strip()
    if not equals or not values:
        raise SpaceError(f"{text} is no axis: write name=from:to:step or name=a,b,c, as in fast=5:50:5")
    dimension = space.find(name)
    if ":" in values and dimension.kind != "choice":
        return _range(dimension, values)
    return Axis.of(dimension, [_plain(part.strip()) for part in values.split(",") if part.strip()])


def _range(dimension: Dimension, text: str) -> Axis:
    parts = text.split(":")
    try:
        first, last, *rest = (Decimal(part) for part in parts)
        step = rest[0] if rest else Decimal(1)
    except (InvalidOperation, ValueError):
        raise SpaceError(f"{dimension.name}={text} is no range: write from:to:step, as in 5:50:5") from None
    if len(parts) > 3 or not all(number.is_finite() for number in (first, last, step)) or step <= 0:
        raise SpaceError(f"{dimension.name}={text} is no range: from:to:step with a step above 0, as in 5:50:5")
    count = int((last - first) / step) + 1 if last >= first else 0

    def value(i: int) -> Any:
        return dimension.check(_number(first + i * step))

    if count:
        value(0), value(count - 1)
    if count > 1:
        value(1)  # a step that leaves the whole numbers
    return Axis(dimension.name, count, value, f"{first}:{last}:{step}")


def _number(value: Decimal) -> int | float:
    return int(value) if value == value.to_integral_value() else float(value)


def _plain(text: str) -> Any:
    try:
        return tomllib.loads(f"v = {text}")["v"]
    except tomllib.TOMLDecodeError:
        return text


class Grid:
    """Every combination of its axes; the last axis varies fastest."""

    def __init__(self, axes: Sequence[Axis]) -> None:
        """SpaceError when an axis is named twice."""
        names = [one.name for one in axes]
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            raise SpaceError(f"{', '.join(sorted(twice))} is varied twice: give all its values at once")
        self.axes = tuple(axes)

    @staticmethod
    def of(space: Space, texts: Sequence[str]) -> Grid:
        return Grid([axis(space, text) for text in texts])

    @staticmethod
    def over(space: Space, values: Mapping[str, Sequence[Any]]) -> Grid:
        """From the values themselves."""
        return Grid([Axis.of(space.find(name), chosen) for name, chosen in values.items()])

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(one.name for one in self.axes)

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(one.count for one in self.axes)

    @property
    def count(self) -> int:
        """How many points; `len` fails where these are more than a machine can number."""
        return math.prod(self.shape) if self.axes else 0

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, i: int, /) -> Point:
        if not 0 <= i < self.count:
            raise IndexError(i)
        found: dict[str, Any] = {}
        for one in reversed(self.axes):
            i, k = divmod(i, one.count)
            found[one.name] = one.value(k)
        return dict(reversed(found.items()))

    def key(self) -> str:
        return _digest([[one.name, one.text] for one in self.axes])


class Listed:
    """Points given one by one."""

    def __init__(self, points: Sequence[Point]) -> None:
        self._points = tuple(dict(point) for point in points)

    @cached_property
    def names(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for point in self._points for name in point))

    def __len__(self) -> int:
        return len(self._points)

    def __getitem__(self, i: int, /) -> Point:
        return self._points[i]

    def __iter__(self) -> Iterator[Point]:
        return iter(self._points)

    def key(self) -> str:
        return _digest([dict(point) for point in self._points])


def drawn(space: Space, axes: Sequence[Axis], n: int, seed: int = 0, *, force: bool = False) -> Listed:
    """`n` different points that keep the constraints, drawn evenly from the axes; fewer where there are no more. SpaceError for
    more than a million unless `force`, and where none keeps the constraints."""
    grid, rng = Grid(axes), random.Random(seed)
    count = checked(grid, force=True)
    if min(n, count) > MOST_POINTS and not force:
        raise SpaceError(f"{n:,} sets are more than {MOST_POINTS:,}: draw fewer, or say that you mean it (--force)")
    found: dict[int, Point] = {}
    numbers = iter(rng.sample(range(count), count)) if count <= _TRIES * n else None
    for _ in range(min(count, _TRIES * n)):
        i = next(numbers) if numbers is not None else rng.randrange(count)
        if i not in found and keeps(space, grid[i]):
            found[i] = grid[i]
            if len(found) == n:
                break
    if not found:
        raise SpaceError(
            f"of {count:,} parameter sets none that was drawn keeps the constraints: {broken(space, grid[0])}"
        )
    return Listed(list(found.values()))


def declared(space: Space, steps: int = 1000) -> list[Axis]:
    """An axis for each bounded parameter of the strategies, as wide as it is declared: what `--random` alone draws from."""
    found = []
    for one in space.parameters.values():
        if one.name[0].isdigit():
            continue
        if one.kind == "choice":
            found.append(Axis.of(one, one.choices))
        elif one.low is not None and one.high is not None:
            found.append(_between(one, steps))
    return found


def _between(one: Dimension, steps: int) -> Axis:
    assert one.low is not None
    assert one.high is not None
    if one.kind == "int":
        low, high = math.ceil(one.low) + one.above, math.floor(one.high) - one.below
        return _range(one, f"{low}:{high}:1")
    first, last = int(one.above), steps - int(one.below)
    span = (one.high - one.low) / steps
    values = [float(f"{one.low + i * span:.10g}") for i in range(first, last + 1)]
    return Axis.of(one, values)


def keeps(space: Space, point: Point) -> bool:
    """Whether the point keeps the constraints between parameters."""
    return not broken(space, point)


def broken(space: Space, point: Point) -> str:
    """Which constraint the point breaks, in the strategy's words; "" for none."""
    try:
        space.strategies_at(point)
    except Excluded as why:
        return str(why) or "a constraint"
    return ""


def checked(points: Points, *, force: bool = False) -> int:
    """How many points there are. SpaceError for none, and for more than a million unless `force`."""
    count = points.count if isinstance(points, Grid) else len(points)
    if not count:
        raise SpaceError("there are no parameter sets to try: give an axis with values, as in fast=5:50:5")
    if count > MOST_POINTS and not force:
        raise SpaceError(
            f"these are {count:,} parameter sets, more than {MOST_POINTS:,}: take wider steps, draw some at random, or say "
            "that you mean it (--force)"
        )
    return count


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, default=str).encode()).hexdigest()[:16]
