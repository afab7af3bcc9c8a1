"""How much of each limit is in use at this moment: what pages draw, alerts watch and health tells.

Reads a machine's records and changes nothing. The numbers are those the kernel compares; no rule is stated here twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from engine.core import codes
from engine.core.machine import Machine
from engine.core.types import RATE

Unit = Literal["fraction", "count", "seconds"]
MARKED = 0.8
"""The share of a limit from which it is worth a look."""


@dataclass(frozen=True)
class LimitUse:
    """One limit now. `scope`: account, or the symbol or the key of the slot it is about; `used` and `limit` in `unit`
    (fraction: of equity); `fraction` = used / limit, above 1 where a limit is overshot; `state`: armed or tripped."""

    name: str
    scope: str
    used: float
    limit: float
    fraction: float
    unit: Unit
    state: str = "armed"
    level: str = "running"
    """What the account or its part becomes when a breaker trips; `running` for limits that only refuse an entry."""

    @property
    def marked(self) -> bool:
        return self.fraction >= MARKED or self.state == "tripped"


def limit_use(machine: Machine) -> list[LimitUse]:
    """Every limit that is switched on, first those that refuse an entry, then the breakers in their order."""
    return [*_account(machine), *_symbols(machine), *_breakers(machine)]


def _use(name: str, scope: str, used: float, limit: float, unit: Unit) -> LimitUse:
    return LimitUse(name, scope, used, limit, used / limit, unit)


def _account(machine: Machine) -> list[LimitUse]:
    account, slots = machine.account[0], machine.slots
    taken = int(((slots["qty"] > 0) | (slots["q_entry"] != 0)).sum())
    uses = [_use("max_positions", "account", float(taken), float(account["max_positions"]), "count")]
    used = _share(machine, float(account["exposure"]) + float(account["reserved"]) / float(account["quantum_scale"]))
    uses.append(_use("max_gross", "account", used, float(account["max_gross"]) / float(RATE), "fraction"))
    return uses


def _share(machine: Machine, amount: float) -> float:
    """An amount of quote currency as a fraction of equity; equity that is used up carries nothing."""
    equity = float(machine.account["equity"][0])
    return amount / equity if equity > 0 else float(amount > 0)


def _symbols(machine: Machine) -> list[LimitUse]:
    cap = float(machine.account["symbol_cap"][0]) / float(RATE)
    if not cap:
        return []
    return [
        _use("per_symbol", instrument.symbol, _share(machine, _held(machine, [s])), cap, "fraction")
        for s, instrument in enumerate(machine.instruments)
    ]


def _held(machine: Machine, symbols: list[int]) -> float:
    """Notional held at marks and reserved for waiting entries on these symbols, in quote currency."""
    total = 0.0
    for row in machine.slots:
        s = int(row["symbol"])
        if s in symbols:
            symbol = machine.symbols[s]
            total += float(row["qty"]) * float(symbol["mark"]) * float(symbol["unit"])
            total += float(row["q_reserved"]) / float(machine.account["quantum_scale"][0])
    return total


def _breakers(machine: Machine) -> list[LimitUse]:
    return [_breaker(machine, i) for i in range(len(machine.breakers))]


def _breaker(machine: Machine, i: int) -> LimitUse:
    row = machine.breakers[i]
    name, _, scope = machine.breaker_names[i].partition(":")
    tripped = bool(row["tripped"])
    used = float(row["value"]) if tripped else measured(machine, i)
    limit = float(row["threshold"])
    return LimitUse(
        name,
        scope or "account",
        used,
        limit,
        used / limit if limit else 0.0,
        _UNITS.get(codes.BREAKER_KINDS[int(row["kind"])], "fraction"),
        "tripped" if tripped else "armed",
        codes.LEVELS[int(row["level"])],
    )


_UNITS: dict[str, Unit] = {"consecutive_losses": "count"}


def measured(machine: Machine, i: int) -> float:
    """What breaker `i` watches, as engine.core.risk measures it: a count of losses, or a fraction of equity lost."""
    row, account = machine.breakers[i], machine.account[0]
    kind = codes.BREAKER_KINDS[int(row["kind"])]
    if kind == "consecutive_losses":
        return float(machine.slots["losses"][row["slot"]] if row["slot"] >= 0 else account["losses"])
    return _fallen(account["day_start"] if kind == "daily_loss" else account["peak"], account["equity"])


def _fallen(top: Any, now: Any) -> float:
    return float((top - now) / top) if top > 0 else 0.0
