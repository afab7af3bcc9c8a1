"""A person's commands in the machine's words. Used where they are lived and where they are replayed."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

MOST = 10**18
"""Quanta that are moved at once; all of an account's are less than 2**63."""


def machine_words(kind: str, args: Mapping[str, Any], quantum: Decimal) -> tuple[str, dict[str, object]]:
    """(machine command, its arguments); see engine.core.commands. ValueError for an amount that is none."""
    if "wrong" in args:  # as the row was read (db.asked)
        raise ValueError(str(args["wrong"]))
    if kind in ("slot_on", "slot_off"):
        return "slot_state", {"slot": args.get("slot", ""), "state": "enabled" if kind == "slot_on" else "exit_only"}
    if kind != "cash":
        return kind, dict(args)
    try:
        quanta = Decimal(str(args.get("amount"))) / quantum
        if abs(quanta) >= MOST:
            raise ValueError(f"{str(args.get('amount'))[:40]} is more money than any account holds")
    except ArithmeticError:
        raise ValueError(f"{str(args.get('amount'))[:40]!r} is no amount of money") from None
    if quanta != quanta.to_integral_value() or not quanta:
        raise ValueError(f"an amount must be a multiple of {quantum} and not zero")
    return "cash", {"quanta": int(quanta)}
