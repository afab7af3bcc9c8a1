"""Does a strategy look ahead? Its data is cut, and what it said up to the cut must not change by one bit.

The cuts lie at the bars where it decides and at a seeded sample of others. A strategy that needs bars to come (a centred
window, a shift the wrong way, a scale taken from the whole array) says something else once they are missing. The cuts are put
to the strategy's file run anew, so that nothing it noted when it saw all of the data can help it. The same way
round shows whether the declared warm-up is enough: with the history a living engine keeps, the strategy must decide as with
all of it. No file, no database, nothing printed.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.core.types import Instrument, Rows
from engine.strategies import catalog
from engine.strategies.base import Bars, Signals, Strategy
from engine.strategies.decisions import RETURNS, check_signals, decisions_of, last_decision

MEMORY = 20
"""A living engine keeps at least this many times the declared warm-up."""
MOST = 50
"""Violations reported at most: one is enough, a few show the pattern."""
_PIECE = 2_000
"""Bars that `sample` cuts most often."""
_FIELDS = ("entry", "exit", "stop", "target", "trail", "limit_offset", "limit_bars", "strength", "tag")
_ROW = tuple("entry exit stop target trail limit_offset limit_bars strength tag volatility".split())
_FADING = {"stop", "target", "trail", "limit_offset", "strength"}
"""May carry the last trace of an average's beginning: after a late start they need only be equal to one part in a million."""


@dataclass(frozen=True)
class Violation:
    """At `bar` (open time `ts`, ms UTC) `field` was `seen` with the data that a living engine would have had, which was
    `available` bars, but `whole` with all of it."""

    kind: str
    bar: int
    ts: int
    field: str
    whole: str
    seen: str
    available: int

    def __str__(self) -> str:
        return f"{self.kind}: bar {self.bar}, {self.field} is {self.whole} on all data, {self.seen} on {self.available} bars"


def check(
    strategy: Strategy,
    bars: Bars,
    instrument: Instrument,
    *,
    most_decisions: int | None = 400,
    others: int = 100,
    starts: int = 5,
    seed: int = 1,
    anew: bool = True,
) -> list[Violation]:
    """What gives a strategy away on these bars; an empty list when nothing does.

    `most_decisions` cuts at decisions (None: at every one), spread evenly, and `others` at bars drawn by `seed`; each costs
    an evaluation of the bars before it. `starts` later beginnings test the warm-up, on bars enough for 20 times it.
    `anew` puts the cuts to the strategy's file run once more, which forgets what it noted on all of the data.
    StrategyError when the signals on all bars cannot be used at all.
    """
    whole = strategy.signals(bars.head(len(bars)))  # a copy: what a strategy does to its bars must not reach the cuts
    check_signals(bars, whole)
    rows = decisions_of(0, bars, whole, instrument)
    found: list[Violation] = []
    for violation in _all(strategy, bars, instrument, whole, rows, (most_decisions, others, starts, seed, anew)):
        if not any((v.kind, v.field, v.bar) == (violation.kind, violation.field, violation.bar) for v in found):
            found.append(violation)
        if len(found) >= MOST:
            break
    return sorted(found, key=lambda v: (v.bar, v.kind, v.field))


def sample(strategy: Strategy, bars: Bars, instrument: Instrument) -> list[str]:
    """A quick look that goes with every backtest, each difference in a sentence; `check` looks everywhere.

    Forty cuts lie in a short piece from the beginning that holds a few decisions, and four in the whole: together they cost
    about as much as five backtests' signals, however long the data are.
    """
    whole = strategy.signals(bars.head(len(bars)))
    rows = decisions_of(0, bars, whole, instrument)
    anew = not _compiles(strategy)
    piece = bars.head(min(len(bars), max(_PIECE, _until(bars, rows, 24))))
    found = check(strategy, piece, instrument, most_decisions=24, others=16, starts=0, anew=anew)
    found = found or check(strategy, bars, instrument, most_decisions=3, others=1, starts=1, anew=anew)
    return [str(violation) for violation in found]


