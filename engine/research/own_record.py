"""A backtest's strategies told of their own record, as it could be known at each bar: from the same backtest's signals alone.

A strategy's signals make its record and the record may change its signals, so both are worked out in rounds until neither moves.
What a bar is told rests on bars before it, hence there is one such end, and each round is right for at least one moment more.
Where nobody reads `bars.record`, nothing is done. A living run is told by its tape instead (engine.ledger.steering).
Imports the kernel when it works, not before: a page that only reads what a study is does not wait for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.analytics.learning import EVERY, Course, Outcomes, Rules, Weights, courses, keep, weight_of, window_of
from engine.analytics.signals import base_of
from engine.analytics.signals_regime import regime_of, regimes
from engine.analytics.values import Ints
from engine.core.types import MS_DAY, Instrument, Rows, SlotSpec
from engine.ledger import steering
from engine.market.candles import Candles
from engine.strategies._record import Row, Told

if TYPE_CHECKING:
    from engine.strategies.base import Bars, Signals

HOUR_MS = 3_600_000
_RULES = Rules()
Known = dict[str, list[Row]]
"""By source, what became known of it and when: rows as `Bars.known` takes them."""


@dataclass(frozen=True)
class Lessons:
    """How a backtest learns of its signals, in the words of the configuration's [learning]; its defaults but for `on`."""

    on: bool = True
    every_hours: float = 24.0
    dwell_days: int = 7
    rules: Rules = _RULES

    def moments(self, start: int, end: int) -> Ints:
        """int64[m]: when records are made anew within (start, end), ms UTC: whole multiples of `every_hours`."""
        step = int(self.every_hours * HOUR_MS)
        return np.arange(start // step + 1, -(-end // step), dtype=np.int64) * step

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Lessons:
        return Lessons(**{**data, "rules": Rules(**data["rules"])})


LESSONS = Lessons()
"""As a living run is told once [learning] is switched on."""


@dataclass(frozen=True)
class Teller:
    """One slot as its signals are followed up: TF_BAR[b] of its timeframe beside the `bars` that its strategy sees."""

    spec: SlotSpec
    instrument: Instrument
    bars: Bars
    rows: Rows


@dataclass(frozen=True)
class Heard:
    """What the slots said once nothing moved any more, and on which bars. `known` is what they were told, by source; None where
    nobody asked. `rounds` is how often the slots that ask were evaluated."""

    slots: list[tuple[Bars, Signals]]
    known: Known | None = None
    rounds: int = 1


Say = Callable[[int, "Bars"], "Signals"]
Decided = Callable[[int, "Bars", "Signals"], Rows]
"""DECISION[k] of slot number i: all that it said, whatever became of it."""


def hear(
    slots: Sequence[Teller],
    say: Say,
    decided: Decided,
    slippage_bps: float,
    lessons: Lessons,
    candles: Mapping[str, Candles],
) -> Heard:
    """Every slot's signals; those that read `bars.record` have found there what could be known. Regimes are BTC's where it is
    among the `candles`, so that the same candles always give the same. StrategyError where rounds do not come to an end: such
    a strategy sees what comes later."""
    if not lessons.on:
        return Heard([(one.bars, say(i, one.bars)) for i, one in enumerate(slots)])
    told = {one.spec.strategy: Told() for one in slots}
    heard = [_evaluated(i, one, told, say) for i, one in enumerate(slots)]
    if not any(rows.asked for rows in told.values()):
        return Heard([(one.bars, signals) for one, (_, signals) in zip(slots, heard, strict=True)])
    by_day = regimes_in(candles)
    ends = [int(one.bars.end[-1]) for one in slots if len(one.bars)]
    starts = [int(one.bars.ts[0]) for one in slots if len(one.bars)]
    moments = lessons.moments(min(starts, default=0), max(ends, default=0))
    asking = {source for source, rows in told.items() if rows.asked}
    made: list[tuple[Any, ...] | None] = [None] * len(slots)
    for rounds in range(1, moments.size + 2):
        for i, one in enumerate(slots):
            if made[i] is None:
                made[i] = _followed(i, one, decided(i, *heard[i]), slippage_bps)
        known = _known(_outcomes(slots, made, by_day), moments, lessons, by_day)
        moved = {source for source in asking if known.get(source, []) != list(told[source])}
        if not moved:
            return Heard(heard, {source: list(known.get(source, [])) for source in told}, rounds)
        told |= {source: Told(known.get(source, [])) for source in moved}
        for i, one in enumerate(slots):
            if one.spec.strategy in moved:
                heard[i], made[i] = _evaluated(i, one, told, say), None
    from engine.strategies.base import StrategyError

    raise StrategyError(
        f"{', '.join(sorted(asking))}: what it says and its own record do not settle, so it sees what comes later; "
        "`run_engine.py check` says where"
    )


def told_of(one: Teller, decisions: Rows, slippage_bps: float, by_day: Mapping[int, str]) -> Outcomes:
    """What came of one slot's decisions, DECISION[k], each outcome with the moment from which it could be known."""
    return _outcomes([one], [_followed(0, one, decisions, slippage_bps)], by_day)


def regimes_in(candles: Mapping[str, Candles]) -> dict[int, str]:
    """The market's regime by UTC day from BTC's own candles; empty where they are not among these."""
    from engine.research.market_days import last_of_day  # knows the database: who never asks does not wait for it

    own = next((one for symbol, one in candles.items() if symbol.startswith("BTC/")), None)
    return {} if own is None else regimes(*last_of_day(own.ts + own.timeframe_ms, own.close))


def _evaluated(i: int, one: Teller, told: Mapping[str, Told], say: Say) -> tuple[Bars, Signals]:
    bars = replace(one.bars, known=told[one.spec.strategy])
    return bars, say(i, bars)


# ---- what came of the signals --------------------------------------------------------------------------------------------
def _followed(i: int, one: Teller, decisions: Rows, slippage_bps: float) -> tuple[Any, ...]:
    """(decided, known, result) of the slot's entries that came to an end: known when the bar that ended them was over."""
    rows = decisions[np.argsort(decisions["decided_at"], kind="stable")]
    entry, step = rows["entry"].astype(np.int64), one.spec.timeframe_ms
    when = rows["decided_at"].astype(np.int64)
    wanted = np.flatnonzero((entry != 0) & (base_of(when, one.bars.ts, step) >= 0))
    if not wanted.size:
        return (np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))
    away = [one.instrument.prices(rows[name].astype(np.int64)) for name in ("stop", "target", "trail")]
    from engine.research.outcomes_follow import Said, follow

    said = Said(np.arange(rows.size), when, entry, rows["exit"] != 0, *away)
    came = follow(said, wanted, one.rows, one.spec, one.instrument, slippage_bps)
    over = np.isfinite(came.result)
    return when[wanted][over], came.exit_ts[over] + step, came.result[over]


