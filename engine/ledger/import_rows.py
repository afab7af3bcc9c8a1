"""What an import is made of: rows of closed trades as our export has them, checked one by one. Pure.

A reader (own files, other programs, a mapped CSV) makes rows of text and numbers under the export's names; here they are judged
and given what follows from the rest. What is wrong is said by line, and nothing is guessed that a row does not say.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.ledger.export import TRADES

REASONS = ("exit", "stop", "target", "trail", "time", "breakeven", "flatten", "manual", "outage", "wiped_out")
KNOWN_REASONS = {
    "exit_signal": "exit", "sell_signal": "exit", "roi": "target", "take_profit": "target", "stop_loss": "stop",
    "stoploss": "stop", "stoploss_on_exchange": "stop", "trailing_stop_loss": "trail", "trailing_stop": "trail",
    "force_exit": "manual", "force_sell": "manual", "emergency_exit": "manual", "emergency_sell": "manual",
    "liquidation": "wiped_out",
}  # fmt: skip
NEEDED = ("symbol", "side", "qty", "entry_ts", "exit_ts", "entry_price", "exit_price")
LONGEST = 20_000
MONEY = ("entry_notional", "exit_notional", "fees", "funding", "pnl")
FIRST_MS, LAST_MS = 1_230_768_000_000, 4_102_444_800_000
"""2009 to 2100: a time outside is a mistake of units."""


class ImportFailed(Exception):
    """A file that cannot be imported; the message says what to do."""

    exit_code = 1


@dataclass
class Read:
    """Rows as a reader found them. `lines` are where each stands in its file (from 1); `problems` (line, sentence)."""

    source: str
    rows: list[dict[str, Any]] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    problems: list[tuple[int, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    mapping: dict[str, str] = field(default_factory=dict)

    def wrong(self, line: int, sentence: str) -> None:
        self.problems.append((line, sentence))


class Wrong(ValueError):
    """What is wrong with one row."""


def checked(row: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """A row with every column of the export, in its kind. Wrong says what is not right with it."""
    made = {name: _kept(name, kind, row.get(name, defaults.get(name))) for name, kind in TRADES.items()}
    for name in NEEDED:
        if made[name] in (None, ""):
            raise Wrong(f"{name} is missing")
    if made["side"] not in ("long", "short"):
        raise Wrong(f"side is {made['side']!r}: long or short")
    for name in ("entry_ts", "exit_ts"):
        if not FIRST_MS <= made[name] < LAST_MS:
            raise Wrong(f"{name} {made[name]} is no time in ms UTC between 2009 and 2100")
    if made["exit_ts"] < made["entry_ts"]:
        raise Wrong("it was closed before it was opened")
    for name in ("qty", "entry_price", "exit_price"):
        if not made[name] > 0:
            raise Wrong(f"{name} is {made[name]}: it must be above zero")
    return _derived(made)


def _kept(name: str, kind: str, value: Any) -> Any:
    if kind == "text":
        shown = "" if value is None else str(value).replace("\x00", "")
        return shown[:LONGEST]
    if kind == "bool":
        return value if isinstance(value, bool) else str(value).strip().lower() in ("true", "1", "yes")
    if value is None or value == "":
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise Wrong(f"{name} {str(value)[:40]!r} is no number") from None
    if not math.isfinite(number) or abs(number) >= 1e300:
        raise Wrong(f"{name} {value!r} is no number")
    if kind == "float":
        return number
    whole = int(value) if isinstance(value, int) else int(number)
    if whole != number:
        raise Wrong(f"{name} {value!r} is no whole number")
    return whole


def _derived(made: dict[str, Any]) -> dict[str, Any]:
    """What follows from the rest, where it was not said: notionals, money, shares."""
    sign = 1 if made["side"] == "long" else -1
    for end in ("entry", "exit"):
        if made[f"{end}_notional"] is None:
            made[f"{end}_notional"] = _short(made["qty"] * made[f"{end}_price"])
    for name in ("fees", "funding"):
        made[name] = 0.0 if made[name] is None else made[name]
    if made["pnl"] is None:
        gross = sign * (made["exit_notional"] - made["entry_notional"])
        made["pnl"] = _short(gross - made["fees"] - made["funding"])
    if made["pnl_pct"] is None:
        made["pnl_pct"] = made["pnl"] / made["entry_notional"] if made["entry_notional"] else 0.0
    if made["risk"] and made["r_multiple"] is None:
        made["r_multiple"] = made["pnl"] / made["risk"]
    for name in ("entry_notional", "exit_notional", "stop_initial", "risk", "bars_held"):
        if made[name] is not None and made[name] < 0:
            raise Wrong(f"{name} is {made[name]}: below zero")
    made["bars_held"] = made["bars_held"] or 0
    made["timeframe_ms"] = made["timeframe_ms"] or 60_000
    if not 0 < made["timeframe_ms"] < 2**31:
        raise Wrong(f"timeframe_ms is {made['timeframe_ms']}")
    if made["rating"] is not None and not 1 <= made["rating"] <= 5:
        raise Wrong(f"rating is {made['rating']}: 1 to 5")
    made["strategy"] = made["strategy"] or "imported"
    return made


def _short(value: float) -> float:
    """Without the last digits that multiplying floats leaves."""
    return float(f"{value:.12g}")


def reason_of(word: str) -> tuple[str, str]:
    """(our exit reason, the word itself where it is another): what we have no word for is an exit."""
    if word in REASONS:
        return word, ""
    return KNOWN_REASONS.get(word, "exit"), word or ""


def key_of(row: Mapping[str, Any], own: bool, number: Any = None) -> str:
    """What makes an imported trade that one and no other: its program's number of it, else what it is."""
    parts = [
        row["symbol"],
        row["side"],
        row["entry_ts"],
        row["exit_ts"],
        row["qty"],
        row["entry_price"],
        row["exit_price"],
    ]
    if own:
        parts += [row["strategy"], row["label"], row["seq"]]
    elif number not in (None, ""):
        parts = ["id", number, row["symbol"], row["entry_ts"]]
    return hashlib.sha256("\x1f".join(map(str, parts)).encode()).hexdigest()[:24]
