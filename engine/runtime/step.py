"""What events did, gathered until the next commit takes it. No event is taken here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from engine.core.machine import Reports
from engine.core.reported import Told
from engine.ledger.names import SignalFacts
from engine.ledger.steering import Steered


@dataclass
class Step:
    """What events did, gathered until the next commit."""

    reports: list[Reports] = field(default_factory=list)
    facts: dict[int, SignalFacts] = field(default_factory=dict)
    failures: dict[int, str] = field(default_factory=dict)
    acks: list[tuple[int, bool, str]] = field(default_factory=list)
    gaps: list[dict[str, Any]] = field(default_factory=list)
    steered: list[Steered] = field(default_factory=list)
    asks: list[dict[str, Any]] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)
    """What the venue has reported, in order."""
    closed_bars: int = 0

    @property
    def urgent(self) -> bool:
        return bool(
            self.failures or self.acks or self.gaps or self.steered or self.facts or self.closed_bars or self.told
        ) or any(r.urgent for r in self.reports)
