"""What an answer makes of a rule's decision, bar by bar: held back, vetoed, made smaller, or opened by the model alone.

One small state machine a slot. The living engine and every replay drive the same one, so they agree to the last bit. No size,
price or stop is decided here; whether and when to ask is.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from engine.strategies._ask import Ask

NAN = float("nan")


@dataclass(frozen=True)
class Given:
    """An answer: bar end it was asked at and its arrival (ms UTC), direction (NaN: none), confidence, horizon in bars, the call's
    row, model and version of the prompt."""

    about: int
    arrived: int
    direction: float
    confidence: float
    horizon: int
    call: int
    model: str = ""
    prompt: str = ""

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "direction": self.direction if math.isfinite(self.direction) else None}

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Given:
        return Given(**{**data, "direction": NAN if data["direction"] is None else float(data["direction"])})


@dataclass(frozen=True)
class Verdict:
    """What is done at a bar: entry -1, 0, 1, exit 0, 1, the share of the rule's size, whether the model alone wanted it, and the
    direction of a rule's entry that was vetoed (0: none). `said` is false where nothing has changed."""

    entry: int
    exit: int
    scale: float = 1.0
    by_model: bool = False
    vetoed: int = 0
    said: bool = False


@dataclass
class Adviser:
    """One slot's dealings with its model. `mode` is veto, scale, trade or shadow; an answer less sure than `least`
    counts as none."""

    ask: Ask
    mode: str
    least: float
    timeframe_ms: int
    end: int = 0
    entry: int = 0
    exit: int = 0
    before: int = 0
    now: int = 0
    waiting: int = 0
    vetoed_at: int = 0
    newest: Given | None = None

    def close(self, end: int, entry: int, exit: int, before: tuple[int, int], former_end: int, may_ask: bool) -> bool:
        """The rule says (entry, exit) on the bar that ends at `end` and said `before` on the one that ended at `former_end`.
        True if the model is to be asked now."""
        rule_before = 2 * before[0] + before[1]
        self.before = self.now if self.end == former_end and self.end else rule_before
        self.end, self.entry, self.exit, self.now = end, entry, exit, 0
        life = self.ask.life * self.timeframe_ms
        if self.newest is not None and end >= self.newest.about + life:
            self.newest = None
        if self.waiting and end >= self.waiting + life:
            self.waiting = 0
        turned = entry != 0 and 2 * entry + exit != rule_before
        wanted = turned if self.ask.when == "entry" else end // self.timeframe_ms % self.ask.every == 0
        if wanted and may_ask and self.mode != "off":
            self.waiting = end
            return True
        return False

    def arrive(self, given: Given) -> bool:
        """Take an answer. True if it counts; one that is late, overtaken or empty does not; what waited waits no more."""
        if given.about == self.waiting:
            self.waiting = 0
        late = given.arrived >= given.about + self.ask.life * self.timeframe_ms
        overtaken = self.newest is not None and given.about < self.newest.about
        if late or overtaken or not math.isfinite(given.direction):
            return False
        self.newest = given
        return True

    def verdict(self) -> Verdict:
        """What is to be done on the newest bar as things stand; asked after every close and arrival."""
        entry, exit_, scale, by_model, vetoed = self._combine()
        code = 2 * entry + exit_
        said = code not in (0, self.before, self.now)
        self.now = code
        if vetoed and self.vetoed_at == self.end:
            vetoed = 0
        if vetoed:
            self.vetoed_at = self.end
        return Verdict(entry, exit_, scale, by_model, vetoed, said)

    def _combine(self) -> tuple[int, int, float, bool, int]:
        rule = (self.entry, self.exit, 1.0, False, 0)
        sure = self.newest is not None and self.newest.confidence >= self.least
        if self.entry:
            if self.waiting == self.end:
                return 0, self.exit, 1.0, False, 0
            if self.newest is None or not sure:
                return rule
            if self.newest.direction != self.entry:
                return 0, self.exit, 1.0, False, self.entry
            scale = min(max(self.newest.confidence, 0.0), 1.0) if self.mode == "scale" else 1.0
            return self.entry, self.exit, scale, False, 0
        if self.mode != "trade" or self.exit or self.newest is None or not sure:
            return rule
        return self._alone(self.newest.direction)

    def _alone(self, direction: float) -> tuple[int, int, float, bool, int]:
        """The model wants this while the rule says nothing."""
        if direction > 0:
            return 1, 0, 1.0, True, 0
        if direction < 0 and self.ask.shorts:
            return -1, 0, 1.0, True, 0
        return 0, 1, 1.0, True, 0

    # ---- state -----------------------------------------------------------------------------------------------------------
    def state(self) -> dict[str, Any]:
        """Plain values, for a snapshot."""
        names = ("end", "entry", "exit", "before", "now", "waiting", "vetoed_at")
        return {
            **{name: getattr(self, name) for name in names},
            "newest": self.newest.to_json() if self.newest else None,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        for name, value in state.items():
            setattr(self, name, Given.from_json(value) if name == "newest" and value else value)
