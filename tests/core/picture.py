"""Rules as pictures: a few bars, what is decided at each bar's end, and beside them what must come of it.

    0:00  100 102  99 101 | buy stop=4 |
    0:01  102 103 101 103 |            | buy 102
    0:02  102 102  95  96 |            | sell 98 stop

First column: the bar's open time (h:mm or h:mm:ss, `g` behind it: back-filled), an optional letter for the symbol
(X, Y), open high low close, and optional quotes `q=bid/ask` at the open, `Q=bid/ask` at the close. Second: decisions
at the bar's end: buy, sell, exit, flip+buy, flip+sell, each with stop= target= trail= (ticks), limit=OFFSETxBARS,
vol=, known=SECONDS later, missed; `B:` in front is for the second slot. Third, separated by commas: fills `buy PRICE
[xLOTS] [purpose]`, orders cancelled `cancel REASON`, signals not taken `refused REASON`, `ignored REASON`, `missed`.

Prices are whole ticks of 1, a lot is 0.001. Every picture is run by the batch, by single steps and by the naive
engine; all three must agree, and with the picture.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import numpy as np

from engine.core import codes
from engine.core.machine import Machine, Reports
from engine.core.types import (
    DECISION,
    EXEC_BAR,
    FLAG_GAP,
    AccountSpec,
    BreakerSpec,
    Instrument,
    Protection,
    Sizing,
    SlotSpec,
)
from tests.oracles.agree import Scene, assert_agree

MINUTE = 60_000
DAY0 = 19_800 * 86_400_000

X = Instrument("X/USD", "X", "USD", Decimal(1), Decimal("0.001"), Decimal("1e-6"), maker=Decimal(0), taker=Decimal(0))
ACCOUNT = AccountSpec(Decimal(1000), "USD", Decimal("1e-6"), symbol_cap=0.0, slippage_bps=0.0)
SLOT = SlotSpec("a", "any", "X/USD", MINUTE, Sizing("share", 0.5), allow_short=True)


@dataclass(frozen=True)
class Outcome:
    reports: Reports
    machine: Machine

    @property
    def trades(self) -> Any:
        return self.reports.trades

    @property
    def equity(self) -> list[tuple[int, float]]:
        """(minutes since the first midnight, equity)."""
        return [((int(row["ts"]) - DAY0) // MINUTE, float(row["equity"])) for row in self.reports.equity]


def check(
    picture: str,
    *,
    account: dict[str, Any] | None = None,
    instrument: dict[str, Any] | None = None,
    slots: list[SlotSpec] | None = None,
    slot: dict[str, Any] | None = None,
    breakers: list[BreakerSpec] | None = None,
    until: str = "",
) -> Outcome:
    """Run a picture and compare it, line by line."""
    x = replace(X, **(instrument or {}))
    lines = [_Line(text) for text in picture.strip().splitlines()]
    instruments = [x]
    if any(line.bar["symbol"] for line in lines):
        instruments.append(replace(x, symbol="Y/USD", base="Y"))
    specs = slots or [replace(SLOT, **(slot or {}))]
    scene = Scene(
        replace(ACCOUNT, **(account or {})),
        instruments,
        specs,
        np.array([line.ts for line in lines], np.int64),
        np.array([line.bar for line in lines], EXEC_BAR),
        _decisions(lines, specs),
        breakers or [],
        until=_time(until) if until else -1,
    )
    reports, _ = assert_agree(scene)
    _assert_steps_agree(scene, reports)
    wanted = {line.ts: [] for line in lines}  # type: dict[int, list[str]]
    for line in lines:
        wanted[line.ts] += line.expected
    found = _told(reports, lines, specs)
    for ts, tokens in wanted.items():
        clock = f"{(ts - DAY0) // 3_600_000}:{(ts - DAY0) // MINUTE % 60:02d}"
        shown = [_shorten(token, tokens) for token in found.get(ts, [])]
        assert sorted(shown) == sorted(tokens), f"at {clock}: expected {tokens}, got {found.get(ts, [])}"
    machine = scene.machine()
    machine.run(scene.frames(), scene.decisions, scene.payments(), scene.until)
    return Outcome(reports, machine)


class _Line:
    def __init__(self, text: str) -> None:
        bar, decisions, expected = (part.strip() for part in text.split("|"))
        words = bar.split()
        self.ts = _time(words[0].rstrip("g"))
        letter = words.pop(1) if words[1].isalpha() else "X"
        row = np.zeros(1, EXEC_BAR)[0]
        row["symbol"] = "XY".index(letter)
        row["flags"] = FLAG_GAP if words[0].endswith("g") else 0
        row["open"], row["high"], row["low"], row["close"] = (int(word) for word in words[1:5])
        for word in words[5:]:
            side = "open" if word[0] == "q" else "close"
            row[f"bid_{side}"], row[f"ask_{side}"] = (int(number) for number in word[2:].split("/"))
        self.bar = row
        self.decisions = [part.strip() for part in decisions.split(",") if part.strip()]
        self.expected = [part.strip() for part in expected.split(",") if part.strip()]


def _time(text: str) -> int:
    hours, minutes, seconds = (*(int(part) for part in text.split(":")), 0)[:3]
    return DAY0 + ((hours * 60 + minutes) * 60 + seconds) * 1000


def _decisions(lines: list[_Line], specs: list[SlotSpec]) -> Any:
    rows = []
    for line in lines:
        for text in line.decisions:
            owner, _, words = text.rpartition(":")
            number = "AB".index(owner) if owner else 0
            rows.append(
                _decision(
                    words.split(), number, (line.ts // specs[number].timeframe_ms + 1) * specs[number].timeframe_ms
                )
            )
    rows.sort(key=lambda row: (row["decided_at"], row["slot"]))
    for number, row in enumerate(rows):
        row["signal_id"] = number + 1
    return np.array(rows, DECISION) if rows else np.zeros(0, DECISION)


def _decision(words: list[str], slot: int, at: int) -> Any:
    row = np.zeros(1, DECISION)[0]
    row["slot"], row["decided_at"], row["known_at"], row["volatility"] = slot, at, at, np.nan
    for word in words:
        name, _, value = word.partition("=")
        if name in ("buy", "sell", "flip+buy", "flip+sell"):
            row["entry"] = 1 if name.endswith("buy") else -1
            row["exit"] = name.startswith("flip")
        elif name in ("exit", "missed"):
            row[name] = 1
        elif name in ("stop", "target", "trail"):
            row[name] = int(value)
        elif name == "limit":
            row["limit_offset"], row["limit_bars"] = (int(part) for part in value.split("x"))
        elif name == "vol":
            row["volatility"] = float(value)
        elif name == "known":
            row["known_at"] = at + int(value) * 1000
        else:
            raise ValueError(f"unknown word {word} in a decision")
    return row


def _told(reports: Reports, lines: list[_Line], specs: list[SlotSpec]) -> dict[int, list[str]]:
    """What happened, as words, by the open time of the line it belongs to."""
    out: dict[int, list[str]] = {}
    for fill in reports.fills:
        purpose = codes.PURPOSES[fill["purpose"]]
        words = ["buy" if fill["side"] > 0 else "sell", str(fill["price"]), f"x{fill['qty']}"]
        words += [purpose] if purpose not in ("entry", "exit") else []
        out.setdefault(int(fill["ts"]), []).append(" ".join(words))
    for order in reports.orders:
        if codes.ORDER_STATES[order["state"]] == "cancelled":
            out.setdefault(_line_of(int(order["ts"]), lines), []).append(f"cancel {codes.REASONS[order['reason']]}")
    for signal in reports.signals:
        status, reason = codes.SIGNAL_STATUSES[signal["status"]], codes.REASONS[signal["reason"]]
        if status != "taken":
            frame = specs[int(signal["slot"])].timeframe_ms
            line = max(
                line.ts for line in lines if line.ts < int(signal["ts"]) and line.ts >= int(signal["ts"]) - frame
            )
            out.setdefault(line, []).append("missed" if status == "missed" else f"{status} {reason}")
    return out


def _line_of(ts: int, lines: list[_Line]) -> int:
    """A frame's own line, or for what happens between two frames the line before."""
    return max(line.ts for line in lines if line.ts <= ts)


