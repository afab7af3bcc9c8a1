"""The breakers there are, by name: what each watches, for whom, what it does and how it ends. A truth of every run, living or
tried; thresholds are the configuration's or the form's. The rules themselves are the kernel's.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from engine.core.codes import BREAKER_UNITS, Unit
from engine.core.types import BreakerSpec

_DECLARED: dict[str, dict[str, Any]] = {
    "consecutive_losses": {"kind": "consecutive_losses", "scope": "slot", "action": "paused", "end": "cooldown"},
    "slot_loss": {"kind": "daily_loss", "scope": "slot", "action": "paused", "end": "next_day"},
    "symbol_loss": {"kind": "daily_loss", "scope": "symbol", "action": "paused", "end": "next_day"},
    "daily_loss_pause": {"kind": "daily_loss", "scope": "account", "action": "paused", "end": "next_day"},
    "daily_loss_halt": {"kind": "daily_loss", "scope": "account", "action": "halted"},
    "drawdown_reduce": {"kind": "drawdown", "scope": "account", "action": "reduce_only"},
    "drawdown_halt": {"kind": "drawdown", "scope": "account", "action": "halted"},
    "stale_data": {"kind": "stale_data", "scope": "symbol", "action": "paused", "end": "regained"},
    "feed_errors": {"kind": "feed_errors", "scope": "account", "action": "paused", "end": "regained"},
    "venue_errors": {"kind": "venue_errors", "scope": "account", "action": "paused", "end": "regained"},
    "storage": {"kind": "storage", "scope": "account", "action": "reduce_only", "end": "regained"},
    "ai_budget": {"kind": "ai_budget", "scope": "account", "action": "running", "end": "next_day"},
}


def breaker(name: str, threshold: float, **more: Any) -> BreakerSpec:
    """The breaker `name` with this threshold; `more` are its cool-down and probation."""
    return BreakerSpec(name=name, threshold=threshold, **_DECLARED[name], **more)


def switched_on(specs: Iterable[BreakerSpec]) -> tuple[BreakerSpec, ...]:
    """Those in use, in their order: a threshold of 0 switches one off."""
    return tuple(spec for spec in specs if spec.threshold > 0)


def measured_in(name: str) -> Unit | None:
    """The unit of the numbers of a breaker's rows, by its name with or without the key of whom it guards; None for what is no
    breaker of the configuration (a kill, an account that is wiped out)."""
    found = _DECLARED.get(name.partition(":")[0])
    return BREAKER_UNITS[found["kind"]] if found else None
