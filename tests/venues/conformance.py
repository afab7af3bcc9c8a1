"""The pack every venue adapter has to pass: what an order may meet, played on an exchange. `PACK` names each piece.

A piece takes a Bench and asserts. It speaks of the port alone, so that it says the same of every venue; where venues truly
differ the bench's Spec says how.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

from engine.sandbox.trading.terms import atoms
from engine.venues.port import (
    Accepted,
    Balance,
    Clock,
    Fees,
    NotFound,
    Permissions,
    Refused,
    Rules,
    Seen,
    Unknown,
)  # fmt: skip

from .benches import ASK, BID, START, Bench
from .played import pem

PACK: list[Callable[[Bench], None]] = []
REMEMBERS: list[Callable[[Bench], None]] = []
"""Pieces about what an adapter learns while it lives: a ban's end, the clock's offset, a market's grid."""


def piece(function: Callable[[Bench], None]) -> Callable[[Bench], None]:
    PACK.append(function)
    return function


def remembers(function: Callable[[Bench], None]) -> Callable[[Bench], None]:
    REMEMBERS.append(function)
    return function


@piece
def log_on_clock_and_rights(b: Bench) -> None:
    clock = b.port.sync()
    assert isinstance(clock, Clock)
    assert (clock.offset_ms, b.port.now()) == (0, b.now)
    told = b.port.permissions()
    assert isinstance(told, Permissions)
    assert (told.trade, told.withdraw) == (True, False)
    assert b.port.balances() == {
        b.spec.money: Balance(Decimal(10000), Decimal(10000)), "BTC": Balance(Decimal(1), Decimal(1))
    }  # fmt: skip


@remembers
@piece
def a_clock_that_is_wrong_is_found_and_kept_out_of_requests(b: Bench) -> None:
    b.port.close()
    wrong = b.now
    b.now += 4_000  # the venue's
    client = b.port.client  # type: ignore[attr-defined]
    client.clock = lambda: wrong
    clock = b.port.sync()
    assert isinstance(clock, Clock)
    assert clock.offset_ms == 4_000
    b.place(b.order())


@piece
def place_acknowledge_fill(b: Bench) -> None:
    request = b.order("buy", kind="market")
    told = b.place(request)
    assert told.venue_id
    seen = b.seen(request, told.venue_id)
    assert (seen.state, seen.filled, seen.client_id) == ("filled", Decimal("0.01"), request.client_id)
    (trade,) = b.trades()
    assert (trade.venue_id, trade.side, trade.qty, trade.price) == (told.venue_id, "buy", Decimal("0.01"), ASK)
    assert (trade.maker, trade.fee_currency) == (False, b.spec.fee_on_buys)
    fees = b.port.fees(b.symbol)
    assert isinstance(fees, Fees)
    of = trade.qty if trade.fee_currency == "BTC" else trade.qty * trade.price
    assert trade.fee == of * fees.taker
    assert b.seen(request) == seen, "by our id as by the venue's"


