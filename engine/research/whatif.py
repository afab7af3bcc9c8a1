"""What if it had cost more, come later, been smaller, been limited otherwise? A stored run's study with other settings. Pure.

Running it again is engine.research.lab.run_study's: the same candles, the same signals, another account. It takes milliseconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from decimal import Decimal
from typing import Any

from engine.core.types import BreakerSpec, Instrument, Sizing, SlotSpec
from engine.research.study import Study


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
