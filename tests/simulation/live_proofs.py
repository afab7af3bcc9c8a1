"""What must hold between a live run's ledger and its exchange; numbers are those of the project's list of invariants."""

from __future__ import annotations

import sqlite3
from collections import Counter, defaultdict
from contextlib import closing
from decimal import Decimal
from typing import Any

from engine.venues.live import proof
from engine.venues.live.states import TABLE, TERMINAL

RUN = 1
EVIDENCE = ("rejected", "canceled", "expired", "filled", "not_placed")
WITHOUT_ID = "SELECT client_order_id, venue_trade_id, symbol FROM {} WHERE run_id = ?"
CRUMBS = Decimal("0.001")


def rows(simulation: Any, query: str, *values: Any) -> list[Any]:
    with closing(sqlite3.connect(simulation.folder / "evenkeel.db")) as raw:
        raw.row_factory = sqlite3.Row
        return raw.execute(query, values).fetchall()


def intents(simulation: Any) -> dict[str, Any]:
    found = rows(simulation, "SELECT * FROM intent WHERE run_id = ? ORDER BY id", RUN)
    return {one["client_order_id"]: one for one in found}


def orders(simulation: Any) -> list[Any]:
    """Every order that the exchange has taken."""
    return list(simulation.exchange.opened.venue.orders.all)


def unsettled(simulation: Any, *, ended: bool = False) -> str:
    """What of the exchange is not in the ledger yet, or the other way round; "" where both tell the same. Where the engine has
    `ended`, its stop may have come between an order's commit and its send: the next start finds that it never left."""
    known = intents(simulation)
    for order in orders(simulation):
        mine = known.get(order.ask.client_id)
        if mine is None:
            return f"the exchange has an order that nobody committed: {order.ask.client_id}"
        filled = Decimal(order.instrument.size_text(order.filled))
        if Decimal(mine["filled"]) != filled:
            return f"{mine['role']} {mine['client_order_id']} {mine['state']}: {filled} filled, {mine['filled']} known"
        if order.state == "open" and mine["state"] in TERMINAL:
            return f"{mine['client_order_id']} is {mine['state']} and open there"
        if order.state != "open" and mine["state"] not in TERMINAL:
            return f"{mine['role']} {mine['client_order_id']} is {mine['state']} and {order.state} there"
    there = {order.ask.client_id for order in orders(simulation)}
    for client, mine in known.items():
        if ended and mine["state"] == "sending" and client not in simulation.exchange.sends:
            continue
        if mine["state"] in ("sending", "acked", "partial", "canceling") and mine["client_order_id"] not in there:
            return f"{mine['role']} {mine['client_order_id']} is {mine['state']} and not there"
        if mine["state"] == "unknown" and mine["expires_ts"]:
            return f"{mine['role']} {mine['client_order_id']} is unknown"
    if simulation.doors is not None and simulation.doors.waiting():
        return "writes wait"
    return _bare(simulation, known)


def _bare(simulation: Any, known: dict[str, Any]) -> str:
    """I13: a position that has a stop has it at the exchange, unless it leaves, is too small, or the account is killed."""
    if simulation.exchange.killed:
        return ""
    stops = Counter(
        one["slot_id"] for one in known.values() if one["role"] == "stop" and one["state"] in ("acked", "partial")
    )
    for held in rows(simulation, "SELECT * FROM position WHERE run_id = ? AND stop IS NOT NULL", RUN):
        leaves = held["status"] == "exiting"
        if not leaves and stops[held["slot_id"]] != 1:
            return f"I13: {held['symbol']} holds {held['qty']} with {stops[held['slot_id']]} stops"
    return ""