@piece
def partial_fills_one_after_the_other(b: Bench) -> None:
    b.opened.matching.cut = lambda order, lots: ([lots // 4] * 4, 1000, False)
    request = b.order("buy", "0.04", limit=ASK)
    told = b.place(request)
    filled = []
    for _ in range(4):
        seen = b.seen(request, told.venue_id)
        filled.append((seen.state, str(seen.filled.normalize())))
        b.wait(1000)
    assert filled == [("open", "0.01"), ("open", "0.02"), ("open", "0.03"), ("filled", "0.04")]
    trades = b.trades()
    assert len({t.trade_id for t in trades}) == 4
    assert sum(t.qty for t in trades) == Decimal("0.04")


@piece
def a_limit_rests_and_fills_as_maker(b: Bench) -> None:
    request = b.order("buy", limit=Decimal("63900"), post_only=True)
    told = b.place(request)
    assert [o.venue_id for o in b.port.open_orders([b.symbol])] == [told.venue_id]  # type: ignore[union-attr]
    b.wait(1000)
    b.drop_to("63899")
    b.wait(1000)
    (trade,) = b.trades()
    assert (trade.maker, trade.price) == (True, Decimal("63900"))
    assert b.port.open_orders([b.symbol]) == []


@piece
def place_then_cancel(b: Bench) -> None:
    for by_ours in (False, True):
        request = b.order()
        told = b.place(request)
        assert isinstance(b.port.cancel(b.symbol, request.client_id, "" if by_ours else told.venue_id), Accepted)
        assert b.seen(request, told.venue_id).state == "cancelled"
    assert b.port.open_orders([b.symbol]) == []
    assert b.trades() == []
    assert b.port.balances()["BTC"] == Balance(Decimal(1), Decimal(1))  # type: ignore[index]


@piece
def a_cancel_that_crosses_a_full_fill(b: Bench) -> None:
    request = b.order("buy", limit=Decimal("63900"))
    told = b.place(request)
    b.wait(500)
    b.drop_to("63800")
    b.wait(500)
    refused = b.port.cancel(b.symbol, request.client_id, told.venue_id)
    assert isinstance(refused, Refused)
    assert refused.reason == "unknown_order", "which says: look it up"
    assert b.seen(request, told.venue_id).state == "filled"
    assert sum(t.qty for t in b.trades()) == request.qty


@piece
def a_cancel_whose_answer_is_lost_may_be_repeated(b: Bench) -> None:
    request = b.order()
    told = b.place(request)
    b.next = ["answer lost"]
    assert isinstance(b.port.cancel(b.symbol, request.client_id, told.venue_id), Unknown)
    again = b.port.cancel(b.symbol, request.client_id, told.venue_id)
    assert isinstance(again, Accepted) or (isinstance(again, Refused) and again.reason == "unknown_order")
    assert b.seen(request, told.venue_id).state == "cancelled"


@piece
def cancelling_and_looking_up_what_never_was(b: Bench) -> None:
    for venue_id in ("", "999999"):
        told = b.port.cancel(b.symbol, "f" * 32, venue_id)
        assert isinstance(told, Refused)
        assert told.reason == "unknown_order"
        assert isinstance(b.port.look_up(b.symbol, "f" * 32, venue_id), NotFound)
    assert b.truth() == []


@piece
def every_kind_of_refusal(b: Bench) -> None:
    tries = {
        "funds": b.order("sell", "2"),
        "post_only": b.order("buy", limit=Decimal("65000"), post_only=True),
        "symbol": replace(b.order(), symbol="NOPE/" + b.spec.money),
        "filter": b.order(qty="0.00000001", limit=Decimal("70000")),
    }
    for reason, request in tries.items():
        told = b.port.place(request)
        assert isinstance(told, Refused), (reason, told)
        assert (told.reason, bool(told.code)) == (reason, True), told
    finer = b.port.place(b.order(limit=Decimal("70000.001")))
    assert isinstance(finer, Refused)
    assert finer.reason == "filter"
    above = b.port.place(b.order("sell", kind="stop_limit", stop=Decimal("64100"), limit=Decimal("64000")))
    assert isinstance(above, Refused), "a stop that would trigger at once"
    assert b.truth() == []
    assert b.port.balances()["BTC"] == Balance(Decimal(1), Decimal(1))  # type: ignore[index]


@remembers
@piece
def a_wrong_secret_is_refused_by_name_and_says_nothing_of_itself(b: Bench) -> None:
    client = b.port.client  # type: ignore[attr-defined]
    secret = client.made.secret
    client.made.secret = pem() if secret.startswith("---") else secret[::-1]
    told = b.port.place(b.order())
    assert isinstance(told, Refused)
    assert told.reason == "auth"
    assert client.made.apiKey not in str(told)
    assert secret not in str(told)
    assert isinstance(b.port.open_orders([b.symbol]), Unknown)
    assert b.truth() == []


@piece
def an_id_used_by_an_open_order(b: Bench) -> None:
    request = b.order()
    first = b.place(request)
    told = b.port.place(request)
    assert isinstance(told, Unknown) or told == replace(first, ts=told.ts)  # type: ignore[union-attr]
    assert len(b.truth()) == 1
    assert b.seen(request).venue_id == first.venue_id


@piece
def an_id_used_by_an_order_that_has_filled(b: Bench) -> None:
    """Some venues take it as new: an id is for looking up, never a licence to send twice."""
    request = b.order("buy", kind="market")
    first = b.place(request)
    told = b.port.place(request)
    if b.spec.reuse == "a new order":
        assert isinstance(told, Accepted)
        assert told.venue_id != first.venue_id
        assert len(b.truth()) == 2
    else:
        assert isinstance(told, Unknown) or told == replace(first, ts=told.ts)  # type: ignore[union-attr]
        assert len(b.truth()) == 1


@piece
def a_request_after_its_expiry(b: Bench) -> None:
    if not b.port.expiry_ms:
        assert b.order().expires_ts == 0
        return
    late = b.order()
    b.wait(b.port.expiry_ms + 1)
    told = b.port.place(late)
    assert isinstance(told, Refused)
    assert (told.code, told.reason) == ("unsent", "expired")
    assert b.asked == []
    b.next = ["late"]
    assert isinstance(b.port.place(b.order()), Unknown)
    b.wait(b.port.expiry_ms + 1)
    assert b.deliver() == [400]
    assert b.truth() == []


@piece
def a_request_that_comes_late_but_in_time(b: Bench) -> None:
    request = b.order()
    b.next = ["late"]
    assert isinstance(b.port.place(request), Unknown)
    assert isinstance(b.port.look_up(b.symbol, request.client_id, ""), NotFound), "which proves nothing yet"
    b.wait(2_000)
    assert b.deliver() == [200]
    assert b.seen(request).state == "open"


@piece
def a_request_that_is_lost(b: Bench) -> None:
    request = b.order()
    b.next = ["lost"]
    assert isinstance(b.port.place(request), Unknown)
    assert len(b.asked) == 1
    assert isinstance(b.port.look_up(b.symbol, request.client_id, "", START - 60_000), NotFound)
    assert b.port.orders_since(b.symbol, START - 60_000) == []
    assert b.port.trades_since(b.symbol, START - 60_000) == []


@piece
def an_answer_that_is_lost(b: Bench) -> None:
    request = b.order("buy", kind="market")
    b.next = ["answer lost"]
    assert isinstance(b.port.place(request), Unknown)
    assert len(b.asked) == 1
    seen = b.port.look_up(b.symbol, request.client_id, "", START - 60_000)
    assert isinstance(seen, Seen)
    assert (seen.state, seen.filled) == ("filled", request.qty)
    assert [t.venue_id for t in b.trades()] == [seen.venue_id]
    assert [o.client_id for o in b.port.orders_since(b.symbol, START - 60_000)] == [request.client_id]  # type: ignore[union-attr]


@piece
def a_line_that_is_cut_and_comes_back(b: Bench) -> None:
    resting, taken = b.order(), b.order("buy", kind="market")
    b.place(resting)
    b.next = ["answer lost", *["lost"] * 5]
    assert isinstance(b.port.place(taken), Unknown)
    for ask in (b.port.balances, b.port.sync, b.port.permissions):
        assert isinstance(ask(), Unknown)
    assert isinstance(b.port.look_up(b.symbol, taken.client_id, ""), Unknown), "no 'not found' without an answer"
    assert isinstance(b.port.open_orders([b.symbol]), Unknown)
    b.next = []
    b.wait(60_000)
    listed = {o.client_id: o.state for o in b.port.orders_since(b.symbol, START - 60_000)}  # type: ignore[union-attr]
    assert listed == {resting.client_id: "open", taken.client_id: "filled"}
    assert len(b.trades()) == 1


@piece
def lists_that_lag_behind(b: Bench) -> None:
    """'Not found' is an answer that may be too early; later the same question is answered by the order."""
    b.lag(8_000)
    request = b.order("buy", kind="market")
    b.place(request)
    assert isinstance(b.port.look_up(b.symbol, request.client_id, ""), NotFound)
    assert b.trades() == []
    b.wait(9_000)
    assert b.seen(request).state == "filled"
    assert len(b.trades()) == 1


@piece
def cancelling_touches_ours_alone(b: Bench) -> None:
    """There is no 'cancel all' in the port: each order is named, so another's is left standing."""
    theirs = replace(b.order(), client_id="someone-elses-1")
    b.place(theirs)
    ours = [b.order() for _ in range(3)]
    placed = {request.client_id: b.place(request).venue_id for request in ours}
    for request in ours:
        b.port.cancel(b.symbol, request.client_id, placed[request.client_id])
    assert [o.client_id for o in b.port.open_orders([b.symbol])] == [theirs.client_id]  # type: ignore[union-attr]


@piece
def a_stop_at_the_venue(b: Bench) -> None:
    kind = b.port.native_stop
    assert kind
    limit = {"limit": Decimal("63000")} if kind == "stop_limit" else {}
    request = b.order("sell", kind=kind, stop=Decimal("63500"), **limit)
    told = b.place(request)
    seen = b.seen(request, told.venue_id)
    assert (seen.state, seen.triggered) == ("open", False)
    b.wait(1000)
    b.drop_to("63499")
    b.wait(1000)
    assert b.seen(request, told.venue_id).state == "filled"
    (trade,) = b.trades()
    assert (trade.side, trade.price) == ("sell", Decimal("63498"))


@piece
def a_stop_limit_that_is_jumped_over_says_that_it_has_triggered(b: Bench) -> None:
    request = b.order("sell", kind="stop_limit", stop=Decimal("63500"), limit=Decimal("63400"))
    told = b.place(request)
    b.wait(1000)
    b.drop_to("60000")
    b.wait(1000)
    seen = b.seen(request, told.venue_id)
    assert (seen.state, seen.triggered, seen.filled) == ("open", True, 0)
    assert isinstance(b.port.cancel(b.symbol, request.client_id, told.venue_id), Accepted)


@piece
def a_worst_price_for_a_market_order(b: Bench) -> None:
    """Within it filled at once; beyond it nothing rests."""
    good, bad = b.order("buy", kind="market", limit=ASK), b.order("buy", kind="market", limit=BID)
    b.place(good)
    assert b.seen(good).state == "filled"
    b.place(bad)
    seen = b.seen(bad)
    assert (seen.filled, seen.state in ("expired", "cancelled")) == (0, True)
    assert b.port.open_orders([b.symbol]) == []


@remembers
@piece
def the_edges_of_precision(b: Bench) -> None:
    rules = b.port.rules(b.symbol)
    assert isinstance(rules, Rules)
    assert rules.trading
    assert (rules.base, rules.quote) == ("BTC", b.spec.money)
    least = max(rules.min_qty, rules.lot)
    while least * 70000 < rules.min_notional:
        least += rules.lot
    least = max(least, (rules.min_notional / 70000 // rules.lot + 1) * rules.lot)
    price = Decimal(70000) + rules.tick
    request = b.order("sell", str(least), limit=price)
    told = b.place(request)
    assert b.seen(request, told.venue_id).qty == least
    before = len(b.asked)
    for wrong in (replace(request, qty=least + rules.lot / 2), replace(request, limit=price + rules.tick / 3)):
        refused = b.port.place(replace(wrong, client_id="e" * 32))
        assert isinstance(refused, Refused)
        assert (refused.code, refused.reason) == ("unsent", "filter")
    for wrong in (Decimal("NaN"), Decimal("Infinity"), Decimal(0), Decimal(-1)):
        assert isinstance(b.port.place(replace(request, qty=wrong)), Refused)
    assert len(b.asked) == before, "what is off the grid never leaves"


@piece
def dust_is_refused_the_same_way_each_time(b: Bench) -> None:
    rules = b.port.rules(b.symbol)
    assert isinstance(rules, Rules)
    assert rules.min_notional > 0
    crumbs = b.order("sell", str(rules.lot), kind="market")
    told = [b.port.place(replace(crumbs, client_id=f"{i:032x}")) for i in (101, 102)]
    assert all(isinstance(one, Refused) and one.reason == "filter" for one in told), told
    assert told[0] == told[1]
    assert b.truth() == []


@piece
def fees_that_change(b: Bench) -> None:
    before = b.port.fees(b.symbol)
    b.opened.venue.maker, b.opened.venue.taker = 2_500, 4_000
    assert b.port.fees(b.symbol) == Fees(Decimal("0.0025"), Decimal("0.004")) != before
    b.place(b.order("sell", kind="market"))
    (trade,) = b.trades()
    assert (trade.fee, trade.fee_currency) == (trade.qty * trade.price * Decimal("0.004"), b.spec.money)


@piece
def money_that_comes_and_goes(b: Bench) -> None:
    b.wait(1000)
    b.opened.venue.transfer(b.spec.money, atoms("250"), b.now)
    b.wait(1000)
    b.opened.venue.transfer("BTC", -atoms("0.1"), b.now)
    flows = b.port.flows_since(START + 500)
    assert isinstance(flows, list)
    assert [(f.currency, f.amount) for f in flows] == [(b.spec.money, Decimal(250)), ("BTC", Decimal("-0.1"))]
    assert len({f.flow_id for f in flows}) == 2
    assert b.port.flows_since(b.now + 1) == []
    port = b.port
    assert port.flows_since(START, [b.spec.money]) == flows[:1]
    before = len(b.asked)
    assert port.flows_since(START, ["BTC"]) == flows[1:]
    assert len(b.asked) - before <= 2, "one currency is asked for alone"


@piece
def an_answer_that_cannot_be_read(b: Bench) -> None:
    """The order stands; every one of these answers leaves it unknown, and our own id finds it."""
    for fate in ("no id", "half", "html"):
        request = b.order()
        b.next = [fate]
        told = b.port.place(request)
        assert isinstance(told, Unknown), (fate, told)
        found = b.port.look_up(b.symbol, request.client_id, "", START - 60_000)
        assert isinstance(found, Seen), fate
        assert found.venue_id
        b.next = [fate]
        assert isinstance(b.port.look_up(b.symbol, request.client_id, found.venue_id), Unknown), fate
    assert len(b.truth()) == 3


@piece
def a_request_that_arrives_twice(b: Bench) -> None:
    """The network's doing. However the venue answers, what is told is no refusal, and one order is found."""
    request = b.order()
    b.next = ["twice"]
    assert isinstance(b.port.place(request), Accepted | Unknown)
    assert b.seen(request).state == "open"
    assert len(b.truth()) == 1


@remembers
@piece
def too_many_requests(b: Bench) -> None:
    """Silence for exactly as long as the venue says; meanwhile nothing leaves, and a new order is refused by ourselves."""
    for status in ("429", "418"):
        b.next = [status]
        told = b.port.open_orders([b.symbol])
        assert isinstance(told, Unknown)
        assert told.wait_ms == 7_000
        asked = len(b.asked)
        b.wait(6_999)
        held = b.port.place(b.order())
        assert isinstance(held, Refused)
        assert (held.code, held.reason) == ("unsent", "rate")
        quiet = b.port.balances()
        assert isinstance(quiet, Unknown)
        assert quiet.wait_ms == 1
        assert len(b.asked) == asked
        b.wait(1)
        assert b.port.open_orders([b.symbol]) == []
    b.next = ["429"]
    assert isinstance(b.port.place(b.order()), Unknown), "without words of the venue's own it says nothing of the order"


@piece
def maintenance(b: Bench) -> None:
    b.next = ["503"] * 3
    request = b.order()
    assert isinstance(b.port.place(request), Unknown)
    assert isinstance(b.port.look_up(b.symbol, request.client_id, ""), Unknown)
    assert isinstance(b.port.rules(b.symbol), Unknown)
    b.place(b.order())


@piece
def an_id_of_the_venue_that_is_not_our_order(b: Bench) -> None:
    """An answer may have named the wrong one: what is looked up is the order that carries our id, never 'not found'."""
    ours, other = b.order(), b.order("buy")
    told, wrong = b.place(ours), b.place(other)
    for venue_id in (wrong.venue_id, "999999"):
        found = b.port.look_up(b.symbol, ours.client_id, venue_id)
        assert isinstance(found, Seen)
        assert (found.venue_id, found.client_id) == (told.venue_id, ours.client_id)
    alone = b.port.look_up(b.symbol, "", wrong.venue_id)
    assert isinstance(alone, Seen)
    assert alone.client_id == other.client_id
    assert isinstance(b.port.look_up(b.symbol, "d" * 32, wrong.venue_id), NotFound)


@piece
def a_fill_while_the_cancel_is_on_its_way(b: Bench) -> None:
    b.opened.fault("fill_in_cancel", count=1)
    request = b.order("buy", "0.04", limit=Decimal("63900"))
    told = b.place(request)
    heard = b.port.cancel(b.symbol, request.client_id, told.venue_id)
    assert isinstance(heard, Accepted) or (isinstance(heard, Refused) and heard.reason == "unknown_order")
    seen = b.seen(request, told.venue_id)
    assert seen.state in ("cancelled", "filled")
    assert 0 < seen.filled == sum(t.qty for t in b.trades())
    assert (seen.state == "filled") == (seen.filled == request.qty)


@piece
def a_cancel_that_is_refused_while_the_order_stands(b: Bench) -> None:
    b.opened.fault("cancel_fails", count=1)
    request = b.order()
    told = b.place(request)
    heard = b.port.cancel(b.symbol, request.client_id, told.venue_id)
    assert isinstance(heard, Refused)
    assert heard.reason == "unknown_order"
    assert b.seen(request, told.venue_id).state == "open", "a refused cancel is no cancelled order"
    assert isinstance(b.port.cancel(b.symbol, request.client_id, told.venue_id), Accepted)


@piece
def an_order_that_is_neither_open_nor_closed_for_a_while(b: Bench) -> None:
    b.opened.fault("vanish", delay=5_000, count=1)
    request = b.order("buy", kind="market")
    told = b.place(request)
    assert b.port.open_orders([b.symbol]) == []
    assert isinstance(b.port.look_up(b.symbol, request.client_id, told.venue_id), NotFound)
    assert [t.venue_id for t in b.trades()] == [told.venue_id], "its money is known before it is"
    b.wait(6_000)
    assert b.seen(request, told.venue_id).state == "filled"


@piece
def an_order_that_the_exchange_ends_by_itself(b: Bench) -> None:
    b.opened.fault("self_cancel", delay=1_000, count=1)
    request = b.order()
    told = b.place(request)
    b.wait(2_000)
    assert b.seen(request, told.venue_id).state == "cancelled"


@piece
def a_market_that_is_closed(b: Bench) -> None:
    b.opened.fault("halt", seconds=5)
    for request in (b.order(), b.order("buy", kind="market")):
        told = b.port.place(request)
        assert isinstance(told, Refused)
        assert told.reason == "halted"
    b.wait(6_000)
    b.place(b.order())


@piece
def an_acknowledgement_with_the_id_of_another_order(b: Bench) -> None:
    first = b.order("buy")
    b.place(first)
    b.opened.fault("wrong_id", count=1)
    request = b.order()
    told = b.port.place(request)
    assert isinstance(told, Accepted | Unknown)
    wrong = told.venue_id if isinstance(told, Accepted) else ""
    found = b.port.look_up(b.symbol, request.client_id, wrong)
    assert isinstance(found, Seen)
    assert (found.client_id, found.side) == (request.client_id, "sell")


@piece
def a_lot_that_changes(b: Bench) -> None:
    before = b.port.rules(b.symbol)
    assert isinstance(before, Rules)
    b.opened.fault("grid", market=b.market, step=100)
    b.wait(1)
    finer = b.order(qty=str(before.lot * 12_345))
    told = b.port.place(finer)
    assert isinstance(told, Refused)
    assert told.reason == "filter"
    after = b.port.rules(b.symbol)
    assert isinstance(after, Rules)
    assert after.lot == before.lot * 100
    again = b.port.place(replace(finer, client_id="c" * 32))
    assert isinstance(again, Refused)
    assert again.reason == "filter"
    b.place(b.order(qty=str(after.lot * 123)))