def _shorten(token: str, expected: list[str]) -> str:
    """Leave the quantity out where the picture does not give it."""
    bare = re.sub(r" x\d+", "", token)
    return token if token in expected else bare


def _assert_steps_agree(scene: Scene, batch: Reports) -> None:
    machine = scene.machine()
    parts, waiting = [], list(range(scene.decisions.size))
    for ts in np.unique(scene.ts):
        while waiting and scene.decisions["decided_at"][waiting[0]] <= ts:
            n = waiting.pop(0)
            parts.append(machine.decide(scene.decisions[n : n + 1]))
        rows = scene.rows[scene.ts == ts]
        parts.append(machine.frame(int(ts), rows, gap=bool(rows["flags"][0] & FLAG_GAP)))
    for n in waiting:
        if scene.decisions["decided_at"][n] <= scene.until:
            parts.append(machine.decide(scene.decisions[n : n + 1]))
    if scene.until > 0:
        parts.append(machine.clock(scene.until))
    steps = Reports.concatenate(parts)
    for name in ("orders", "fills", "trades", "equity", "events", "signals"):
        assert getattr(steps, name).tobytes() == getattr(batch, name).tobytes(), f"steps and batch differ in {name}"


def protected(**fractions: Any) -> dict[str, Any]:
    """A slot's protection for `check(slot=...)`."""
    return {"protection": Protection(**fractions)}
