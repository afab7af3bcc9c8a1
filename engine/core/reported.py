"""What a venue reports, done to a machine in whatever state that is: fills, ends of orders, triggered stops, cash that moved.

The reports are events of the tape; lived and replayed through this one function. Money beats state: a fill is booked although
its order is over, as far as a position can take it, and what none can take is handed back in lots.

    ["venue_fill", ts, slot key, entry 0/1, lots, price ticks, fee quanta, maker 0/1, trade id, client id, side +1/-1,
        order number, last 0/1, the venue's quantity]
    ["venue_done", ts, slot key, entry 0/1, cancelled | rejected, client id, order number, the intent's state, why]
    ["venue_stop", ts, slot key, client id]      the venue's stop is the slot's exit from here on; "" where we exit ourselves
    ["flow", ts, quanta, id, words]              a deposit, or below zero a withdrawal
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from engine.core import codes, kernel
from engine.core.reports import Reports

if TYPE_CHECKING:
    from engine.core.machine import Machine

KINDS = frozenset(("venue_fill", "venue_done", "venue_stop", "flow"))
_WAITING = tuple(
    "q_entry q_qty q_known_at q_expires q_reserved q_limit q_stop q_target q_trail q_volatility q_signal q_order q_ref q_ts "
    "q_filled q_sent".split()
)


@dataclass(frozen=True)
class Told:
    """A report as it was taken. `fill` is the number of the fill it made (0: none), `order` that of the order it belongs to,
    `lost` the lots that no position could take, `refused` why money could not be moved."""

    event: list[Any]
    reports: Reports
    slot: int = -1
    fill: int = 0
    order: int = 0
    lost: int = 0
    refused: str = ""


def take(machine: Machine, event: list[Any]) -> Told:
    """Do what the event tells. A slot that the machine does not have takes nothing."""
    kind, ts = event[0], int(event[1])
    if kind == "flow":
        return _flow(machine, event, ts)
    keys = [spec.key for spec in machine.slot_specs]
    if event[2] not in keys:
        lots = int(event[4]) if kind == "venue_fill" else 0
        return Told(event, Reports.concatenate([]), lost=lots)
    i = keys.index(event[2])
    if kind == "venue_fill":
        return _fill(machine, i, event, ts)
    if kind == "venue_done":
        entry, order = bool(event[3]), int(event[6])
        reports = _done(machine, i, entry, order, str(event[4]), ts)
        return Told(event, reports, i, order=order)
    reports = _stop(machine, i, ts)
    return Told(event, reports, i, order=int(machine.slots["x_order"][i]) if machine.slots["x_purpose"][i] else 0)


def _flow(machine: Machine, event: list[Any], ts: int) -> Told:
    try:
        return Told(event, machine.command("cash", ts, quanta=int(event[2])))
    except ValueError as error:
        return Told(event, Reports.concatenate([]), refused=str(error))


def _done(machine: Machine, i: int, entry: bool, order: int, state: str, ts: int) -> Reports:
    """End the order that is meant, if it is still out; `order` 0 means the exit that is."""
    row = machine.slots[i]
    if entry:
        out = row["q_entry"] != 0 and row["q_sent"] == 1 and row["q_order"] == order
    else:
        out = row["x_purpose"] > 0 and row["x_sent"] == 1 and order in (0, row["x_order"])
        if state == "cancelled" and row["x_filled"] >= row["x_qty"] > 0:
            state = "filled"  # it got all it asked for: late pieces of the entry have made the position larger since
    return machine.venue_done(i, entry, state, ts) if out else Reports.concatenate([])


def _stop(machine: Machine, i: int, ts: int) -> Reports:
    """The slot's position leaves by its stop: an exit that is out stays what it is."""
    row = machine.slots[i]
    if row["qty"] == 0 or row["x_sent"] == 1:
        return Reports.concatenate([])
    kind = int(row["stop_kind"])
    return _leave(machine, i, kind if kind in (codes.STOP, codes.TRAIL, codes.BREAKEVEN) else int(codes.STOP), ts)


def _leave(machine: Machine, i: int, purpose: int, ts: int) -> Reports:
    """An exit of the whole position for `purpose`, out at the venue."""
    machine.operate(kernel.OP_FLATTEN, ts, i=i, code=purpose)
    return machine.told()


def _fill(machine: Machine, i: int, event: list[Any], ts: int) -> Told:
    entry, qty, price, fee, maker = bool(event[3]), int(event[4]), int(event[5]), int(event[6]), bool(event[7])
    side, order, last = int(event[10]), int(event[11]), bool(event[12])
    booked: list[Reports] = []
    lost = 0
    if not qty:
        pass  # less than a lot: nothing to book
    elif entry:
        lost = 0 if _may_enter(machine, i, side) else qty
        if not lost:
            booked = _enter(machine, i, order, side, (qty, price, fee, ts, maker))
    else:
        held = int(machine.slots["qty"][i]) if machine.slots["direction"][i] == -side else 0
        lost, qty = max(qty - held, 0), min(qty, held)
        if qty:
            share = fee * qty // (qty + lost)
            booked = _exit(machine, i, (qty, price, share, ts, maker))
    if last and not lost:
        booked.append(_done(machine, i, entry, order, "cancelled", ts))
    reports = Reports.concatenate(booked)
    fills = reports.fills
    number, of = (int(fills["seq"][-1]), int(fills["order"][-1])) if fills.size else (0, order)
    return Told(event, reports, i, number, of, lost)


Fill = tuple[int, int, int, int, bool]
"""Lots, price in ticks, fee in quanta (below zero: a rebate), ts, maker."""


def _may_enter(machine: Machine, i: int, side: int) -> bool:
    return bool(machine.slots["qty"][i] == 0 or machine.slots["direction"][i] == side)


def _enter(machine: Machine, i: int, order: int, side: int, fill: Fill) -> list[Reports]:
    row = machine.slots[i]
    if row["q_entry"] == side and row["q_order"] == order:
        return [machine.venue_fill(i, True, *fill)]
    return [_late_entry(machine, i, side, fill)]


def _late_entry(machine: Machine, i: int, side: int, fill: Fill) -> Reports:
    """A fill whose entry is over gets an order of its own, with the stop of the slot's last one; another that waits is kept."""
    row, account = machine.slots[i : i + 1], machine.account
    kept = {name: row[name][0].item() for name in _WAITING}
    status, ts = int(row["status"][0]), fill[3]
    account["orders"] += 1
    account["n_queued"] += 1
    fresh = {
        **{
            "q_entry": side,
            "q_qty": fill[0],
            "q_known_at": ts,
            "q_reserved": 0,
            "q_limit": 0,
            "q_filled": 0,
            "q_sent": 1,
        },
        **{"q_order": int(account["orders"][0]), "q_ref": fill[1], "q_ts": ts},
    }
    for name, value in fresh.items():
        row[name] = value
    reports = machine.venue_fill(i, True, *fill)
    if kept["q_entry"]:
        for name, value in kept.items():
            row[name] = value
    if status in (codes.ENTERING, codes.EXITING):
        row["status"] = status
    return reports


def _exit(machine: Machine, i: int, fill: Fill) -> list[Reports]:
    """Out of the position: by the exit that waits or is out, else by one made for it, whose rest leaves too."""
    made = []
    if machine.slots["x_purpose"][i] == 0:
        made.append(_stop(machine, i, fill[3]))
    return [*made, machine.venue_fill(i, False, *fill)]
