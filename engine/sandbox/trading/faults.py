"""What goes wrong between a client and an exchange, and inside the exchange, on demand: scripted to the moment, or drawn.

Whether a fault strikes is drawn from the seed, the fault's number and how often it had the opportunity; so the same
requests at the same times meet the same faults.
"""

from __future__ import annotations

from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator

from engine.sandbox.trading.terms import chance

TradeKind = Literal[
    "lost_request", "lost_answer", "late", "twice", "slow_answer", "error", "html", "cut", "ban", "maintenance",
    "reject", "no_id", "wrong_id", "quiet", "halt", "grid", "pieces", "short", "vanish", "self_cancel", "fill_in_cancel",
    "cancel_fails", "stale", "fee", "deposit", "withdrawal", "person_buy", "person_sell",
]  # fmt: skip
KINDS: tuple[str, ...] = get_args(TradeKind)
PERSON: tuple[TradeKind, ...] = ("deposit", "withdrawal", "person_buy", "person_sell")
FOREVER = 2**62
What = Literal["", "place", "cancel", "read"]


class TradeFault(BaseModel):
    """One fault, as posted to /sandbox/faults. Unknown fields are refused.

    `venue`: at this exchange only. `at`: exchange ms from which it acts (now); `seconds`: how long (until cleared);
    `count`: how often it strikes at most; `probability` of each opportunity. `what`: only requests that place, cancel or
    read; `path`: part of a request's path, or for `stale` what it shows late (orders, trades, balances, transfers).

    `delay`: ms, the most; drawn down to `least` where that is given. `how` a request without an answer ends: in silence,
    or by a reset. `status` of `error` (ban: of its first answer); `done`: whether the exchange acted all the same (drawn
    unless given). `pieces`: the most pieces of a fill. `maker`, `taker`: new fee rates (0.006; a maker's may be a rebate, below
    zero), with `asset` paid in that coin while there is any. `asset`, `amount`: of a
    person's deposit, withdrawal or market order; `market`: its market, the one that `halt` closes, and the one whose lot
    becomes `step` times as coarse by `grid`.
    """

    model_config = ConfigDict(extra="forbid")

    kind: TradeKind
    venue: Literal["", "coinbase", "binance"] = ""
    at: int | None = Field(None, ge=0)
    seconds: float | None = Field(None, gt=0)
    count: int | None = Field(None, ge=1)
    probability: float = Field(1.0, gt=0, le=1)
    what: What = ""
    path: str = ""
    delay: int = Field(1_000, ge=0, le=86_400_000)
    least: int | None = Field(None, ge=0)
    how: Literal["silence", "reset"] = "silence"
    status: int = Field(503, ge=400, le=599)
    done: bool | None = None
    pieces: int = Field(5, ge=1, le=50)
    maker: str = Field("0.006", pattern=r"^-?0(\.\d{1,6})?$")
    taker: str = Field("0.012", pattern=r"^0(\.\d{1,6})?$")
    asset: str = ""
    amount: str = Field("0", pattern=r"^\d{1,12}(\.\d{1,12})?$")
    market: str = ""
    step: int = Field(10, ge=1, le=1_000_000_000)
    number: int = 0
    struck: int = 0
    offered: int = 0

    @model_validator(mode="after")
    def _whole(self) -> TradeFault:
        if self.kind in ("deposit", "withdrawal") and not self.asset:
            raise ValueError(f"{self.kind} needs asset, such as USD")
        if self.kind in ("person_buy", "person_sell", "grid") and not self.market:
            raise ValueError(f"{self.kind} needs market, such as BTC-USD at coinbase or BTCUSDT at binance")
        if self.least is not None and self.least > self.delay:
            raise ValueError("least must not be above delay")
        return self

    @property
    def end(self) -> int:
        return FOREVER if self.seconds is None else (self.at or 0) + int(self.seconds * 1000)

    def acts(self, ts: int) -> bool:
        return (self.at or 0) <= ts < self.end and (self.count is None or self.struck < self.count)