def prove(simulation: Any) -> dict[str, int]:
    """Every proof of a live run; counts of what was proven."""
    known, there = intents(simulation), orders(simulation)
    delivered = Counter(one.client_id for one in simulation.exchange.opened.door.heard if one.what == "place")
    assert all(times == 1 for times in delivered.values()), f"I4: delivered more than once: {delivered.most_common(1)}"
    ours = Counter(order.ask.client_id for order in there)
    assert all(times == 1 for times in ours.values()), f"I4: more than one order: {ours.most_common(1)}"
    assert len({one["decision_key"] for one in known.values()}) == len(known), "I4: a decision was made twice"
    assert set(simulation.exchange.sends) <= set(known), "I5: sent, and its commit is lost"
    assert not (words := unsettled(simulation, ended=True)), words
    _fills_are_the_trades(simulation, known, there)
    _by_the_table(simulation)
    for one in known.values():
        _ended_by_evidence(simulation, one, ours)
    _nothing_is_short(simulation)
    return {
        "live": 1,
        "sent": len(simulation.exchange.sends),
        "venue orders": len(there),
        "venue trades": len(simulation.exchange.opened.venue.orders.fills),
        "stops": sum(one["role"] == "stop" for one in known.values()),
        "never placed": sum(one["state"] == "not_placed" for one in known.values()),
    }


def _fills_are_the_trades(simulation: Any, known: dict[str, Any], there: list[Any]) -> None:
    """I6 and I7: what was executed is booked, each once, and nothing else is."""
    booked: Counter[str] = Counter()
    seen: set[tuple[str, str]] = set()
    for table in ("fill", "external_trade"):
        for row in rows(simulation, WITHOUT_ID.format(table), RUN):
            assert row["client_order_id"] in known, f"I6: a row of {table} belongs to no intent"
            key = (row["symbol"], row["venue_trade_id"])
            assert key not in seen, f"I7: {key} is booked twice"
            seen.add(key)
            booked[row["client_order_id"]] += 1
    executed = {order.ask.client_id: len(order.fills) for order in there if order.fills}
    assert booked == Counter(executed), f"I7: executed {executed}, booked {dict(booked)}"
    for one in known.values():
        assert one["anomaly"] or Decimal(one["filled"]) <= Decimal(one["qty"]), f"I6: too much of {one['decision_key']}"
        assert one["state"] != "filled" or Decimal(one["filled"]) >= Decimal(one["qty"]), "I6: filled, and it is not"


def _by_the_table(simulation: Any) -> None:
    """I10 and I11: every change is one that the table has, and an end has evidence that is no error."""
    last: dict[int, str] = defaultdict(str)
    for event in rows(simulation, "SELECT * FROM order_event WHERE run_id = ? ORDER BY intent_id, seq", RUN):
        before, state = last[event["intent_id"]], event["state"]
        if before in TERMINAL:
            assert state == before, f"I10: {before} was left for {state}"
        elif before and state != before:
            assert state in TABLE[before], f"I10: {before} became {state}"
        if state in EVIDENCE and before != state:
            assert event["said"], f"I11: {state} without evidence"
            assert "no answer" not in event["said"], f"I11: an error ended an order: {event['said']}"
        last[event["intent_id"]] = state


def _ended_by_evidence(simulation: Any, one: Any, ours: Counter[str]) -> None:
    """I11 and I12."""
    there = ours[one["client_order_id"]]
    assert one["state"] not in ("not_placed", "rejected") or not there, f"I11: {one['state']}, and it is there"
    assert one["look_ups"] <= proof.MOST_LOOK_UPS, f"I12: looked up {one['look_ups']} times"
    if one["state"] == "unknown":
        since = one["expires_ts"] or one["sent_ts"]
        waited = simulation.time.now - since
        assert waited <= proof.GIVE_UP_MS + 60_000, f"I12: unknown for {waited / 1000} s"


def _nothing_is_short(simulation: Any) -> None:
    """The exchange holds what the ledger says, and no more than crumbs of fees beside."""
    held: defaultdict[str, Decimal] = defaultdict(Decimal)
    for row in rows(simulation, "SELECT symbol, qty FROM position WHERE run_id = ?", RUN):
        held[row["symbol"].partition("/")[0]] += Decimal(repr(row["qty"]))
    venue = simulation.exchange.opened.venue
    shown = venue.books.shown(venue.now)
    for coin in ("BTC", "ETH", "SOL"):
        free, locked = shown[coin]
        total = Decimal(free + locked).scaleb(-30)
        assert total >= held[coin], f"I8: the exchange holds {total} {coin}, the ledger says {held[coin]}"