def _compiles(strategy: Strategy) -> bool:
    """Whether its module holds compiled functions: to run it anew would compile them once more, seconds long."""
    module = sys.modules.get(type(strategy).__module__)
    return any(hasattr(value, "py_func") for value in vars(module).values()) if module is not None else False


def _until(bars: Bars, rows: Rows, decisions: int) -> int:
    """Bars up to so many decisions, at most four pieces."""
    if not rows.size:
        return 0
    last = rows["decided_at"][:decisions][-1]
    return int(min(np.searchsorted(bars.ts + bars.timeframe_ms, last) + 1, 4 * _PIECE))


def _all(
    strategy: Strategy, bars: Bars, instrument: Instrument, whole: Signals, rows: Rows, how: tuple[Any, ...]
) -> Iterator[Violation]:
    most_decisions, others, starts, seed, anew = how
    if len(bars):
        yield from _cut(strategy, bars, instrument, whole, rows, len(bars), "not repeatable")
    innocent = (
        catalog.anew(strategy) if anew else strategy
    )  # shortest cuts first: what it notes there tells of no future
    for n in _cuts(bars, rows, most_decisions, others, seed):
        yield from _cut(innocent, bars, instrument, whole, rows, n, "looks ahead")
    yield from _late_starts(strategy, bars, instrument, rows, starts, seed)


def _cuts(bars: Bars, rows: Rows, most: int | None, others: int, seed: int) -> list[int]:
    """Lengths to cut to: each ends with a bar that is looked at."""
    at = np.searchsorted(bars.ts + bars.timeframe_ms, rows["decided_at"]) + 1
    if most is not None and at.size > most:
        at = at[np.linspace(0, at.size - 1, most).astype(np.int64)]
    drawn = np.random.default_rng(seed).integers(1, len(bars) + 1, others) if len(bars) else np.zeros(0, np.int64)
    return sorted({int(n) for n in np.concatenate((at, drawn)) if n < len(bars)} | ({1} if len(bars) > 1 else set()))


def _cut(
    strategy: Strategy, bars: Bars, instrument: Instrument, whole: Signals, rows: Rows, n: int, kind: str
) -> Iterator[Violation]:
    """Every difference that cutting to the first `n` bars makes: the first bar of each field, and the last bar's row."""
    early = bars.head(n)
    try:
        seen = strategy.signals(early)
        check_signals(early, seen)
        last = last_decision(0, early, seen, instrument)
    except Exception as error:  # a person's code may raise anything
        yield Violation(
            "fails", n - 1, int(bars.ts[n - 1]), "signals", "signals", f"{type(error).__name__}: {error}", n
        )
        return
    for name, full, cut in _series(whole, seen):
        yield from _differ(kind, bars, name, full, cut, n)
    expected = rows[rows["decided_at"] == bars.ts[n - 1] + bars.timeframe_ms]
    yield from _rows_differ(kind, bars, n - 1, expected, last, n)


def _series(whole: Signals, seen: Signals) -> Iterator[tuple[str, Any, Any]]:
    for name in _FIELDS:
        yield name, getattr(whole, name), getattr(seen, name)
    for group in ("plot", "checks"):
        left, right = getattr(whole, group), getattr(seen, group)
        for name in dict.fromkeys((*left, *right)):
            yield f"{group}[{name}]", left.get(name), right.get(name)


def _differ(kind: str, bars: Bars, name: str, full: Any, cut: Any, n: int) -> Iterator[Violation]:
    if full is None or cut is None:
        if full is not cut:
            yield Violation(kind, n - 1, int(bars.ts[n - 1]), name, _word(full), _word(cut), n)
        return
    left, right = np.asarray(full)[:n], np.asarray(cut)
    apart = np.flatnonzero(_bits(left) != _bits(right)) if left.shape == right.shape else np.array([n - 1])
    if apart.size:
        bar = int(apart[0])
        seen = right[bar] if right.shape == left.shape else f"of shape {right.shape}"
        yield Violation(kind, bar, int(bars.ts[bar]), name, _word(left[bar]), _word(seen), n)


