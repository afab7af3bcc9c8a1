"""Cash that came or went, read back from the words of a run's markers. Pure, and without the kernel: pages read it, too."""

from __future__ import annotations

import re
from decimal import Decimal

_FLOW = re.compile(r"^(deposit|withdrawal|funding (?:paid|received)) (\d+(?:\.\d+)?) \S+(?: on slot ([0-9a-f]{12}))?$")


def cash_flow(text: str) -> tuple[Decimal, str | None] | None:
    """What a marker's words say came into the account (negative: left it), and the slot's key; None for other words."""
    found = _FLOW.match(text)
    if found is None:
        return None
    amount = Decimal(found[2])
    return (amount if found[1] in ("deposit", "funding received") else -amount), found[3]
