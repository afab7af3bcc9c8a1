"""Venues played from a script: the transport of an adapter answers with what a test says. Keys are made up."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import cache
from typing import Any
from urllib.parse import parse_qs, urlparse

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from engine.venues import adapters
from engine.venues.adapters._wire import Incoming, Outgoing
from engine.venues.port import Port, Request

NOW = 1_790_000_000_123
VENUES = tuple(adapters.available())
OURS = "ab" * 16
SYMBOL = {"coinbase": "BTC/USD", "binance": "BTC/USDT"}


@cache
def pem() -> str:
    """A CDP secret: an EC key nobody else has."""
    made = ec.derive_private_key(0xC0FFEE, ec.SECP256R1())
    form = serialization.PrivateFormat.TraditionalOpenSSL
    return made.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


def keys(venue: str) -> tuple[str, str]:
    """A key and secret in the form the venue's have."""
    if venue == "coinbase":
        return "organizations/8f1c/apiKeys/canary-key-77aa", pem()
    return "canaryKEY" * 7, "canarySECRET" * 5


class Played:
    """A transport that answers from `say(method, path, asked) -> (status, JSON value or bytes[, headers])`, or raises it."""

    def __init__(self, say: Callable[..., Any]) -> None:
        self.say = say
        self.heard: list[Outgoing] = []

    def __call__(self, out: Outgoing) -> Incoming:
        self.heard.append(out)
        answer = self.say(out.method, urlparse(out.url).path, asked(out))
        if isinstance(answer, BaseException):
            raise answer
        status, body, *headers = answer
        made = body if isinstance(body, bytes) else json.dumps(body).encode()
        return Incoming(status, dict(headers[0]) if headers else {}, made)


def asked(out: Outgoing) -> dict[str, Any]:
    """What a request says, wherever it says it."""
    said: dict[str, Any] = {key: value[-1] for key, value in parse_qs(urlparse(out.url).query).items()}
    if out.body[:1] == b"{":
        return said | json.loads(out.body)
    return said | {key: value[-1] for key, value in parse_qs(out.body.decode()).items()}


class Hands:
    """A clock that only a test moves; wall and steady apart."""

    def __init__(self) -> None:
        self.wall, self.since_boot = NOW, 5_000_000

    def pass_ms(self, ms: int) -> None:
        self.wall += ms
        self.since_boot += ms


def opened(venue: str, say: Callable[..., Any] | Played, hands: Hands | None = None) -> tuple[Port, Played]:
    """An adapter whose venue is `say`."""
    played = say if isinstance(say, Played) else Played(say)
    hands = hands or Hands()
    port = adapters.make(
        venue, *keys(venue), transport=played, clock=lambda: hands.wall, steady=lambda: hands.since_boot
    )
    return port, played


def always(status: int, body: Any, headers: Mapping[str, str] | None = None) -> Callable[..., Any]:
    return lambda *_: (status, body, headers or {})


def order(venue: str, **changed: Any) -> Request:
    """A sell at a limit, or what `changed` makes of it."""
    asked: dict[str, Any] = {
        "client_id": OURS, "symbol": SYMBOL[venue], "side": "sell", "qty": Decimal("0.0125"), "kind": "limit",
        "limit": Decimal("30500.50"),
    }  # fmt: skip
    return Request(**(asked | changed))


def placed(venue: str) -> dict[str, Any]:
    """The venue's answer to an order it took."""
    if venue == "binance":
        return {
            "symbol": "BTCUSDT", "orderId": 28, "orderListId": -1, "clientOrderId": OURS, "transactTime": NOW + 40,
        }  # fmt: skip
    made = {"order_id": "11111111-00000-000000", "product_id": "BTC-USD", "side": "SELL", "client_order_id": OURS}
    size = {"limit_limit_gtc": {"base_size": "0.0125", "limit_price": "30500.5", "post_only": False}}
    return {"success": True, "success_response": made, "order_configuration": size}


def taken_id(venue: str) -> str:
    return "28" if venue == "binance" else "11111111-00000-000000"


def refused(venue: str, code: str, words: str = "said no") -> tuple[int, dict[str, Any]]:
    """The venue's answer to an order it did not take."""
    if venue == "binance":
        return 400, {"code": int(code), "msg": words}
    failed = {"error": code, "message": words, "error_details": "", "preview_failure_reason": ""}
    return 200, {"success": False, "error_response": failed, "order_configuration": {}}


def listed_order(venue: str, **changed: Any) -> dict[str, Any]:
    """A row of the venue's list of orders."""
    if venue == "binance":
        made = {
            "symbol": "BTCUSDT", "orderId": 28, "orderListId": -1, "clientOrderId": OURS, "price": "30500.50000000",
            "origQty": "0.01250000", "executedQty": "0.00250000", "cummulativeQuoteQty": "76.25125000",
            "status": "PARTIALLY_FILLED", "timeInForce": "GTC", "type": "LIMIT", "side": "SELL", "stopPrice": "0.00000000",
            "icebergQty": "0.00000000", "time": NOW - 5000, "updateTime": NOW, "isWorking": True, "workingTime": NOW,
            "origQuoteOrderQty": "0.00000000", "selfTradePreventionMode": "NONE",
        }  # fmt: skip
    else:
        made = {
            "order_id": "11111111-00000-000000", "product_id": "BTC-USD", "user_id": "2222", "side": "SELL",
            "order_configuration": {"limit_limit_gtc": {"base_size": "0.0125", "limit_price": "30500.5", "post_only": False}},
            "client_order_id": OURS, "status": "OPEN", "time_in_force": "GOOD_UNTIL_CANCELLED",
            "created_time": "2026-09-21T14:13:15.123456Z", "completion_percentage": "20", "filled_size": "0.0025",
            "average_filled_price": "30500.5", "number_of_fills": "1", "filled_value": "76.25125", "pending_cancel": False,
            "size_in_quote": False, "total_fees": "0.3", "trigger_status": "INVALID_ORDER_TYPE", "order_type": "LIMIT",
            "reject_reason": "REJECT_REASON_UNSPECIFIED", "settled": False, "product_type": "SPOT",
        }  # fmt: skip
    return made | changed


def listed_trade(venue: str, **changed: Any) -> dict[str, Any]:
    """A row of the venue's list of executions."""
    if venue == "binance":
        made = {
            "symbol": "BTCUSDT", "id": 28457, "orderId": 28, "orderListId": -1, "price": "30500.50000000",
            "qty": "0.00250000", "quoteQty": "76.25125000", "commission": "0.00001010", "commissionAsset": "BNB",
            "time": NOW - 4000, "isBuyer": False, "isMaker": True, "isBestMatch": True,
        }  # fmt: skip
    else:
        made = {
            "entry_id": "e-1", "trade_id": "t-1", "order_id": "11111111-00000-000000",
            "trade_time": "2026-09-21T14:13:16.123456Z", "trade_type": "FILL", "price": "30500.5", "size": "0.0025",
            "commission": "0.3050050000000001", "product_id": "BTC-USD", "sequence_timestamp": "2026-09-21T14:13:16.2Z",
            "liquidity_indicator": "MAKER", "size_in_quote": False, "user_id": "2222", "side": "SELL",
        }  # fmt: skip
    return made | changed


def listing(venue: str, rows: list[Any], name: str = "orders") -> Any:
    """Rows as one whole page of the venue's list of `name` (orders, fills)."""
    return rows if venue == "binance" else {name: rows, "has_next": False, "cursor": ""}