def _outcomes(slots: Sequence[Teller], made: Sequence[tuple[Any, ...] | None], by_day: Mapping[int, str]) -> Outcomes:
    symbols = sorted({one.spec.symbol for one in slots})
    parts: list[tuple[Any, ...]] = []
    for one, found in zip(slots, made, strict=True):
        assert found is not None
        decided, known, result = found
        source = np.full(decided.size, one.spec.strategy, object)
        window = window_of(decided, one.spec.timeframe_ms, symbols.index(one.spec.symbol))
        parts.append((source, regime_of(decided, dict(by_day)), known, result, window))
    return Outcomes(*(np.concatenate(column) for column in zip(*parts, strict=True)))


# ---- what is told, and when ----------------------------------------------------------------------------------------------
def _known(outcomes: Outcomes, moments: Ints, lessons: Lessons, by_day: Mapping[int, str]) -> Known:
    """As a living run with the same [learning] would be told at `moments`."""
    known: Known = {}
    before: Weights = {}
    changed: int | None = None
    for at, regime, made in _fresh(courses(outcomes, moments, lessons.rules), moments, by_day):
        moment = int(moments[at])
        if changed is not None and moment - changed < lessons.dwell_days * MS_DAY:
            made = keep(made, before)
        after = {(row["source"], row["regime"]): row["weight"] for row in made}
        if changed is None or any(
            weight_of(after, *key) != weight_of(before, *key) for key in sorted({*after, *before})
        ):
            changed = moment
        before = after
        steering.learn(known, {"rows": made, "regime": regime}, moment)
    return known


def _fresh(
    made: Mapping[tuple[str, str], Course], moments: Ints, by_day: Mapping[int, str]
) -> Iterator[tuple[int, str, list[dict[str, Any]]]]:
    """(number, regime, rows) of the moments at which something is known that was not before."""
    former: tuple[Any, ...] = ()
    for at, moment in enumerate(moments.tolist()):
        today = by_day.get(moment // MS_DAY, EVERY)
        rows = [course.row(at, *key) for key, course in made.items() if course.signals[at]]
        regime = today if any(row["regime"] == today for row in rows) else EVERY
        now = (tuple(row["signals"] for row in rows), regime)
        if rows and now != former:
            former = now
            yield at, regime, rows
