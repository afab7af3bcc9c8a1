"""How long each slot's strategy takes for a bar, and which one takes too long: all others wait for it. No clock in here."""

from __future__ import annotations

from collections.abc import Mapping

PATIENCE = 3
"""Bars in a row above the budget before a slot is stopped: one slow bar may be the machine's fault."""


class SlotBudget:
    """Counts slow bars by slot key. `spent_ms` holds each slot's newest time, for the heartbeat."""

    def __init__(self, budget_ms: int) -> None:
        self.budget_ms = budget_ms
        self.spent_ms: dict[str, float] = {}
        self._slow: dict[str, int] = {}

    def over(self, spent: Mapping[str, float]) -> dict[str, str]:
        """Take the newest times (seconds by slot key); the slots to be stopped, and why."""
        found = {}
        for key, seconds in spent.items():
            took = self.spent_ms[key] = round(seconds * 1000, 2)
            self._slow[key] = self._slow.get(key, 0) + 1 if took > self.budget_ms else 0
            if self._slow[key] == PATIENCE:
                found[key] = (
                    f"its signals took {took:,.0f} ms, {PATIENCE} bars in a row above the budget of {self.budget_ms} ms "
                    "(engine.slot_budget_ms): make it faster, or raise the budget"
                )
        return found
