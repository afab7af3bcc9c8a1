"""What if it had cost more, come later, been smaller, been limited otherwise? A stored run's study with other settings.

At the speed of a slider: candles, bars and signals stay in memory, and only decisions and the kernel run again. Nothing is
stored, and a strategy's parameters do not change here; which study a run was is engine.research.stored_study's.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from decimal import Decimal
from typing import Any

from engine.core.machine import Frames
from engine.core.setup import Setup
from engine.core.types import BreakerSpec, Instrument, Sizing, SlotSpec
from engine.market.quality import assess
from engine.market.store import Store
from engine.research.lab import strategies_of
from engine.research.loading import load
from engine.research.play import Seen, act, see
from engine.research.study import Study
from engine.research.study_result import StudyResult
from engine.strategies.base import Strategy


@dataclass(frozen=True)
class Changes:
    """None leaves a setting as it was. Fees, sizes and breakers' thresholds are fractions; `size_times` multiplies every size;
    `delay_bars` counts bars of the finest strategy; `thresholds` are by the breaker's name, 0 takes it out."""

    maker: float | None = None
    taker: float | None = None
    slippage_bps: float | None = None
    delay_bars: int | None = None
    size_times: float | None = None
    stop: float | None = None
    target: float | None = None
    max_positions: int | None = None
    max_gross: float | None = None
    symbol_cap: float | None = None
    thresholds: Mapping[str, float] | None = None

    def __bool__(self) -> bool:
        return any(getattr(self, field.name) is not None for field in fields(self))


def changed(study: Study, changes: Changes) -> Study:
    """The study under `changes`. ValueError names a value that cannot be."""
    _check(changes)
    setup = study.setup
    account = replace(setup.account, **_given(changes, "slippage_bps", "max_positions", "max_gross", "symbol_cap"))
    if changes.delay_bars is not None:
        account = replace(account, delay_ms=changes.delay_bars * min(slot.timeframe_ms for slot in setup.slots))
    return replace(
        study,
        setup=replace(
            setup,
            account=account,
            instruments=tuple(_fees(one, changes) for one in setup.instruments),
            slots=tuple(_slot(slot, changes) for slot in setup.slots),
            breakers=tuple(spec for old in setup.breakers if (spec := _breaker(old, changes)).threshold > 0),
        ),
    )


def _given(changes: Changes, *names: str) -> dict[str, Any]:
    return {name: value for name in names if (value := getattr(changes, name)) is not None}


def _check(changes: Changes) -> None:
    for name in ("maker", "taker", "stop"):
        value = getattr(changes, name)
        if value is not None and not 0 <= value < 1:
            raise ValueError(f"{name} {value:g} is no fraction from 0 to below 1: 0.001 is 0.1 %")
    least = {"slippage_bps": 0, "delay_bars": 0, "target": 0, "max_positions": 1, "symbol_cap": 0}
    for name, low in least.items():
        value = getattr(changes, name)
        if value is not None and not low <= value < 1e9:
            raise ValueError(f"{name} {value:g} must be at least {low}")
    for name in ("size_times", "max_gross"):
        value = getattr(changes, name)
        if value is not None and not 0 < value < 1e9:
            raise ValueError(f"{name} {value:g} must be above 0")


def _fees(instrument: Instrument, changes: Changes) -> Instrument:
    maker, taker = (None if fee is None else Decimal(str(fee)) for fee in (changes.maker, changes.taker))
    return replace(
        instrument,
        maker=instrument.maker if maker is None else maker,
        taker=instrument.taker if taker is None else taker,
    )


def _slot(slot: SlotSpec, changes: Changes) -> SlotSpec:
    sizing = slot.sizing
    if changes.size_times is not None:
        sizing = Sizing(sizing.kind, sizing.value * changes.size_times)
    given = {name: value or None for name, value in _given(changes, "stop", "target").items()}
    return replace(slot, sizing=sizing, protection=replace(slot.protection, **given))


def _breaker(spec: BreakerSpec, changes: Changes) -> BreakerSpec:
    threshold = (changes.thresholds or {}).get(spec.name)
    return spec if threshold is None else replace(spec, threshold=threshold)


class Again:
    """A study to be asked about. Making one costs what a backtest costs, each question the kernel's run alone; every
    question is about the study itself, not about the last answer. One thread at a time."""

    def __init__(self, study: Study, store: Store, strategies: Sequence[Strategy] | None = None) -> None:
        """DataError, StrategyError or ValueError, each in a sentence."""
        self.study = study
        self.strategies = tuple(strategies) if strategies is not None else strategies_of(study)
        self.candles = load(study, store)
        self.quality = {name: assess(one.ts, one.ohlcv, one.timeframe_ms) for name, one in self.candles.items()}
        setup = study.setup
        self.seen = self._see(setup)
        setup.machine().run(Frames.none())  # compiled or loaded before the first question

    def _see(self, setup: Setup) -> Seen:
        slots = list(zip(setup.slots, self.strategies, strict=True))
        slippage = setup.account.slippage_bps
        return see(setup.instruments, slots, self.candles, lessons=self.study.lessons, slippage_bps=slippage)

    def ask(self, changes: Changes = Changes()) -> StudyResult:
        """Figures, curve and trades under `changes`. ValueError names a value that cannot be."""
        study = changed(self.study, changes) if changes else self.study
        setup = study.setup
        begun = time.perf_counter()
        seen = self.seen if self.seen.known is None else self._see(setup)  # its own record knows costs and exits
        played = act(setup.account, setup.instruments, setup.slots, seen, setup.breakers)
        seconds = time.perf_counter() - begun
        return StudyResult(study, self.candles, self.quality, played, seconds, self.strategies)


def again(
    what: Again, *, fee: float | None = None, size: float | None = None, limits: Mapping[str, float] | None = None, **more: Any
) -> StudyResult:  # fmt: skip
    """`what.ask` in a slider's words: `fee` for maker and taker, `size` multiplies every size, `limits` are breakers' thresholds
    by name; `slippage_bps`, `delay_bars` and what else Changes has as they are named there. TypeError for other words."""
    costs = {} if fee is None else {"maker": fee, "taker": fee}
    return what.ask(Changes(**{**costs, "size_times": size, "thresholds": limits, **more}))
