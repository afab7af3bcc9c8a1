"""The lab: a study loaded, run and stored. Several strategies on several symbols share one account, under live rules.

What is missing in its data, why nothing was traded and what holding would have made come with every result. The kernel's face
is engine.research.play, statistics are engine.analytics', the store's reading is engine.research.loading's.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from sqlalchemy import Engine

from engine.analytics.curve import Curve
from engine.analytics.table import plain
from engine.core.machine import Frames
from engine.market.quality import assess
from engine.market.store import Store
from engine.research.loading import coverage_notes, load
from engine.research.lookahead import sample
from engine.research.play import play
from engine.research.save import save_played
from engine.research.silence import silent_slots, slot_name, why_silent
from engine.research.study import Study
from engine.research.work_study import Done
from engine.strategies import catalog
from engine.strategies.base import Strategy

__all__ = ["StudyResult", "load", "run_study", "save_study"]

Progress = Callable[[float, str], None]
"""(share done from 0 to 1, words)."""


@dataclass(frozen=True)
class StudyResult(Done):
    """What came of a study. `notes` say what of its period the candles do not cover, and what stays held of a symbol that
    left; `strategies` are what ran, one a slot."""

    notes: tuple[str, ...] = ()
    strategies: tuple[Strategy, ...] = ()

    @cached_property
    def benchmarks(self) -> dict[str, Curve]:
        """`hold SYMBOL` for each, bought whole at its first open with the taker fee paid; of several, `equal weight`; `cash`."""
        curves = {f"hold {symbol}": curve for symbol, curve in self.holds.items()}
        if len(curves) > 1:
            curves["equal weight"] = self.market
        cash = float(self.setup.account.cash)
        span = np.array([self.played.start, self.played.end])
        return {**curves, "cash": Curve(span, np.full(2, cash), cash, self.played.start, self.played.end)}

    @cached_property
    def why_no_trades(self) -> str:
        """Why no trade was closed: no signals, refused by which limits, blocked by which breaker; "" where one was."""
        return why_silent(self.setup, self.played, self.strategies)

    @cached_property
    def silence(self) -> str:
        return self.why_no_trades

    @cached_property
    def silent(self) -> dict[str, str]:
        """By slot, why it closed no trade."""
        return silent_slots(self.setup, self.played, self.strategies)

    @cached_property
    def look_ahead(self) -> list[str]:
        """What gave a strategy away where its data was cut at a dozen bars, a sentence each; empty where nothing did."""
        grid = {one.symbol: one for one in self.setup.instruments}
        found = []
        for at, (strategy, slot) in enumerate(zip(self.strategies, self.played.slots, strict=True)):
            instrument = grid[self.setup.slots[at].symbol]
            found += [f"{slot_name(self.setup, at)} {text}" for text in sample(strategy, slot.bars, instrument)]
        return found

    @property
    def facts(self) -> dict[str, Any]:
        """What a stored run tells beside its statistics: hash and quality of every series, doubts about data and strategies."""
        return {
            "data_hash": self.data_hash,
            "data_grade": self.grade,
            "series": {symbol: one.as_dict() for symbol, one in self.quality.items()},
            "execution_ms": next(iter(self.candles.values())).timeframe_ms,
            "lookahead": "violations" if self.look_ahead else "ok",
            "look_ahead": self.look_ahead,
            "why_no_trades": self.why_no_trades,
            "silent": self.silent,
            "notes": list(self.notes),
        }


def run_study(
    study: Study, store: Store, progress: Progress | None = None, strategies: Sequence[Strategy] | None = None
) -> StudyResult:
    """Run it; `strategies`, one a slot, stand in for those of the catalogue. DataError, StrategyError or ValueError, each in a
    sentence."""
    tell = progress or (lambda share, words: None)
    setup = study.setup
    made = tuple(strategies) if strategies is not None else strategies_of(study)
    if len(made) != len(setup.slots):
        raise ValueError(f"there are {len(setup.slots)} slots and {len(made)} strategies: give one a slot")
    tell(0.0, "reading candles")
    candles = load(study, store)
    tell(0.2, "judging candles")
    quality = {symbol: assess(one.ts, one.ohlcv, one.timeframe_ms) for symbol, one in candles.items()}
    tell(0.4, "running")
    setup.machine().run(Frames.none())  # compiled or loaded before the clock runs
    begun = time.perf_counter()
    played = play(setup.account, setup.instruments, list(zip(setup.slots, made, strict=True)), candles, setup.breakers)
    seconds = time.perf_counter() - begun
    result = StudyResult(study, candles, quality, played, seconds, strategies=made)
    tell(1.0, "done")
    return StudyResult(study, candles, quality, played, seconds, notes_of(result), made)


def strategies_of(study: Study) -> tuple[Strategy, ...]:
    """One a slot, with its parameters. StrategyError in a sentence."""
    return tuple(
        catalog.make(slot.strategy, own) for slot, own in zip(study.setup.slots, study.setup.params, strict=True)
    )


def save_study(engine: Engine, result: StudyResult) -> tuple[int, str]:
    """(id, name) of the stored run, with every statistic, every series' hash and quality, and the study it came of. The
    database must be migrated. A failure leaves the run `failed`, never half shown."""
    setup = result.setup
    return save_played(
        engine,
        result.played,
        account=setup.account,
        instruments=setup.instruments,
        slots=setup.slots,
        params=setup.params,
        exchange=result.study.sources[0].exchange if not result.study.sources[0].file else "file",
        stats={**plain(result.figures), **result.facts},
        data_hash=result.data_hash,
        data_grade=result.grade,
        more={"study": result.study.to_json()},
    )


def notes_of(result: StudyResult) -> tuple[str, ...]:
    """What of the period its candles do not cover, and what is still held of a symbol that left."""
    return (*coverage_notes(result.study, result.candles), *_left_holding(result))


def _left_holding(result: StudyResult) -> list[str]:
    """Positions in symbols that had no candles to the end: they stand in the equity at their last price."""
    slack = max(slot.timeframe_ms for slot in result.setup.slots)
    found = []
    for at, slot in enumerate(result.setup.slots):
        candles = result.candles[slot.symbol]
        early = result.played.end - int(candles.ts[-1]) - candles.timeframe_ms > slack
        if early and result.played.machine.slots["qty"][at] > 0:
            found.append(
                f"{slot_name(result.setup, at)} still holds {slot.symbol} after its last candle: the position stays in the "
                f"equity at {float(candles.close[-1]):,.8g}, a price nobody may have paid"
            )
    return found
