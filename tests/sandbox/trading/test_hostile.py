"""Whatever comes in, an answer goes out, and nothing is let in that was not signed."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from engine.sandbox.trading.opening import Opened, open_binance, open_coinbase
from tests.sandbox.trading.seam import START, client, market, signed

TEXT = st.text(max_size=20)
WORD = st.sampled_from(["symbol", "side", "type", "quantity", "price", "stopPrice", "timeInForce", "newClientOrderId",
                        "startTime", "endTime", "limit", "fromId", "orderId", "quoteOrderQty", "origClientOrderId",
                        "recvWindow", "interval"])  # fmt: skip
VALUE = st.one_of(TEXT, st.sampled_from(["BTCUSDT", "BUY", "MARKET", "LIMIT", "GTC", "0.01", "1e5", "-1", "²", "9" * 5000,
                                         "NaN", "0", "1m"]))  # fmt: skip
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-9, 9), st.sampled_from(["0.01", "BUY", "BTC-USD", "x", "²", "64000"])),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(
        st.sampled_from(["client_order_id", "product_id", "side", "order_configuration", "limit_limit_gtc", "base_size",
                         "limit_price", "market_market_ioc", "quote_size", "order_ids", "end_time", "limit_limit_gtd"]),
        inner, max_size=5)),
    max_leaves=12,
)  # fmt: skip


@settings(max_examples=70, deadline=None)
@given(where=st.integers(0, 30), params=st.dictionaries(WORD, VALUE, max_size=6))
@example(where=0, params={"startTime": "²"})
def test_binance_answers_every_signed_request(where: int, params: dict[str, str]) -> None:
    opened = open_binance(market(), start=START)
    tongue: Any = opened.door.tongue
    routes = sorted({*tongue._signed, *tongue._open})
    method, path = routes[where % len(routes)]
    status, said = signed(opened, method, path, **params)
    assert status in (200, 400, 401, 404)
    assert status == 200 or isinstance(said["code"], int)


@settings(max_examples=70, deadline=None)
@given(body=JSON, query=TEXT, path=st.sampled_from(["orders", "orders/batch_cancel", "orders/historical/batch",
                                                    "orders/historical/fills", "accounts", "orders/historical/x"]))  # fmt: skip
def test_coinbase_answers_every_signed_request(opened_once: Opened, body: Any, query: str, path: str) -> None:
    bot = client(opened_once, "coinbase", 1)
    method = "POST" if path in ("orders", "orders/batch_cancel") else "GET"
    headers = bot.sign("brokerage/" + path, ["v3", "private"], method)["headers"]
    ask = (f"limit={query}&start_date={query}&cursor={query}", headers, orjson.dumps(body), START)
    status, _, said = opened_once.door.handle(method, "/api/v3/brokerage/" + path, *ask)
    assert status in (200, 400, 404)
    assert isinstance(orjson.loads(said), dict)


@pytest.fixture(scope="module")
def opened_once() -> Opened:
    return open_coinbase(market(), start=START)


@settings(max_examples=70, deadline=None)
@given(token=st.one_of(TEXT, st.lists(st.binary(max_size=30), min_size=3, max_size=3)), key=TEXT, signature=TEXT)
def test_nobody_comes_in_without_a_signature(token: Any, key: str, signature: str) -> None:
    import base64

    if isinstance(token, list):
        token = ".".join(base64.urlsafe_b64encode(part).decode() for part in token)
    coinbase, binance = open_coinbase(market(), start=START), open_binance(market(), start=START)
    headers = {"Authorization": f"Bearer {token}"}
    assert coinbase.door.handle("GET", "/api/v3/brokerage/accounts", "", headers, b"", START)[0] == 401
    for name in (key, binance.keys[0].name):
        query = f"timestamp={START}&signature={signature}"
        assert binance.door.handle("GET", "/api/v3/account", query, {"X-MBX-APIKEY": name}, b"", START)[0] in (400, 401)
    assert not coinbase.venue.orders.all
