"""How much of each limit is in use at this moment: what pages draw, alerts watch and health tells.

Reads a machine's records and changes nothing. The numbers are those the kernel compares; no rule is stated here twice.
"""

from __future__ import annotations

from dataclasses import dataclass

from engine.core import codes
from engine.core.codes import Unit
from engine.core.machine import Machine
from engine.core.types import MS_DAY, RATE

MARKED = 0.8
"""The share of a limit from which it is worth a look."""


@dataclass(frozen=True)
class LimitUse:
    """One limit now. `scope`: account, a sector, or the symbol or the key of the slot it is about; `used` and `limit` in `unit`
    (fraction: of equity, for the AI of its budget); `fraction` = used / limit, above 1 where a limit is overshot; `state`: armed,
    tripped or probation."""

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


def worst(machine: Machine) -> dict[str, float]:
    """For a status row: how many limits are marked, and the largest share of one that is in use."""
    uses = limit_use(machine)
    marked = sum(use.marked for use in uses)
    return {"limits_marked": marked, "limit_worst": round(max((use.fraction for use in uses), default=0.0), 4)}


def _use(name: str, scope: str, used: float, limit: float, unit: Unit) -> LimitUse:
    return LimitUse(name, scope, used, limit, used / limit, unit)


def _account(machine: Machine) -> list[LimitUse]:
    account, slots = machine.account[0], machine.slots
    taken = int(((slots["qty"] > 0) | (slots["q_entry"] != 0)).sum())
    uses = [_use("max_positions", "account", float(taken), float(account["max_positions"]), "count")]
    used = _share(machine, float(account["exposure"]) + float(account["reserved"]) / float(account["quantum_scale"]))
    uses.append(_use("max_gross", "account", used, float(account["max_gross"]) / float(RATE), "fraction"))
    return [*uses, *_rates(machine), *_sectors(machine)]


def _rates(machine: Machine) -> list[LimitUse]:
    """Entries queued in this UTC minute and day."""
    account = machine.account[0]
    now = max(int(account["now"]), int(account["minute"]) * _MINUTE)
    minute, day = now // _MINUTE, now // MS_DAY
    found = []
    if account["max_minute"]:
        used = int(account["minute_orders"]) if account["minute"] == minute else 0
        found.append(_use("orders_minute", "account", float(used), float(account["max_minute"]), "count"))
    if account["max_day"]:
        used = int(account["day_orders"]) if account["day"] == day else 0
        found.append(_use("orders_day", "account", float(used), float(account["max_day"]), "count"))
    if account["max_symbol_minute"]:
        for row, instrument in zip(machine.symbols, machine.instruments, strict=True):
            used = int(row["minute_orders"]) if row["minute"] == minute else 0
            limit = float(account["max_symbol_minute"])
            found.append(_use("orders_symbol_minute", instrument.symbol, float(used), limit, "count"))
    return found


def _sectors(machine: Machine) -> list[LimitUse]:
    cap = float(machine.account["sector_cap"][0]) / float(RATE)
    if not cap:
        return []
    members: dict[str, list[int]] = {}
    for symbol, sector in machine.spec.sectors:
        if symbol in machine.symbol_index:
            members.setdefault(sector, []).append(machine.symbol_index[symbol])
    return [
        _use("per_sector", sector, _share(machine, _held(machine, symbols)), cap, "fraction")
        for sector, symbols in sorted(members.items())
    ]


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
    return [_breaker(machine, i, value) for i, value in enumerate(machine.watched().tolist())]


def _breaker(machine: Machine, i: int, now: float) -> LimitUse:
    row = machine.breakers[i]
    name, _, scope = machine.breaker_names[i].partition(":")
    tripped = bool(row["tripped"])
    used = float(row["value"]) if tripped else now
    limit = float(row["threshold"])
    return LimitUse(
        name,
        scope or "account",
        used,
        limit,
        used / limit if limit else 0.0,
        codes.BREAKER_UNITS[codes.BREAKER_KINDS[int(row["kind"])]],
        "tripped" if tripped else "probation" if row["probation_end"] > 0 else "armed",
        codes.LEVELS[int(row["level"])],
    )


_MINUTE = 60_000