class TradeFaults:
    """The faults of one exchange."""

    def __init__(self, seed: int, venue: str) -> None:
        self.seed, self.venue = seed, venue
        self.listed: list[TradeFault] = []
        self._of: dict[str, list[TradeFault]] = {}
        self._number = 0

    def add(self, fault: TradeFault, now: int) -> TradeFault:
        """Lists a fault; without `at` it acts from `now`."""
        self._number += 1
        made = fault.model_copy(update={"number": self._number, "at": now if fault.at is None else fault.at,
                                        "struck": 0, "offered": 0})  # fmt: skip
        self.listed.append(made)
        if made.kind not in PERSON or made.probability < 1:
            # What a person certainly does has its moment in the exchange's queue; only chance is drawn.
            self._of.setdefault(made.kind, []).append(made)
        return made

    def clear(self, kind: str = "") -> int:
        before = len(self.listed)
        self.listed = [fault for fault in self.listed if kind and fault.kind != kind]
        self._of = {name: found for name, found in self._of.items() if kind and name != kind}
        return before - len(self.listed)

    def strike(self, kind: TradeKind, ts: int, what: str = "", path: str = "", market: str = "") -> TradeFault | None:
        """The first fault of `kind` that strikes this opportunity; counted."""
        for fault in self._of.get(kind, ()):
            if not fault.acts(ts):
                continue
            if fault.what not in ("", what) or fault.path not in path:
                continue
            if fault.market not in ("", market) and kind not in PERSON:
                continue
            fault.offered += 1
            if fault.probability >= 1 or self.draw(fault, "strike") < fault.probability:
                fault.struck += 1
                return fault
        return None

    def draw(self, fault: TradeFault, *what: object) -> float:
        """A number in [0, 1) of this opportunity."""
        return chance(self.seed, self.venue, fault.number, fault.offered, *what)

    def wait(self, fault: TradeFault) -> int:
        """ms: `delay`, or drawn between `least` and `delay`."""
        if fault.least is None:
            return fault.delay
        return fault.least + int(self.draw(fault, "wait") * (fault.delay - fault.least + 1))

    def done(self, fault: TradeFault) -> bool:
        return self.draw(fault, "done") < 0.5 if fault.done is None else fault.done

    def report(self) -> list[dict[str, Any]]:
        return [{"venue": self.venue, **fault.model_dump(exclude_defaults=True)} for fault in self.listed]


_DRAWN: dict[str, dict[str, Any]] = {
    "lost_request": {}, "lost_answer": {}, "late": {"least": 0, "delay": 30_000}, "twice": {"what": "cancel"},
    "slow_answer": {"least": 0, "delay": 10_000}, "error": {}, "html": {}, "cut": {}, "ban": {"delay": 20_000},
    "reject": {}, "no_id": {}, "wrong_id": {}, "quiet": {}, "pieces": {"pieces": 9, "least": 0, "delay": 3_000},
    "short": {}, "vanish": {"least": 0, "delay": 15_000}, "self_cancel": {"least": 0, "delay": 60_000},
    "fill_in_cancel": {}, "cancel_fails": {}, "stale": {"least": 0, "delay": 30_000},
}  # fmt: skip
RARE = ("ban", "self_cancel", "short", "reject", "wrong_id")


def drawn(seed: int, low: float = 0.02, high: float = 0.2) -> list[TradeFault]:
    """A plan of faults that the seed makes quiet or violent: each kind never, seldom or often.

    `twice` concerns cancels alone: no client can help it when an exchange executes one request to buy twice.
    """
    plan = []
    for kind, options in _DRAWN.items():
        level = int(chance(seed, "level", kind) * 3)
        if level:
            odds = (low if level == 1 else high) * (0.1 if kind in RARE else 1.0)
            plan.append(TradeFault.model_validate({"kind": kind, "probability": odds, **options}))
    return plan
