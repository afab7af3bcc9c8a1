"""What must hold of a live run and its exchange after every step, and what must be once everything has become known."""

from __future__ import annotations

from collections import Counter, defaultdict
from decimal import Decimal

from engine.venues.live.states import TABLE, TERMINAL
from tests.venues.live.life import LiveLife

EVIDENCE = ("rejected", "canceled", "expired", "filled", "not_placed")


def always(life: LiveLife) -> None:
    """At most one order for an intent and none without its commit; fills once and never too much; states by the table."""
    port = life.port
    intents = {one.client_order_id: one for one in life.intents()}
    sends = Counter(request.client_id for _, request in port.came)
    assert all(count == 1 for count in sends.values()), "an intent was sent twice"
    orders = Counter(order.request.client_id for order in port.orders.values())
    assert all(count == 1 for count in orders.values()), "two orders for one intent"
    assert set(sends) <= set(intents), "an order was sent that nobody committed"
    for ts, request in port.came:
        one = intents[request.client_id]
        assert one.sent_ts is not None
        assert one.sent_ts <= ts, "sent before its commit"
        assert request.qty <= Decimal(one.qty)
    trades = {trade.trade_id: trade for _, trade in port.executed}
    booked: defaultdict[str, Decimal] = defaultdict(Decimal)
    fills = life.rows("SELECT * FROM fill")
    for fill in fills:
        trade = trades[fill.venue_trade_id]
        assert Decimal(repr(fill.qty)) == trade.qty, "a fill that the venue does not know"
        booked[fill.client_order_id] += trade.qty
    assert len({fill.venue_trade_id for fill in fills}) == len(fills), "a fill booked twice"
    for client, qty in booked.items():
        assert qty <= Decimal(intents[client].qty), "filled more than asked for"
        assert qty == Decimal(intents[client].filled)
    for row in intents.values():
        if row.state == "filled":
            assert Decimal(row.filled) == Decimal(row.qty)
    by_the_table(life)
    live = Counter(row.slot_id for row in life.rows("SELECT * FROM protection WHERE state = 'live'"))
    assert all(count == 1 for count in live.values())


def by_the_table(life: LiveLife) -> None:
    last: dict[int, str] = {}
    for event in life.rows("SELECT * FROM order_event ORDER BY intent_id, seq"):
        before = last.get(event.intent_id)
        if before in TERMINAL:
            assert event.state == before, "a terminal state was left"
        elif before is not None and event.state != before:
            assert event.state in TABLE[before], f"{before} became {event.state}"
        last[event.intent_id] = event.state
        if event.state in EVIDENCE and before != event.state:
            assert event.said, "an end without evidence"
            assert "no answer" not in event.said, "an error ended an order"


def converged(life: LiveLife) -> None:
    """After the faults: nothing is lost, doubled or invented; the ledger holds what the exchange holds."""
    always(life)
    port = life.port
    fills = {one.venue_trade_id for one in life.rows("SELECT * FROM fill")}
    outside = {one.venue_trade_id for one in life.rows("SELECT * FROM external_trade")}
    assert fills | outside == {trade.trade_id for _, trade in port.executed}
    assert not outside
    assert life.held() == port.base, "the position is not the venue's"
    unsettled = [one for one in life.intents() if one.state in ("unknown", "sending")]
    assert not unsettled, unsettled
    for one in life.intents():
        order = next((o for o in port.orders.values() if o.request.client_id == one.client_order_id), None)
        if one.state == "not_placed":
            assert order is None, "declared never placed, and there it is"
        if order is not None and one.state in TERMINAL:
            assert order.filled == Decimal(one.filled), "over without all of its fills"
            assert order.state != "open", "over here, open there"
        assert one.look_ups <= 30
    assert port.facts()["open"] <= {one.client_order_id for one in life.intents() if one.state not in TERMINAL}
    if life.slot["qty"] and life.trader.machine.level != "killed" and not life.slot["x_sent"]:
        live = [one for one in life.intents("stop") if one.state == "acked"]
        assert len(live) == 1, "a position without its stop"
        assert Decimal(live[0].qty) == life.held()
    life.audited()
