"""What goes wrong on demand. Each fault has a number; whether it strikes a message or a request is drawn from the seed,
the fault's number and what it strikes, so a session with the same faults fails in the same places.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from engine.sandbox import dice
from engine.sandbox.trading.faults import KINDS as TRADE_KINDS
from engine.sandbox.trading.faults import TradeFault

Kind = Literal[
    "disconnect",
    "silence",
    "duplicate",
    "shuffle",
    "drop",
    "garbage",
    "candle_gaps",
    "http",
    "slow",
    "gone",
    "nonsense",
]
FOREVER = 2**62
LOOK_AHEAD_S = 500_000
GARBAGE = (
    b"{",
    b"null",
    b"[1, 2, 3]",
    b'{"channel":"market_trades","events":[{"type":"update","trades":[{"price":"x"}]}]}',
    b'{"channel":"ticker","timestamp":"never","sequence_num":"one","events":{}}',
    b"\xff\xfe\x00 not text",
    b'{"channel":"market_trades","timestamp":"2026-01-01T00:00:00Z","events":[{"type":"update","trades":null}]}',
)
_LASTING = ("silence", "gone")


class Fault(BaseModel):
    """One fault, as posted to /sandbox/faults. Unknown fields are refused.

    `at`: exchange ms from which it acts (now); `seconds`: exchange seconds it lasts (until cleared; needed by silence and
    gone); `count`: how often it strikes at most; `probability` of striking a message, request or candle, or
    (disconnect) of a connection's end at each whole second.
    `garbage` with path chat, and `nonsense`, spoil what the stand-in for a model writes.
    `status`: what `http` answers. `delay`: wall seconds `slow` waits. `path`: part of the request's path (`ws` is the
    stream's handshake). `product_id`: only this product's messages or candles.
    """

    model_config = ConfigDict(extra="forbid")

    kind: Kind
    at: int | None = Field(None, ge=0)
    seconds: float | None = Field(None, gt=0)
    count: int | None = Field(None, ge=1)
    probability: float = Field(1.0, gt=0, le=1)
    status: int = Field(503, ge=400, le=599)
    delay: float = Field(1.0, gt=0, le=600)
    path: str = ""
    product_id: str = ""
    number: int = 0
    struck: int = 0

    @model_validator(mode="after")
    def _whole(self) -> Fault:
        if self.kind in _LASTING and self.seconds is None:
            raise ValueError(f"{self.kind} needs seconds: how many exchange seconds it lasts")
        return self

    @property
    def begin(self) -> int:
        return self.at or 0

    @property
    def end(self) -> int:
        """Exchange ms at which it is over."""
        if self.kind == "disconnect" and self.probability >= 1:
            return self.begin
        return FOREVER if self.seconds is None else self.begin + int(self.seconds * 1000)

    def acts(self, ts: int) -> bool:
        return self.begin <= ts < self.end and (self.count is None or self.struck < self.count)


def read_fault(options: Mapping[str, Any]) -> Fault | TradeFault:
    """A fault of the market's side or of the accounts', by its kind. ValidationError says what is wrong."""
    kind = TradeFault if options.get("kind") in TRADE_KINDS else Fault
    return kind.model_validate(dict(options))


class Faults:
    """The faults of one sandbox, and how often each kind struck."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.listed: list[Fault] = []
        self._number = 0
        self._chances: dict[tuple[int, int], int | None] = {}

    def add(self, fault: Fault, now: int) -> Fault:
        """Lists a fault; without `at` it acts from `now`."""
        self._number += 1
        made = fault.model_copy(
            update={"number": self._number, "at": now if fault.at is None else fault.at, "struck": 0}
        )
        self.listed.append(made)
        return made

    def clear(self, kind: str = "") -> int:
        """Takes away all faults, or those of a kind; how many there were."""
        before = len(self.listed)
        self.listed = [fault for fault in self.listed if kind and fault.kind != kind]
        return before - len(self.listed)

    def gone(self, now: int) -> bool:
        return any(fault.kind == "gone" and fault.acts(now) for fault in self.listed)

    def strike(self, kind: Kind, ts: int, *what: Any, product_id: str = "", path: str = "") -> Fault | None:
        """The first fault of `kind` that strikes `what` at `ts`; counted."""
        for fault in self.listed:
            if fault.kind != kind or not fault.acts(ts):
                continue
            if fault.product_id not in ("", product_id) or (fault.path not in path if fault.path else path == "ws"):
                continue
            if fault.probability >= 1 or self.draw(fault, ts, *what) < fault.probability:
                fault.struck += 1
                return fault
        return None

    def draw(self, fault: Fault, *what: Any) -> float:
        return float(dice.uniform(dice.key(self.seed, fault.number, *what), 0))

    def cut_after(self, joined: int, survived: frozenset[int]) -> tuple[int, Fault] | None:
        """When a connection made at `joined` is cut next, and by which fault; those in `survived` came before it."""
        cuts = []
        for fault in self.listed:
            if fault.kind not in ("disconnect", "gone") or fault.number in survived:
                continue
            at = fault.begin if fault.probability >= 1 else self._chance_cut(fault, joined)
            if at is not None:
                cuts.append((at, fault))
        return min(cuts, key=lambda cut: cut[0], default=None)

    def _chance_cut(self, fault: Fault, joined: int) -> int | None:
        """The first whole second after `joined` at which a disconnection by chance falls, within some days."""
        if fault.count is not None and fault.struck >= fault.count:
            return None
        if (fault.number, joined) not in self._chances:
            first = max(joined, fault.begin) // 1000 + 1
            seconds = np.arange(first, min(first + LOOK_AHEAD_S, -(-fault.end // 1000)))
            hits = seconds[dice.uniform(dice.key(self.seed, fault.number, "cut"), seconds) < fault.probability]
            self._chances[fault.number, joined] = int(hits[0]) * 1000 if len(hits) else None
        return self._chances[fault.number, joined]

    def past(self, now: int) -> frozenset[int]:
        """Cuts that a connection made at `now` comes after; one by chance may always come again."""
        return frozenset(
            f.number
            for f in self.listed
            if (f.kind == "gone" or (f.kind == "disconnect" and f.probability >= 1)) and f.begin <= now
        )

    def report(self) -> list[dict[str, Any]]:
        return [fault.model_dump(exclude_none=True) for fault in self.listed]
