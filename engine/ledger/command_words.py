"""A person's commands in the machine's words. Used where they are lived and where they are replayed."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any


def machine_words(kind: str, args: Mapping[str, Any], quantum: Decimal) -> tuple[str, dict[str, object]]:
    """(machine command, its arguments); see engine.core.commands. ValueError for an amount that is none."""
    if kind in ("slot_on", "slot_off"):
        return "slot_state", {"slot": args.get("slot", ""), "state": "enabled" if kind == "slot_on" else "exit_only"}
    if kind != "cash":
        return kind, dict(args)
    try:
        quanta = Decimal(str(args.get("amount"))) / quantum
    except InvalidOperation:
        raise ValueError(f"{args.get('amount')!r} is no amount of money") from None
    if quanta != quanta.to_integral_value() or not quanta:
        raise ValueError(f"an amount must be a multiple of {quantum} and not zero")
    return "cash", {"quanta": int(quanta)}
