"""What came of a study: the played batch, its account and statistics, what holding would have done, what to mind about it.

Candles are loaded and the kernel is run in engine.research.lab; nothing is stored or drawn here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from engine.analytics.curve import Curve
from engine.analytics.definitions import Account
from engine.analytics.table import figures
from engine.analytics.values import Figure
from engine.core.setup import Setup
from engine.market.candles import Candles
from engine.market.quality import Quality
from engine.research.figures import account_of
from engine.research.loading import coverage_notes
from engine.research.lookahead import sample
from engine.research.play import Played
from engine.research.recorded import Recorded
from engine.research.silence import silent_slots, slot_name, why_silent
from engine.research.study import Study
from engine.strategies.base import Strategy


@dataclass(frozen=True)
class StudyResult:
    """`candles` are those that orders were filled on, `quality` their judgement, both by symbol; `strategies` are what ran, one
    a slot; `seconds` is the kernel's time and the signals'."""

    study: Study
    candles: Mapping[str, Candles]
    quality: Mapping[str, Quality]
    played: Played
    seconds: float
    strategies: tuple[Strategy, ...] = ()
    recorded: Mapping[int, Recorded] = field(default_factory=dict)
    """Models' answers that were replayed, by slot."""

    @property
    def setup(self) -> Setup:
        return self.study.setup

    @property
    def data_hash(self) -> str:
        """The candles' content hash; of several symbols the hash of theirs."""
        found = [one.content_hash for one in self.quality.values()]
        return found[0] if len(found) == 1 else hashlib.sha256("".join(found).encode()).hexdigest()

    @property
    def grade(self) -> str:
        """The worst of the symbols'."""
        return max(one.grade for one in self.quality.values())

    @cached_property
    def holds(self) -> dict[str, Curve]:
        """What buying and holding would have made of the same cash, by symbol: bought whole at the first open, fee paid."""
        return {one.symbol: _held(self, one.symbol, float(one.taker)) for one in self.setup.instruments}

    @cached_property
    def market(self) -> Curve:
        """Holding the one symbol, or all in equal parts."""
        curves = list(self.holds.values())
        if len(curves) == 1:
            return curves[0]
        ts = np.unique(np.concatenate([curve.ts for curve in curves]))
        start = curves[0].start
        parts = [np.concatenate([[start], c.equity])[np.searchsorted(c.ts, ts, side="right")] for c in curves]
        return Curve(ts, np.mean(parts, axis=0), start, self.played.start, self.played.end)

    @cached_property
    def account(self) -> Account:
        """The account as statistics take it."""
        return replace(account_of(self.played), market=self.market)

    @cached_property
    def figures(self) -> dict[str, Figure]:
        return figures(self.account)

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
    def notes(self) -> tuple[str, ...]:
        """What of the period the candles do not cover, and what is still held of a symbol that left."""
        return (*coverage_notes(self.study, self.candles), *_left_holding(self))

    @cached_property
    def why_no_trades(self) -> str:
        """Why no trade was closed: no signals, refused by which limits, blocked by which breaker; "" where one was."""
        return why_silent(self.setup, self.played, self.strategies)

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
    def answers(self) -> dict[str, Any]:
        """By slot, what is to be known of the answers that were replayed."""
        start = self.played.start
        return {slot_name(self.setup, at): given.told(start) for at, given in self.recorded.items()}

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
            **self.played.told_of_record,
            **({"ai": self.answers} if self.recorded else {}),
        }


def _held(result: StudyResult, symbol: str, fee: float) -> Curve:
    candles, cash = result.candles[symbol], float(result.setup.account.cash)
    units = cash / (float(candles.open[0]) * (1 + fee))
    return Curve(candles.ts + candles.timeframe_ms, candles.close * units, cash, result.played.start, result.played.end)


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