def _bits(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Something that compares equal where the values are the same to the last bit; every NaN is the same."""
    if values.dtype.kind != "f":
        return values
    plain = np.array(values, np.float64)
    plain[np.isnan(plain)] = np.nan
    return plain.view(np.int64)


def _rows_differ(
    kind: str, bars: Bars, bar: int, expected: Rows, found: Rows, n: int, *, late: bool = False
) -> Iterator[Violation]:
    """What differs between two rows of one bar (DECISION[0] or [1] each); `late`: the second began with a later bar."""
    if expected.size != found.size:
        words = [f"{rows.size} decisions" for rows in (expected, found)]
        yield Violation(kind, bar, int(bars.ts[bar]), "decision", words[0], words[1], n)
        return
    for name in _ROW if expected.size else ():
        if late and name in _FADING and _close(expected[name][0], found[name][0]):
            continue
        if _bits(expected[name])[0] != _bits(found[name])[0]:
            yield Violation(kind, bar, int(bars.ts[bar]), name, _word(expected[name][0]), _word(found[name][0]), n)


def _close(whole: Any, late: Any) -> bool:
    """Equal to one part in a million, or within one tick."""
    return bool(np.isclose(whole, late, rtol=1e-6, atol=1.0 if isinstance(whole, np.integer) else 1e-6, equal_nan=True))


def _late_starts(
    strategy: Strategy, bars: Bars, instrument: Instrument, rows: Rows, starts: int, seed: int
) -> Iterator[Violation]:
    """The same decisions must come from a history that begins later, once MEMORY times the warm-up has passed."""
    settled = max(MEMORY * max(strategy.warmup(), 1), RETURNS + 1)
    if len(bars) <= settled + 1:
        return
    first = np.random.default_rng(seed).integers(1, len(bars) - settled, starts)
    for start in sorted(set(first.tolist())):
        late = _tail(bars, start)
        try:
            seen = strategy.signals(late)
            found = decisions_of(0, late, seen, instrument)
        except Exception as error:  # a person's code may raise anything
            said = f"{type(error).__name__}: {error}"
            yield Violation("fails", start, int(bars.ts[start]), "signals", "signals", said, len(late))
            continue
        yield from _warm_differ(strategy, bars, start + settled, rows, found, len(late))


def _warm_differ(strategy: Strategy, bars: Bars, first: int, rows: Rows, found: Rows, n: int) -> Iterator[Violation]:
    since = int(bars.ts[first]) + bars.timeframe_ms
    left, right = rows[rows["decided_at"] >= since], found[found["decided_at"] >= since]
    kind = f"warm-up of {strategy.warmup()} bars is too short"
    end = _first_apart(left, right)
    if end is not None:
        bar = int(np.searchsorted(bars.ts + bars.timeframe_ms, end))
        pair = [side[side["decided_at"] == end] for side in (left, right)]
        yield next(_rows_differ(kind, bars, bar, pair[0], pair[1], n, late=True))


def _first_apart(whole: Rows, late: Rows) -> int | None:
    """The first bar's end at which only one side has a decision, or theirs differ by more than what fades."""
    only_one = np.setxor1d(whole["decided_at"], late["decided_at"])
    both = np.intersect1d(whole["decided_at"], late["decided_at"])
    left, right = (side[np.isin(side["decided_at"], both)] for side in (whole, late))
    apart = np.zeros(both.size, bool)
    for name in _ROW:
        unequal = _bits(left[name]) != _bits(right[name])
        if name in _FADING:
            step = 1.0 if left[name].dtype.kind == "i" else 1e-6
            unequal &= ~np.isclose(left[name], right[name], rtol=1e-6, atol=step, equal_nan=True)
        apart |= unequal
    found = [*only_one[:1].tolist(), *both[apart][:1].tolist()]
    return min(found, default=None)


def _tail(bars: Bars, start: int) -> Bars:
    """The bars from `start` on, in memory of their own."""
    four: dict[str, Any] = {name: getattr(bars, name)[start:].copy() for name in ("open", "high", "low", "close")}
    return replace(bars, ts=bars.ts[start:].copy(), volume=bars.volume[start:].copy(), **four)


def _word(value: Any) -> str:
    if value is None or isinstance(value, str):
        return str(value)
    return "an array" if np.ndim(value) else repr(np.asarray(value).item())
