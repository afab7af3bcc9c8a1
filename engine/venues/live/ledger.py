"""The loop's side of live orders: rows in the transaction of the orders, fills and positions that they belong to.

An order that the machine has sent gets its intent in the very commit that stores the order; what the venue told over the tape
moves intents in the commit that books it. Nothing is sent from here and no venue is asked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, insert, select, update
from sqlmodel import col

from db.models import CashFlow, ExternalTrade, Fill, Intent
from engine.core import codes
from engine.core.machine import Machine
from engine.core.reported import Told
from engine.core.types import RATE, Rows
from engine.ledger.names import Context
from engine.venues.live import ids, protection
from engine.venues.live.amounts import lots_of, price_of, text
from engine.venues.live.gate import DRY, Gate
from engine.venues.live.mirror import BY_FIGURES, STANDS
from engine.venues.live.rows import finish, insert_intent, warn
from engine.venues.live.states import TERMINAL, may, move, note

LIMIT = "limit"
COLLARED = ("entry", "exit", "target", "time")
"""Orders at market that may wait for a better price. What protects, and what a person wants out, goes at any."""
WIDER_NUM, WIDER_DEN = 5, 2
"""An exit's collar against an entry's."""
MOST_COLLARED = 2
"""After so many exits that the collar has left unfilled the next goes at any price."""
SIDES = {1: "buy", -1: "sell"}


def name_fills(tables: Mapping[Any, list[dict[str, Any]]], told: Sequence[Told]) -> None:
    """Fills of a venue get its trade's id and the intent's, in the rows that are about to be written."""
    names = {one.fill: one.event for one in told if one.fill}
    for row in tables.get(Fill, ()):
        if (event := names.get(row["seq"])) is not None:
            row["venue_trade_id"], row["client_order_id"] = event[8], event[9]
        elif names:
            row["venue_trade_id"] = row["client_order_id"] = None


class LiveBooks:
    """One run's intents as its recorder writes them."""

    def __init__(self, gate: Gate) -> None:
        self.gate = gate

    def record(
        self, connection: Connection, context: Context, machine: Machine, orders: Rows, told: Sequence[Told]
    ) -> None:
        """Everything that follows for live orders from one step; its orders, fills and positions are written already."""
        now = self.gate.clock()
        for one in told:
            self._take(connection, context, one, now)
        if orders.size or told:
            self._ask(connection, context, machine, orders, now)
        if self.gate.native_stop:
            follow = protection.rehearse if self.gate.dry else protection.sync
            follow(connection, context, self.gate, now)

    # ---- what was told ---------------------------------------------------------------------------------------------------
    def _take(self, connection: Connection, context: Context, one: Told, now: int) -> None:
        event = one.event
        if event[0] == "flow":
            _flow(connection, context, one)
            return
        client = {"venue_fill": 9, "venue_done": 5, "venue_stop": 3}[event[0]]
        intent = _by_client(connection, context.run_id, event[client])
        if event[0] == "venue_fill":
            self._fill(connection, context, one, intent, now)
        elif intent is None:
            return
        elif event[0] == "venue_done":
            if may(intent.state, event[7]):
                finish(connection, intent.id, event[7], ts=now, source="look_up", said=str(event[8]))
        elif one.order:
            connection.execute(update(Intent).where(col(Intent.id) == intent.id).values(order_seq=one.order))

    def _fill(self, connection: Connection, context: Context, one: Told, intent: Any, now: int) -> None:
        event = one.event
        if one.lost or not one.fill:
            _unbooked(connection, context, one, now)
        if intent is None:
            return
        filled = Decimal(intent.filled) + Decimal(event[13])
        said = f"trade {event[8]}: {event[13]}"
        too_much = filled > Decimal(intent.qty)
        if intent.state in TERMINAL:
            words = f"filled after it was {intent.state}"
            _note_anomaly(connection, intent, text(filled), words, said, now)
            return
        values: dict[str, Any] = {"filled": text(filled)}
        if str(event[8]).startswith(STANDS):
            values["anomaly"] = f"{BY_FIGURES}: {event[13]} without trades"
        if too_much:
            values["anomaly"] = f"filled {text(filled)} of {intent.qty}"
        if filled >= Decimal(intent.qty):
            finish(connection, intent.id, "filled", ts=now, source="trade", said=said, **values)
        else:
            state = intent.state if intent.state == "canceling" else "partial"
            move(connection, intent.id, state, ts=now, source="trade", said=said, **values)

    # ---- what is asked ---------------------------------------------------------------------------------------------------
    def _ask(self, connection: Connection, context: Context, machine: Machine, orders: Rows, now: int) -> None:
        """An intent for every order that is out and has none yet."""
        latest = {row["seq"]: row for row in _plain(orders)}
        out = ("queued", "sent", "partial", "filled") if self.gate.dry else ("sent", "partial")
        asked = [row for row in latest.values() if codes.ORDER_STATES[row["state"]] in out and not self._venues(row)]
        known = _orders_known(connection, context.run_id, [row["seq"] for row in asked])
        for row in asked:
            if row["seq"] not in known and (row["qty"] > row["filled"] or self.gate.dry):
                self._write(connection, context, machine, row, now)

    def _venues(self, row: dict[str, Any]) -> bool:
        """Whether the model has filled here what a stop at the venue would have: with real orders nothing is sent then."""
        return self.gate.dry and bool(self.gate.native_stop) and codes.PURPOSES[row["purpose"]] in protection.PURPOSES

    def _write(self, connection: Connection, context: Context, machine: Machine, row: dict[str, Any], now: int) -> None:
        i, gate = row["slot"], self.gate
        slot, grid = context.slots[i], context.grids[i]
        instrument, state = grid.instrument, machine.slots[i]
        entry = codes.PURPOSES[row["purpose"]] == "entry"
        limit = row["limit"] if entry and codes.ORDER_TYPES[row["type"]] == LIMIT else 0
        key = ids.order_key(gate.run, slot.key, codes.PURPOSES[row["purpose"]], row["created"], row["seq"])
        good_till = int(state["q_expires"]) if entry and state["q_order"] == row["seq"] else None
        at_once = not gate.dry and self._may_go(connection, context, i, slot.symbol, entry) and gate.take_room()
        mark = price_of(instrument, int(machine.symbols["mark"][int(state["symbol"])]))
        risk = {"ref": text(price_of(instrument, row["ref"])), "mark": text(mark), "level": machine.level}
        worst = limit or self._worst(connection, context, machine, row, i)
        left = row["qty"] - (0 if gate.dry else row["filled"])
        number = insert_intent(
            connection, gate, now, at_once,
            run_id=context.run_id, slot_id=context.slot_ids[i], slot_key=slot.key, order_seq=row["seq"],
            trade_seq=int(state["trade"]) if not entry else None, decision_key=key, symbol=slot.symbol,
            role="entry" if entry else "exit", purpose=codes.PURPOSES[row["purpose"]], side=SIDES[row["side"]],
            kind=LIMIT if limit else "market", qty=text(lots_of(instrument, left)),
            limit_price=text(price_of(instrument, worst)) if worst else None,
            reserved=grid.money(row["reserved"]), risk=risk, good_till_ts=good_till,
        )  # fmt: skip
        if gate.dry:
            finish(connection, number, "canceled", ts=now, source="engine", said=DRY)

    def _worst(self, connection: Connection, context: Context, machine: Machine, row: dict[str, Any], i: int) -> int:
        """The worst price in ticks of an order at market, 0 for none: it is filled at once within the collar or not at all."""
        collar, purpose = int(machine.account["collar"][0]), codes.PURPOSES[row["purpose"]]
        mark = int(machine.symbols["mark"][int(machine.slots[i]["symbol"])])
        if not collar or mark <= 0 or purpose not in COLLARED:
            return 0
        if purpose != "entry":
            collar = min(collar * WIDER_NUM // WIDER_DEN, int(RATE) // 2)
            if self._left_over(connection, context, i) >= MOST_COLLARED:
                return 0
        return max(mark + int(row["side"]) * (mark * collar // int(RATE)), 1)

    def _left_over(self, connection: Connection, context: Context, i: int) -> int:
        """How many exits in a row the collar has left unfilled in this slot."""
        mine = (col(Intent.run_id) == context.run_id) & (col(Intent.slot_id) == context.slot_ids[i])
        query = select(col(Intent.role), col(Intent.state), col(Intent.filled), col(Intent.limit_price)).where(mine)
        newest = connection.execute(query.order_by(col(Intent.id).desc()).limit(MOST_COLLARED)).all()
        return sum(
            one.role == "exit" and one.state == "canceled" and one.filled == "0" and one.limit_price is not None
            for one in newest
        )

    def _may_go(self, connection: Connection, context: Context, i: int, symbol: str, entry: bool) -> bool:
        """Whether it can be sent as soon as it is committed: an exit waits for the stop that holds its coins."""
        if symbol in self.gate.held_back:
            return False
        return entry or not protection.is_live(connection, context.run_id, context.slot_ids[i])


def _note_anomaly(connection: Connection, intent: Any, filled: str, words: str, said: str, now: int) -> None:
    """A terminal state stays; what came late stands beside it."""
    changed = {"filled": filled, "anomaly": words, "rev": intent.rev + 1}
    connection.execute(update(Intent).where(col(Intent.id) == intent.id).values(**changed))
    note(connection, intent.id, ts=now, source="trade", said=f"{said}, {words}")
    warn(
        connection, intent.run_id, now, f"{intent.symbol}: a fill came late",
        f"order {intent.client_order_id} was {intent.state} and has filled after that; it is booked, and no entry is made on "
        f"{intent.symbol} until you switch its slots on again",
        f"anomaly:{intent.client_order_id}:{filled}",
    )  # fmt: skip


def _unbooked(connection: Connection, context: Context, one: Told, now: int) -> None:
    """What no position could take is shown as a trade from outside."""
    event = one.event
    known = select(col(ExternalTrade.id)).where(
        col(ExternalTrade.run_id) == context.run_id, col(ExternalTrade.venue_trade_id) == event[8],
        col(ExternalTrade.client_order_id) == event[9],
    )  # fmt: skip
    if connection.execute(known).first() is not None:
        return
    intent = _by_client(connection, context.run_id, event[9])
    symbols = {slot.key: slot.symbol for slot in context.slots}
    symbol = symbols.get(event[2]) or (intent.symbol if intent is not None else None)
    if symbol is None:
        return
    grid = next((one for one in context.instruments if one.symbol == symbol), None)
    price = price_of(grid, event[5]) if grid is not None else Decimal(0)
    connection.execute(
        insert(ExternalTrade).values(
            run_id=context.run_id, symbol=symbol, venue_trade_id=event[8], client_order_id=event[9],
            side=SIDES[int(event[10])], qty=event[13], price=text(price), ts=event[1], seen_ts=now, touched=bool(one.lost),
            reason="an order of ours that no position could take" if one.lost else "less than a lot",
        )
    )  # fmt: skip


def _flow(connection: Connection, context: Context, one: Told) -> None:
    event = one.event
    known = select(col(CashFlow.id)).where(col(CashFlow.run_id) == context.run_id, col(CashFlow.flow_id) == event[3])
    if connection.execute(known).first() is None:
        amount = context.account_grid.money(int(event[2]))
        connection.execute(
            insert(CashFlow).values(
                run_id=context.run_id, flow_id=event[3], ts=event[1], amount=amount, currency=context.quote,
                taken=not one.refused, text=one.refused or str(event[4]),
            )
        )  # fmt: skip


def _by_client(connection: Connection, run_id: int, client: str) -> Any:
    query = select(Intent.__table__).where(col(Intent.run_id) == run_id, col(Intent.client_order_id) == client)  # type: ignore[attr-defined]
    return connection.execute(query).first() if client else None


def _orders_known(connection: Connection, run_id: int, numbers: Sequence[int]) -> set[int]:
    query = select(col(Intent.order_seq)).where(col(Intent.run_id) == run_id, col(Intent.order_seq).in_(numbers))
    return {int(number) for number in connection.execute(query).scalars() if number is not None}


def _plain(rows: Rows) -> list[dict[str, Any]]:
    names = rows.dtype.names or ()
    return [dict(zip(names, row, strict=True)) for row in rows.tolist()]
