"""What a person may ask of a running machine, between frames: each command changes the records and logs an event.

Commands only ever act between two events, so a replay applies them at the same place. A command that cannot be done
raises ValueError with the reason, and changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.core import codes, kernel
from engine.core.types import RATE, SlotSpec

if TYPE_CHECKING:
    from engine.core.machine import Machine

MOST = 1 << 61
"""Quanta of an account: what is added up is less than an int64 holds."""


def apply(machine: Machine, kind: str, ts: int, args: Mapping[str, object]) -> None:
    """Do command `kind` at exchange time `ts`."""
    if kind not in _COMMANDS:
        raise ValueError(f"unknown command {kind}: one of {', '.join(sorted(_COMMANDS))}")
    _COMMANDS[kind](machine, ts, args)


def _set_level(machine: Machine, level: Any, ts: int) -> None:
    machine.operate(kernel.OP_LEVEL, ts, code=level)


def _pause(machine: Machine, ts: int, args: Mapping[str, object]) -> None:
    if machine.account["operator"][0] < codes.PAUSED:
        _set_level(machine, codes.PAUSED, ts)


def _reduce_only(machine: Machine, ts: int, args: Mapping[str, object]) -> None:
    """Positions may only shrink, until a person resumes."""
    if machine.account["operator"][0] < codes.REDUCE_ONLY:
        _set_level(machine, codes.REDUCE_ONLY, ts)


def _resume(machine: Machine, ts: int, args: Mapping[str, object]) -> None:
    if machine.account["operator"][0] > codes.REDUCE_ONLY:
        level = codes.LEVELS[int(machine.account["operator"][0])]
        raise ValueError(f"the account is {level}: `release kill` ends that, `resume` only ends a pause")
    _set_level(machine, codes.RUNNING, ts)


def _kill(machine: Machine, ts: int, args: Mapping[str, object]) -> None:
    _set_level(machine, codes.KILLED, ts)
    if args.get("flatten"):
        machine.operate(kernel.OP_FLATTEN, ts, code=codes.FLATTEN)


def _release(machine: Machine, ts: int, args: Mapping[str, object]) -> None:
    name = str(args.get("breaker", ""))
    if name == "kill":
        if machine.account["operator"][0] < codes.HALTED:
            raise ValueError("nothing to release: the account is not killed")
        machine.operate(kernel.OP_RELEASE, ts)
        return
    if name not in machine.breaker_names:
        raise ValueError(f"no breaker {name!r}: one of kill, {', '.join(machine.breaker_names)}")
    index = machine.breaker_names.index(name)
    if machine.breakers["tripped"][index] == 0:
        raise ValueError(f"breaker {name} has not tripped: nothing to release")
    machine.operate(kernel.OP_RELEASE, ts, i=index)


def _fault(machine: Machine, ts: int, args: Mapping[str, object]) -> None:
    """What the runtime met, as a recorded event: `source` feed, venue or storage with `count` failures in a row (0: it works
    again), or ai with `used`, the fraction of its budget that is spent."""
    source = str(args.get("source", ""))
    if source not in codes.FAULTS:
        raise ValueError(f"no source {source!r} of failures: one of {', '.join(codes.FAULTS)}")
    value = float(str(args.get("used" if source == "ai" else "count", "nan")))
    if not 0 <= value < 1e9:
        raise ValueError(f"a failure of {source} needs its {'used' if source == 'ai' else 'count'}, 0 or above")
    amount = round(value * int(RATE)) if source == "ai" else int(value)
    machine.operate(kernel.OP_FAULT, ts, code=np.int64(codes.FAULTS.index(source)), amount=amount)


def slots_named(specs: Sequence[SlotSpec], name: str) -> list[int]:
    """Which of the slots are meant: by key, label, symbol or strategy, or all. ValueError if none is."""
    wanted = name.strip()
    if wanted == "all":
        return list(range(len(specs)))
    found = [
        i
        for i, spec in enumerate(specs)
        if wanted in (spec.key, spec.label, spec.symbol, spec.strategy, f"{spec.strategy}:{spec.symbol}")
    ]
    if not found:
        known = ", ".join(f"{spec.strategy}:{spec.symbol}" for spec in specs)
        raise ValueError(f"no slot {wanted!r}: one of {known}, a symbol, or all")
    return found


def _cancel_waiting(machine: Machine, i: int, reason: Any, ts: int) -> None:
    if machine.slots["q_entry"][i] != 0 and machine.slots["q_sent"][i] == 0:
        machine.operate(kernel.OP_CANCEL_ENTRY, ts, i=i, code=reason)


def _close(machine: Machine, ts: int, args: Mapping[str, object]) -> None:
    open_slots = [i for i in slots_named(machine.slot_specs, str(args.get("slot", ""))) if machine.slots["qty"][i] > 0]
    if not open_slots:
        raise ValueError(f"no open position on {args.get('slot')}")
    for i in open_slots:
        _cancel_waiting(machine, i, codes.R_SUPERSEDED, ts)
        machine.operate(kernel.OP_FLATTEN, ts, i=i, code=codes.MANUAL)


def _tighten_stop(machine: Machine, ts: int, args: Mapping[str, object]) -> None:
    indexes = [i for i in slots_named(machine.slot_specs, str(args.get("slot", ""))) if machine.slots["qty"][i] > 0]
    if len(indexes) != 1:
        raise ValueError(f"{args.get('slot')} names {len(indexes)} open positions: name exactly one slot")
    row = machine.slots[indexes[0]]
    instrument = machine.instruments[int(row["symbol"])]
    price = float(str(args.get("price", "nan")))
    level = instrument.ticks(price)
    mark = int(machine.symbols["mark"][int(row["symbol"])])
    long = row["direction"] > 0
    if row["stop"] and (level <= row["stop"] if long else level >= row["stop"]):
        raise ValueError(
            f"a stop is only ever tightened: it stands at {instrument.price(int(row['stop']))}, {price} is looser"
        )
    if level >= mark if long else level <= mark:
        raise ValueError(f"{price} is beyond the market ({instrument.price(mark)}): use close to leave now")
    row["stop"], row["stop_kind"] = level, codes.STOP
    machine.operate(kernel.OP_EVENT, ts, i=indexes[0], code=codes.E_STOP_MOVE, amount=level)


def _slot_state(machine: Machine, ts: int, args: Mapping[str, object]) -> None:
    state = codes.SLOT_STATES.index(str(args["state"]))
    for i in slots_named(machine.slot_specs, str(args.get("slot", ""))):
        machine.slots["state"][i] = state
        if state != codes.SLOT_ENABLED:
            _cancel_waiting(machine, i, codes.R_SLOT_OFF, ts)
        machine.operate(kernel.OP_EVENT, ts, i=i, code=codes.E_SLOT_STATE, amount=state)


def _cash(machine: Machine, ts: int, args: Mapping[str, object]) -> None:
    """A deposit or withdrawal in quanta: moves capital, peak and the day's start, so that it is no return."""
    amount = int(str(args["quanta"]))
    account = machine.account[0]
    if account["cash"] - account["reserved"] + amount < 0:
        raise ValueError("a withdrawal cannot exceed the cash that is not reserved")
    if int(account["cash"]) + amount >= MOST:
        raise ValueError("no account holds so much money")
    account["cash"] += amount
    value = amount / float(account["quantum_scale"])
    for name in ("peak", "day_start"):
        account[name] += value
    machine.operate(kernel.OP_REFRESH, ts)
    machine.operate(kernel.OP_EVENT, ts, code=codes.E_CASH, amount=amount)


_COMMANDS: dict[str, Callable[[Machine, int, Mapping[str, object]], None]] = {
    "pause": _pause,
    "reduce_only": _reduce_only,
    "resume": _resume,
    "kill": _kill,
    "release": _release,
    "close": _close,
    "tighten_stop": _tighten_stop,
    "slot_state": _slot_state,
    "cash": _cash,
    "fault": _fault,
}
