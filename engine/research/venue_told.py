"""What the exchange told of the account when it was last asked (`live check`): kept in a file of the data folder, without keys.

The asking is engine/venues/asking.py's; whoever has no keys (the app) reads what was told here, and how old it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson

from engine.access import files

FILE = "live_check.json"


@dataclass(frozen=True)
class Told:
    """`ts`: when, ms UTC of this machine. `keys`: whether there were any. What was not told is None, and `why` says why, by
    name. Rates are fractions, amounts quote currency as text; `rules` by symbol: min_qty, min_notional, trading."""

    ts: int
    exchange: str
    keys: bool
    native_stop: str = ""
    expiry_ms: int = 0
    withdraw: bool | None = None
    trade: bool | None = None
    ip_bound: bool | None = None
    maker: str | None = None
    taker: str | None = None
    balance: str | None = None
    offset_ms: int | None = None
    round_trip_ms: int | None = None
    rules: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    why: Mapping[str, str] = field(default_factory=dict)

    def decimal(self, name: str) -> Decimal | None:
        """One of the amounts or rates, exact."""
        value = getattr(self, name)
        return None if value is None else Decimal(value)


def keep(folder: Path, told: Told) -> None:
    """Write it, whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f"{FILE}.part"
    with files.fresh(part) as file:
        file.write(orjson.dumps(asdict(told)))
    part.replace(folder / FILE)


def kept(folder: Path) -> Told | None:
    """What was told last; None where nobody has asked, or an earlier version wrote it otherwise."""
    try:
        return Told(**orjson.loads(files.read(folder / FILE)))
    except (FileNotFoundError, TypeError, ValueError):
        return None
