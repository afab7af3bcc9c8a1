"""A machine's events as rows: stops that moved, breakers that tripped or ended, and markers of what changed the run itself.

Pure. Cash and funding leave through markers whose words `flows.cash_flow` reads back, so that the audit can follow the cash.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import Any

from db.base import Table
from db.models import BreakerEvent, RunMarker, Slot, StopMove
from engine.core import codes
from engine.core.machine import Reports
from engine.core.types import NEVER, RATE, Rows
from engine.ledger.names import Context

Row = dict[str, object]


def event_rows(context: Context, reports: Reports) -> dict[type[Table], list[Row]]:
    """Rows of EVENT_LOG by table. An `outage_stop` has none: the order it leads to says it."""
    rows: dict[type[Table], list[Row]] = {BreakerEvent: [], StopMove: [], RunMarker: [], Slot: []}
    if not reports.events.size:
        return rows
    held = _holdings(reports.trades)
    names = reports.events.dtype.names or ()
    for values in reports.events.tolist():
        event = dict(zip(names, values, strict=True))
        kind = codes.EVENTS[event["kind"]]
        if kind in ("trip", "release", "end", "wiped_out"):
            rows[BreakerEvent].append(_breaker_event(context, kind, event))
        elif kind == "stop_move":
            rows[StopMove].append(_stop_move(context, event, held))
        elif kind != "outage_stop":
            rows[RunMarker].append(_marker(context, event["ts"], _words(context, kind, event)))
        if kind == "slot_state":
            rows[Slot].append({"id": context.slot_ids[event["slot"]], "state": codes.SLOT_STATES[event["amount"]]})
    rows[Slot] = list({row["id"]: row for row in rows[Slot]}.values())
    return rows


def first_stops(context: Context, trades: Rows) -> dict[type[Table], list[Row]]:
    """Where each closed trade's stop stood first; its moves were events."""
    rows: list[Row] = [
        _stop_row(context, int(t["slot"]), int(t["seq"]), int(t["entry_ts"]), int(t["stop_initial"]), "first")
        for t in trades
        if t["stop_initial"] > 0
    ]
    return {StopMove: rows}


def _marker(context: Context, ts: int, text: str) -> Row:
    return {"run_id": context.run_id, "ts": ts, "kind": "command", "text": text}


def _words(context: Context, kind: str, event: dict[str, Any]) -> str:
    amount = event["amount"]
    if kind == "level":
        return f"the account is {codes.LEVELS[event['level']]}; it was {codes.LEVELS[amount]}"
    if kind == "slot_state":
        slot = context.slots[event["slot"]]
        return f"{slot.strategy} on {slot.symbol} is {codes.SLOT_STATES[amount].replace('_', ' ')}"
    money = f"{abs(amount) * context.instruments[0].quantum:f} {context.quote}"
    if kind == "fault":
        return _fault_words(codes.FAULTS[event["level"]], amount)
    if kind == "probation":
        trades = f"{amount} closed trade{'s' if amount != 1 else ''}"
        return (
            f"{context.breaker(event['breaker'])}: on probation, sizes x {event['value'] / int(RATE):g} until {trades}"
        )
    if kind == "full_size":
        return f"{context.breaker(event['breaker'])}: probation served, whole sizes again"
    if kind == "cash":
        return f"{'deposit' if amount > 0 else 'withdrawal'} {money}"
    return f"funding {'paid' if amount > 0 else 'received'} {money} on slot {context.slots[event['slot']].key}"


def _fault_words(source: str, amount: int) -> str:
    if source == "ai":
        return f"AI budget: {amount / int(RATE):.0%} spent"
    if source == "storage":
        return "what happens cannot be kept, or soon cannot: no entries" if amount else "what happens can be kept again"
    if not amount:
        return f"the {source} works again"
    return f"the {source} failed, {amount} time{'s' if amount != 1 else ''} in a row"


def _breaker_event(context: Context, kind: str, event: dict[str, Any]) -> Row:
    value, threshold = event["value"] / int(RATE), event["threshold"] / int(RATE)
    wiped = kind == "wiped_out"
    until = event["until"]
    return {
        "run_id": context.run_id,
        "seq": event["seq"],
        "ts": event["ts"],
        "breaker": "wiped_out" if wiped else context.breaker(event["breaker"]),
        "scope": _scope(context, event),
        "slot_id": context.slot_id(event["slot"]),
        "action": "trip" if wiped else kind,
        "level": codes.LEVELS[event["level"]],
        "value": value,
        "threshold": threshold,
        "numbers": {"equity": value} if wiped else _numbers(context, kind, event, value, threshold),
        "reason": "equity is used up" if wiped else "",
        "until_ts": until if 0 < until < NEVER else None,
    }


def _scope(context: Context, event: dict[str, Any]) -> str:
    if event["slot"] >= 0:
        return "slot"
    owner = context.breaker_names[event["breaker"]].partition(":")[2] if event["breaker"] >= 0 else ""
    return "symbol" if owner else "account"


def _numbers(context: Context, kind: str, event: dict[str, Any], value: float, threshold: float) -> dict[str, float]:
    """What caused it; of a trip also the account's equity at that moment, in quote currency."""
    numbers = {"value": value, "threshold": threshold}
    return numbers | {"equity": context.account_grid.money(event["amount"])} if kind == "trip" else numbers


def _holdings(trades: Rows) -> dict[int, list[tuple[int, int, int]]]:
    """Closed trades of each slot as (entry_ts, exit_ts, seq), in order of entry."""
    held: dict[int, list[tuple[int, int, int]]] = {}
    for slot, entered, left, seq in trades[["slot", "entry_ts", "exit_ts", "seq"]].tolist():
        held.setdefault(slot, []).append((entered, left, seq))
    return held


def _stop_move(context: Context, event: dict[str, Any], held: dict[int, list[tuple[int, int, int]]]) -> Row:
    """A stop's new level. The trade is known when it closed within the same reports."""
    trades = held.get(event["slot"], [])
    at = bisect_right(trades, event["ts"], key=lambda trade: trade[0]) - 1
    seq = trades[at][2] if at >= 0 and event["ts"] <= trades[at][1] else None
    by_hand = event["level"] == event["amount"]  # a command repeats its number as the level
    return _stop_row(context, event["slot"], seq, event["ts"], event["amount"], "manual" if by_hand else "")


def _stop_row(context: Context, i: int, trade: int | None, ts: int, stop: int, reason: str) -> Row:
    return {
        "run_id": context.run_id,
        "slot_id": context.slot_ids[i],
        "trade_seq": trade,
        "ts": ts,
        "stop": context.grids[i].price(stop),
        "reason": reason,
    }
