"""What an adapter takes an answer for: every listed refusal a refusal, everything else unknown, and never an exception."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.venues import adapters
from engine.venues.adapters import _binance_table, _coinbase_table
from engine.venues.port import (
    Accepted,
    Balance,
    Clock,
    Fees,
    Flow,
    NotFound,
    Permissions,
    Port,
    Refused,
    Rules,
    Seen,
    Trade,
    Unknown,
)  # fmt: skip

from . import played
from .played import (
    NOW,
    OURS,
    SYMBOL,
    VENUES,
    always,
    listed_order,
    listed_trade,
    listing,
    opened,
    order,
    placed,
    refused,
)

REFUSALS = [
    *(("coinbase", code, reason) for code, reason in _coinbase_table.REFUSED_ORDER.items()),
    *(("binance", code, reason) for code, reason in _binance_table.REFUSED.items()),
]


@pytest.mark.parametrize("venue", VENUES)
def test_an_order_taken_is_accepted(venue: str) -> None:
    port, asked = opened(venue, always(200, placed(venue)))
    assert isinstance(port, Port)
    told = port.place(order(venue))
    assert told == Accepted(played.taken_id(venue), NOW + 40 if venue == "binance" else NOW)
    assert len(asked.heard) == 1


@pytest.mark.parametrize(("venue", "code", "reason"), REFUSALS)
def test_every_listed_code_is_a_refusal_and_only_in_its_own_form(venue: str, code: str, reason: str) -> None:
    status, body = refused(venue, code)
    port, _ = opened(venue, always(status, body))
    assert port.place(order(venue)) == Refused(code, "said no", reason)  # type: ignore[arg-type]
    for other in (500, 502, 503) + ((200,) if venue == "binance" else (409,)):
        assert isinstance(opened(venue, always(other, body))[0].place(order(venue)), Unknown)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 408, 409, 418, 429, 451, 500, 502, 503, 504, 520, 301, 204])
@pytest.mark.parametrize("venue", VENUES)
def test_a_status_alone_refuses_nothing(venue: str, status: int) -> None:
    for body in (b"", b"<html>Forbidden</html>", b"{}", b"[]", b"null", b'{"message": "no"}', b'"INSUFFICIENT_FUND"'):
        port, asked = opened(venue, always(status, body))
        assert isinstance(port.place(order(venue)), Unknown)
        assert len(asked.heard) == 1


@pytest.mark.parametrize("code", ["-1000", "-1001", "-1006", "-1007", "-1008", "-1016", "-9999", "0", "None"])
def test_binance_codes_that_say_nothing(code: str) -> None:
    for status in (400, 500, 503, 200):
        body = {"code": int(code) if code != "None" else None, "msg": "x"}
        assert isinstance(opened("binance", always(status, body))[0].place(order("binance")), Unknown)


@pytest.mark.parametrize("code", ["UNKNOWN_FAILURE_REASON", "", "NEW_CODE", "DUPLICATE_CLIENT_ORDER_ID"])
def test_coinbase_codes_that_say_nothing(code: str) -> None:
    assert isinstance(opened("coinbase", always(*refused("coinbase", code)))[0].place(order("coinbase")), Unknown)


def test_the_one_text_of_coinbase_that_is_a_refusal() -> None:
    for status, body, yes in (
        (401, b"Unauthorized\n", True), (401, b"Unauthorized <b>", False), (500, b"Unauthorized", False),
        (403, b"Unauthorized", False), (401, b"unauthorized", False), (200, b"Unauthorized", False),
    ):  # fmt: skip
        told = opened("coinbase", always(status, body))[0].place(order("coinbase"))
        assert isinstance(told, Refused if yes else Unknown), (status, body)


def test_words_of_binance_that_turn_its_most_used_code_round() -> None:
    def told(words: str) -> Any:
        return opened("binance", always(*refused("binance", "-2010", words)))[0].place(order("binance"))

    assert isinstance(told("Duplicate order sent."), Unknown), "an order with our id exists"
    assert told("Account has insufficient balance for requested action.").reason == "funds"
    assert told("Filter failure: MIN_NOTIONAL").reason == "filter"
    assert told("Order would immediately match and take.").reason == "post_only"


@pytest.mark.parametrize("venue", VENUES)
def test_an_answer_about_another_order_or_without_an_id_is_unknown(venue: str) -> None:
    broken = []
    for key, value in (("order_id", None), ("order_id", ""), ("client_order_id", "cd" * 16), ("product_id", "ETH-USD")):
        broken.append(placed("coinbase") | {"success_response": placed("coinbase")["success_response"] | {key: value}})
    broken += [placed("coinbase") | {"success": "true"}, {"success": True}, {"success": True, "success_response": None}]
    # Says yes and no at once.
    broken.append(placed("coinbase") | {"error_response": {"error": "INSUFFICIENT_FUND"}})
    broken.append(placed("coinbase") | {"success": False, "error_response": {"error": "INSUFFICIENT_FUND"}})
    if venue == "binance":
        changes = (("orderId", None), ("orderId", ""), ("orderId", True), ("orderId", -1), ("clientOrderId", None))
        broken = [placed(venue) | {key: value} for key, value in changes]
        broken += [placed(venue) | {"clientOrderId": "cd" * 16}, placed(venue) | {"symbol": "ETHUSDT"}]
    for body in broken:
        assert isinstance(opened(venue, always(200, body))[0].place(order(venue)), Unknown), body


@pytest.mark.parametrize(
    "error",
    [
        requests.ReadTimeout("Read timed out"), requests.ConnectionError("reset"), ConnectionResetError(104), OSError("x"),
        requests.exceptions.SSLError("x"), TimeoutError(), ValueError("x"), RecursionError(), MemoryError(),
        requests.exceptions.ChunkedEncodingError("cut"),
    ],
    ids=lambda error: type(error).__name__,
)  # fmt: skip
@pytest.mark.parametrize("venue", VENUES)
def test_no_answer_is_unknown_and_asked_once(venue: str, error: Exception) -> None:
    port, asked = opened(venue, lambda *_: error)
    assert isinstance(port.place(order(venue)), Unknown)
    assert len(asked.heard) == 1
    assert isinstance(port.look_up(SYMBOL[venue], OURS, "28"), Unknown), "an error is never 'not found'"
    assert isinstance(port.open_orders([SYMBOL[venue]]), Unknown)


@pytest.mark.parametrize("venue", VENUES)
def test_rows_come_through_to_the_last_digit(venue: str) -> None:
    priced = [True]

    def say(method: str, path: str, asked: Any) -> Any:
        if path.endswith(("fills", "myTrades")):
            return 200, listing(venue, [listed_trade(venue)], "fills")
        if path.endswith("klines"):
            return (200, [[1, "600.5", "601", "600", "600", "1", 2, "1", 1, "1", "1", "0"]]) if priced else (503, "")
        single = path.endswith(("order", "11111111-00000-000000"))
        row = listed_order(venue)
        return 200, ({"order": row} if venue == "coinbase" else row) if single else listing(venue, [row])

    port, _ = opened(venue, say)
    told_at = 1_790_000_000_123 - 5000 if venue == "binance" else 1_790_000_000_000 - 4877
    seen = port.look_up(SYMBOL[venue], OURS, played.taken_id(venue))
    assert isinstance(seen, Seen)
    wanted = Seen(
        OURS, played.taken_id(venue), SYMBOL[venue], "sell", "open", Decimal("0.0125"), Decimal("0.0025"), seen.ts,
        cost=Decimal("76.25125"), fee=Decimal("0.3") if venue == "coinbase" else None,
    )  # fmt: skip
    assert seen == wanted
    assert abs(seen.ts - told_at) < 1000
    assert port.open_orders([SYMBOL[venue]]) == [seen] == port.orders_since(SYMBOL[venue], NOW - 60_000)
    assert port.look_up(SYMBOL[venue], OURS, "") == seen
    (trade,) = port.trades_since(SYMBOL[venue], NOW - 60_000)  # type: ignore[misc]
    fee = ("0.00001010", "BNB") if venue == "binance" else ("0.3050050000000001", "USD")
    assert (str(trade.fee), trade.fee_currency) == fee
    assert trade.fee_value == (Decimal("600.5") * trade.fee if venue == "binance" else None)
    if venue == "binance":  # an exchange that names no price holds the trade up for a few questions, not for ever
        priced.clear()
        port, _ = opened(venue, say)
        answers = [port.trades_since(SYMBOL[venue], NOW - 60_000) for _ in range(4)]
        assert answers == [*(one for one in answers[:3] if isinstance(one, Unknown)), [replace(trade, fee_value=None)]]
    assert (trade.price, trade.qty, trade.side, trade.maker) == (Decimal("30500.5"), Decimal("0.0025"), "sell", True)


def test_numbers_in_json_do_not_pass_through_floats() -> None:
    body = json.dumps(listing("coinbase", [listed_trade("coinbase")], "fills"))
    body = body.replace('"0.3050050000000001"', "0.30500500000000012345678").replace('"0.0025"', "1e-7")
    port, _ = opened("coinbase", always(200, body.encode()))
    (trade,) = port.trades_since("BTC/USD", NOW - 60_000)  # type: ignore[misc]
    assert (str(trade.fee), trade.qty) == ("0.30500500000000012345678", Decimal("1e-7"))


@pytest.mark.parametrize("venue", VENUES)
def test_not_found_is_an_answer_and_only_one(venue: str) -> None:
    status, body = (400, {"code": -2013, "msg": "Order does not exist."})
    if venue == "coinbase":
        status, body = 404, {"error": "NOT_FOUND", "error_details": "x", "message": "x"}
    told = opened(venue, always(status, body))[0].look_up(SYMBOL[venue], "", "28")
    assert isinstance(told, NotFound)
    for other in (500, 502, 404 if venue == "binance" else 400):
        assert isinstance(opened(venue, always(other, body))[0].look_up(SYMBOL[venue], "", "28"), Unknown)
    assert isinstance(opened(venue, always(status, b"<html>"))[0].look_up(SYMBOL[venue], "", "28"), Unknown)


def test_coinbase_finds_by_client_id_over_all_pages() -> None:
    """It cannot be asked by client id; the list is read to its end, and a list without end is no 'not found'."""

    def say(method: str, path: str, asked: Any) -> Any:
        page = int(asked.get("cursor") or 0)
        rows = [listed_order("coinbase", order_id=f"o{page}-{i}", client_order_id=f"{page}-{i}") for i in range(3)]
        return 200, {"orders": rows, "has_next": page < 4, "cursor": str(page + 1)}

    port, _ = opened("coinbase", say)
    assert isinstance(port.look_up("BTC/USD", OURS, ""), NotFound)
    seen = port.look_up("BTC/USD", "4-2", "")
    assert isinstance(seen, Seen)
    assert seen.venue_id == "o4-2"
    endless, asked = opened("coinbase", always(200, {"orders": [], "has_next": True, "cursor": "x"}))
    assert isinstance(endless.look_up("BTC/USD", OURS, ""), Unknown)
    assert len(asked.heard) < 5


def test_binance_halves_a_window_that_is_full() -> None:
    times = [NOW - 3_600_000 + 40 * i for i in range(1100)]

    def say(method: str, path: str, asked: Any) -> Any:
        if path.endswith("klines"):
            return 200, []
        first, last = int(asked["startTime"]), int(asked["endTime"])
        assert last - first < 86_400_000
        inside = [(i, t) for i, t in enumerate(times) if first <= t <= last]
        return 200, [
            listed_trade("binance", id=i, time=t) for i, t in inside[-1000:]
        ]  # the newest, should it cut there

    port, _ = opened("binance", say)
    trades = port.trades_since("BTC/USDT", NOW - 2 * 86_400_000)
    assert [t.ts for t in trades] == times  # type: ignore[union-attr]


@pytest.mark.parametrize("venue", VENUES)
def test_cancels(venue: str) -> None:
    def told(status: int, body: Any) -> Any:
        return opened(venue, always(status, body))[0].cancel(SYMBOL[venue], OURS, played.taken_id(venue))

    if venue == "binance":
        yes = listed_order(venue, status="CANCELED", origClientOrderId=OURS, clientOrderId="x", transactTime=NOW)
        assert told(200, yes) == Accepted("28", NOW)
        assert told(400, {"code": -2011, "msg": "Unknown order sent."}).reason == "unknown_order"
        assert isinstance(told(200, yes | {"orderId": 29}), Unknown)
    else:
        one = {"success": True, "failure_reason": "UNKNOWN_CANCEL_FAILURE_REASON", "order_id": played.taken_id(venue)}
        assert told(200, {"results": [one]}) == Accepted(played.taken_id(venue), NOW)
        no = one | {"success": False}
        assert told(200, {"results": [no | {"failure_reason": "UNKNOWN_CANCEL_ORDER"}]}).reason == "unknown_order"
        assert isinstance(told(200, {"results": [no]}), Unknown)
        assert isinstance(told(200, {"results": [one | {"order_id": "another"}]}), Unknown)
        assert isinstance(told(200, {"results": []}), Unknown)
    assert isinstance(told(500, b""), Unknown)


def test_rights_that_move_money_are_told() -> None:
    """Whoever opens the port refuses such a key; a right by another name is the same right."""
    may = {"ipRestrict": True, "enableWithdrawals": False, "enableSpotAndMarginTrading": True}
    assert opened("binance", always(200, may))[0].permissions() == Permissions(
        withdraw=False, trade=True, ip_bound=True
    )
    for worse in ({"enableWithdrawals": True}, {"enableInternalTransfer": True}, {"permitsUniversalTransfer": True}):
        assert opened("binance", always(200, may | worse))[0].permissions() == Permissions(True, True, True)
    cdp = {"can_view": True, "can_trade": True, "can_transfer": True}
    assert opened("coinbase", always(200, cdp))[0].permissions() == Permissions(True, True, None)
    assert opened("coinbase", always(200, cdp | {"can_transfer": False}))[0].permissions() == Permissions(
        False, True, None
    )
    assert isinstance(opened("coinbase", always(200, {"can_trade": True}))[0].permissions(), Unknown)


# -- whatever bytes come

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from([OURS, "28", "1e400"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
ALLOWED: dict[str, tuple[type, ...]] = {
    "place": (Accepted, Refused, Unknown), "cancel": (Accepted, Refused, Unknown), "look_up": (Seen, NotFound, Unknown),
    "open_orders": (list, Unknown), "orders_since": (list, Unknown), "trades_since": (list, Unknown),
    "balances": (dict, Unknown), "flows_since": (list, Unknown), "rules": (Rules, NotFound, Unknown),
    "fees": (Fees, Unknown), "permissions": (Permissions, Unknown), "sync": (Clock, Unknown),
}  # fmt: skip
ROWS = {"open_orders": Seen, "orders_since": Seen, "trades_since": Trade, "balances": Balance, "flows_since": Flow}


def calls(port: Port, venue: str, venue_id: str) -> dict[str, Callable[[], Any]]:
    symbol = SYMBOL[venue]
    return {
        "place": lambda: port.place(order(venue)),
        "cancel": lambda: port.cancel(symbol, OURS, venue_id),
        "look_up": lambda: port.look_up(symbol, OURS, venue_id),
        "open_orders": lambda: port.open_orders([symbol]),
        "orders_since": lambda: port.orders_since(symbol, NOW - 60_000),
        "trades_since": lambda: port.trades_since(symbol, NOW - 60_000),
        "balances": port.balances,
        "flows_since": lambda: port.flows_since(NOW - 60_000),
        "rules": lambda: port.rules(symbol),
        "fees": lambda: port.fees(symbol),
        "permissions": port.permissions,
        "sync": port.sync,
    }


def frames(venue: str) -> list[Any]:
    """Real answers to be spoilt."""
    row, trade = listed_order(venue), listed_trade(venue)
    found = [placed(venue), row, listing(venue, [row, copy.deepcopy(row)]), listing(venue, [trade], "fills")]
    if venue == "coinbase":
        return [*found, {"order": row}, refused(venue, "INSUFFICIENT_FUND")[1], {"results": [{"success": False}]}]
    return [*found, refused(venue, "-2010")[1], {"balances": [{"asset": "BTC", "free": "1", "locked": "0"}]}]


@st.composite
def spoilt(draw: st.DrawFn, venue: str) -> bytes:
    """A real answer with one to three of its values replaced, moved away or cut, or any bytes at all."""
    if draw(st.integers(0, 5)) == 0:
        return draw(st.binary(max_size=40) | JSON.map(lambda v: json.dumps(v).encode()))
    frame = copy.deepcopy(draw(st.sampled_from(frames(venue))))
    for _ in range(draw(st.integers(1, 3))):
        at = frame
        while isinstance(at, dict | list) and at:
            key = draw(st.sampled_from(sorted(at)) if isinstance(at, dict) else st.integers(0, len(at) - 1))
            if isinstance(at[key], dict | list) and at[key] and draw(st.booleans()):
                at = at[key]
                continue
            at[key] = draw(JSON)
            break
    body = json.dumps(frame).encode()
    return body[: draw(st.integers(0, len(body)))] if draw(st.integers(0, 9)) == 0 else body


OPEN: dict[str, tuple[Port, played.Played]] = {}


def whatever_comes(venue: str, data: st.DataObject) -> None:
    """One spoilt answer, given to every method of the port."""
    if venue not in OPEN:
        OPEN[venue] = opened(venue, always(200, b""))
    port, wire = OPEN[venue]
    status = data.draw(st.sampled_from([200, 200, 200, 201, 301, 400, 401, 403, 404, 418, 429, 500, 503]))
    body = data.draw(spoilt(venue))
    wait = data.draw(st.sampled_from(["", "-1", "x", "1e308", "9" * 30, "Fri, 31 Dec 9999 23:59:59 GMT", "2", "²"]))
    wire.say = always(status, body, {"Retry-After": wait})
    venue_id = data.draw(st.sampled_from(["", "28", played.taken_id(venue)]))
    for name, call in calls(port, venue, venue_id).items():
        port.client._silent_until = 0  # type: ignore[attr-defined]
        before = len(wire.heard)
        told = call()
        assert isinstance(told, ALLOWED[name]), (name, told)
        if name in ROWS and not isinstance(told, Unknown):
            assert all(isinstance(each, ROWS[name]) for each in (told.values() if isinstance(told, dict) else told))
        if name == "place":
            assert len(wire.heard) == before + 1
            if isinstance(told, Accepted):
                assert told.venue_id == played.taken_id(venue) or told.venue_id in body.decode()
                assert 200 <= status < 300
    wire.heard.clear()


@pytest.mark.parametrize("venue", VENUES)
@settings(max_examples=20, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_whatever_comes_is_accepted_refused_or_unknown(venue: str, data: st.DataObject) -> None:
    whatever_comes(venue, data)


@pytest.mark.long
@pytest.mark.parametrize("venue", VENUES)
@settings(max_examples=1500, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_whatever_comes_for_long(venue: str, data: st.DataObject) -> None:
    whatever_comes(venue, data)


def test_every_adapter_file_is_found_and_names_itself() -> None:
    assert set(adapters.available()) == {"binance", "coinbase"}
    for venue in adapters.available():
        assert venue == adapters.room(venue).NAME
        assert opened(venue, always(200, {}))[0].name == venue
    with pytest.raises(ValueError, match="binance, coinbase"):
        adapters.room("nowhere")
    with pytest.raises(ValueError, match="environment"):
        adapters.make("coinbase", " ", "x")
