"""What shares and weights do to a run, where they are lived and where they are replayed. Pure; how they come about is
engine.research.learning's and .sharing's, their rows are written by steering_rows.py.

A change is a command of the tape, the engine's own or a person's: kind `shares` with `shares` by slot key, or kind `weights` with
`rows` of the record and weight of each source in each regime, the `regime` of the day, and whether weights `act` on sizes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from engine.core.setup import Setup

KINDS = ("shares", "weights")
MOST = 10.0
"""No size is ever multiplied by more; limits bind long before."""
EVERY = ""
"""The regime of a row that speaks of all of them."""


@dataclass(frozen=True)
class Steered:
    """A change that was taken: `kind`, its `version` among the run's own, exchange time `ts` (ms UTC) and the command's words."""

    kind: str
    version: int
    ts: int
    args: Mapping[str, Any]


def steered(setup: Setup, kind: str, args: Mapping[str, Any]) -> Setup:
    """The setup with what the command asks for; slots it does not name have their configured size. ValueError for nonsense."""
    if kind == "shares":
        if not isinstance(args.get("shares"), Mapping):
            raise ValueError(f"there is no version {args.get('version')} of the shares to go back to")
        return replace(setup, shares=_known(setup, args["shares"]))
    if not isinstance(args.get("rows"), list):
        raise ValueError(f"there is no version {args.get('version')} of the weights to go back to")
    by_source = {row["source"]: row["weight"] for row in todays(args)}
    acting = {slot.key: by_source.get(slot.strategy, 1.0) for slot in setup.slots} if args.get("acts") else {}
    return replace(setup, weights=_known(setup, acting))


def todays(args: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """One row a source: that of the day's regime, or of all regimes where that one has none."""
    found: dict[str, Mapping[str, Any]] = {}
    for wanted in (EVERY, str(args.get("regime", EVERY))):
        found |= {str(row["source"]): row for row in args["rows"] if row["regime"] == wanted}
    return list(found.values())


def learn(known: dict[str, Any], args: Mapping[str, Any], ts: int) -> None:
    """Add to `known` what each source's strategies are told from exchange time `ts` on: [ts, resolved, won, mean, weight], None
    for unknown; a source that the command does not name is told that nothing is known."""
    told: dict[str, list[float | None]] = {source: [ts, 0, None, None, 1.0] for source in known}
    for row in todays(args):
        told[str(row["source"])] = [ts, *(row[name] for name in ("resolved", "won", "mean", "weight"))]
    for source, one in told.items():
        known.setdefault(source, []).append(one)


def _known(setup: Setup, factors: Mapping[str, Any]) -> dict[str, float]:
    """Factors of slots that are there, those of 1 left out."""
    keys = {slot.key for slot in setup.slots}
    found = {str(key): float(value) for key, value in factors.items() if key in keys and float(value) != 1.0}
    for key, value in found.items():
        if not math.isfinite(value) or not 0 <= value <= MOST:
            raise ValueError(f"slot {key}: a size is multiplied by 0 to {MOST:g}, not by {value}")
    return found
