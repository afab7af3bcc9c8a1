"""What a run is made of, as one frozen object that goes onto the tape and comes back equal: account, instruments, slots,
parameters, breakers, and the two delays between a bar's end and its decision. No I/O.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from engine.core.types import AccountSpec, BreakerSpec, Instrument, Protection, Sizing, SlotSpec

if TYPE_CHECKING:
    from engine.core.machine import Machine


@dataclass(frozen=True)
class Advice:
    """How far a slot listens to a model: off, shadow, veto, scale, trade; an answer less sure than `least` counts as none."""

    mode: str = "off"
    least: float = 0.0


@dataclass(frozen=True)
class Setup:
    """`params` are the strategies' parameters, one mapping a slot; delays in ms of exchange time. `shares` and `weights` multiply
    a slot's configured size, by slot key; what has none has 1. They are sizes: every limit binds as without them."""

    account: AccountSpec
    instruments: tuple[Instrument, ...]
    slots: tuple[SlotSpec, ...]
    params: tuple[Mapping[str, Any], ...]
    breakers: tuple[BreakerSpec, ...]
    grace_ms: int
    latency_ms: int
    shares: Mapping[str, float] = field(default_factory=dict)
    weights: Mapping[str, float] = field(default_factory=dict)
    advice: tuple[Advice, ...] = ()

    def advice_of(self, i: int) -> Advice:
        """Slot i's; off where nothing is said about it."""
        return self.advice[i] if i < len(self.advice) else Advice()

    def machine(self) -> Machine:
        from engine.core.machine import Machine  # what only reads a setup does not wait for the kernel

        return Machine(self.account, self.instruments, self.sized(), self.breakers)

    def sized(self) -> tuple[SlotSpec, ...]:
        """The slots with the sizes that shares and weights leave them."""
        return tuple(_sized(slot, self.factor(slot.key)) for slot in self.slots)

    def factor(self, key: str) -> float:
        """What slot `key`'s configured size is multiplied by."""
        return self.shares.get(key, 1.0) * self.weights.get(key, 1.0)

    def known_at(self, bar_end: int, seen: int, gap_end: int) -> int:
        """When a decision on the bar that ended at `bar_end` could have become an order: not before the grace is over, the
        engine has seen exchange time `seen`, and a gap up to `gap_end` has passed; plus the way to the exchange."""
        return max(bar_end + self.grace_ms, seen, gap_end) + self.latency_ms

    def to_json(self) -> dict[str, Any]:
        """Plain values; decimals as text."""
        return {
            "account": _plain(asdict(self.account)),
            "instruments": [_plain(asdict(instrument)) for instrument in self.instruments],
            "slots": [_plain(asdict(slot)) for slot in self.slots],
            "params": [dict(params) for params in self.params],
            "breakers": [_plain(asdict(breaker)) for breaker in self.breakers],
            "grace_ms": self.grace_ms,
            "latency_ms": self.latency_ms,
            **{name: dict(value) for name in _FACTORS if (value := getattr(self, name))},
            "advice": [_plain(asdict(advice)) for advice in self.advice],
        }

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Setup:
        return Setup(
            _account(data["account"]),
            tuple(Instrument(**_decimals(row, _INSTRUMENT_DECIMALS)) for row in data["instruments"]),
            tuple(_slot(row) for row in data["slots"]),
            tuple(data["params"]),
            tuple(BreakerSpec(**row) for row in data["breakers"]),
            int(data["grace_ms"]),
            int(data["latency_ms"]),
            dict(data.get("shares", {})),
            dict(data.get("weights", {})),
            tuple(Advice(**row) for row in data.get("advice", ())),
        )


_FACTORS = ("shares", "weights")
_INSTRUMENT_DECIMALS = ("tick", "lot", "quantum", "min_qty", "min_notional", "maker", "taker")


def _sized(slot: SlotSpec, factor: float) -> SlotSpec:
    """A fraction of equity stays one: at most the whole."""
    if factor == 1.0:
        return slot
    value = slot.sizing.value * factor
    most = min(value, 1.0) if slot.sizing.kind in ("share", "risk") else value
    return replace(slot, sizing=replace(slot.sizing, value=most))


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {name: _bare(value) for name, value in row.items()}


def _bare(value: Any) -> Any:
    """As JSON gives it back: what was stored and read equals what was not."""
    if isinstance(value, tuple | list):
        return [_bare(one) for one in value]
    return str(value) if isinstance(value, Decimal) else value


def _decimals(row: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: Decimal(value) if name in names else value for name, value in row.items()}


def _account(row: Mapping[str, Any]) -> AccountSpec:
    sectors = tuple((str(symbol), str(sector)) for symbol, sector in row.get("sectors", ()))
    return AccountSpec(**{**_decimals(row, ("cash", "quantum")), "sectors": sectors})


def _slot(row: Mapping[str, Any]) -> SlotSpec:
    return SlotSpec(**{**row, "sizing": Sizing(**row["sizing"]), "protection": Protection(**row["protection"])})
