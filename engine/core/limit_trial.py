"""What would happen now if equity fell or trades were lost: asked of the kernel itself, on a copy of a machine.

The copy's books are changed as the question says and its breakers are checked by the kernel's own phase; the machine that is
asked about stays as it is. No rule stands here.
"""

from __future__ import annotations

from dataclasses import dataclass

from engine.core import codes, kernel
from engine.core.machine import Machine, Reports
from engine.core.types import NEVER, AccountSpec, BreakerSpec, Instrument, SlotSpec


@dataclass(frozen=True)
class Trip:
    """A breaker that would trip: its name with its slot or symbol, the number against its threshold, what the account or part
    becomes, and when it ends by itself (ms UTC; None: not by time)."""

    breaker: str
    value: float
    threshold: float
    level: str
    until: int | None


@dataclass(frozen=True)
class Trial:
    """The account's level before and after, what trips in order, waiting entries cancelled and exits queued, by slot index."""

    before: str
    after: str
    trips: tuple[Trip, ...]
    cancelled: tuple[int, ...]
    closed: tuple[int, ...]


def copy_of(machine: Machine) -> Machine:
    """Another machine in the same state."""
    account: AccountSpec = machine.spec
    instruments: tuple[Instrument, ...] = machine.instruments
    slots: tuple[SlotSpec, ...] = machine.slot_specs
    breakers: tuple[BreakerSpec, ...] = machine.breaker_specs
    again = Machine(account, instruments, slots, breakers)
    again.restore(machine.snapshot(), machine.layout())
    return again


def what_if(machine: Machine, *, fall: float = 0.0, losses: int = 0, slot: int | None = None) -> Trial:
    """`fall`: the fraction of equity that is lost at once (by slot `slot`, else by the account alone); `losses`: more losing
    trades in a row of slot `slot`, else of every slot. ValueError for a fall that is not in [0, 1]."""
    if not 0 <= fall <= 1 or losses < 0:
        raise ValueError("a fall is a fraction of equity between 0 and 1, losses are a count")
    trial = copy_of(machine)
    account = trial.account[0]
    now = int(account["now"])
    lost = round(fall * float(account["equity"]) * float(account["quantum_scale"]))
    account["cash"] -= lost
    account["losses"] += losses
    for i in range(len(trial.slots)) if slot is None else [slot]:
        trial.slots["losses"][i] += losses
    if slot is not None:
        trial.slots["realized"][slot] -= lost
    trial.operate(kernel.OP_REFRESH, now)
    reports = trial.command("fault", now, source="feed", count=int(account["feed_faults"]))
    return Trial(machine.level, trial.level, _trips(trial, reports), *_orders(reports))


def _trips(trial: Machine, reports: Reports) -> tuple[Trip, ...]:
    found = []
    for event in reports.events:
        kind, until = codes.EVENTS[int(event["kind"])], int(event["until"])
        if kind in ("trip", "wiped_out"):
            name = trial.breaker_names[int(event["breaker"])] if kind == "trip" else "wiped_out"
            value, threshold = float(event["value"]) / 1e9, float(event["threshold"]) / 1e9
            level = codes.LEVELS[int(event["level"])]
            found.append(Trip(name, value, threshold, level, until if until < NEVER else None))
    return tuple(found)


def _orders(reports: Reports) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """(slots whose waiting entry is cancelled, slots whose position is closed)."""
    cancelled, closed = [], []
    for order in reports.orders:
        purpose, state = codes.PURPOSES[int(order["purpose"])], codes.ORDER_STATES[int(order["state"])]
        if purpose == "entry" and state == "cancelled":
            cancelled.append(int(order["slot"]))
        elif purpose != "entry" and state == "queued":
            closed.append(int(order["slot"]))
    return tuple(dict.fromkeys(cancelled)), tuple(dict.fromkeys(closed))
