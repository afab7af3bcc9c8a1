"""Coinbase's words as the port's: its tables of definitive refusals, its states, its rows read strictly. Pure.

The tables are the whole of what counts as a refusal. A code that is not in them says nothing: the outcome is unknown.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from engine.venues.adapters._ccxt import Answer, Client
from engine.venues.adapters._reading import (
    Garbled,
    Row,
    amount,
    ident,
    inner,
    iso,
    millis,
    number,
    plain,
    positive,
    row,
    side,
    text,
    word,
)
from engine.venues.port import Flow, Reason, Refused, Request, Rules, Seen, State, Trade

REFUSED_ORDER: dict[str, Reason] = {
    "UNSUPPORTED_ORDER_CONFIGURATION": "filter",
    "INVALID_SIDE": "other",
    "INVALID_PRODUCT_ID": "symbol",
    "INVALID_SIZE_PRECISION": "filter",
    "INVALID_PRICE_PRECISION": "filter",
    "INSUFFICIENT_FUND": "funds",
    "INSUFFICIENT_FUNDS": "funds",
    "INVALID_LEDGER_BALANCE": "funds",
    "ORDER_ENTRY_DISABLED": "halted",
    "INELIGIBLE_PAIR": "symbol",
    "INVALID_LIMIT_PRICE_POST_ONLY": "post_only",
    "INVALID_LIMIT_PRICE": "filter",
    "INVALID_NO_LIQUIDITY": "halted",
    "INVALID_REQUEST": "other",
    "COMMANDER_REJECTED_NEW_ORDER": "other",
    "UNTRADABLE_PRODUCT": "halted",
    "GEOFENCING_RESTRICTION": "permission",
    "LIMIT_PRICE_TOO_FAR_FROM_MARKET": "filter",
    "STOP_TRIGGER_PRICE_OUT_OF_BOUNDS": "filter",
    "PREVIEW_INVALID_SIDE": "other",
    "PREVIEW_INVALID_ORDER_CONFIG": "filter",
    "PREVIEW_INVALID_PRODUCT_ID": "symbol",
    "PREVIEW_INVALID_SIZE_PRECISION": "filter",
    "PREVIEW_INVALID_PRICE_PRECISION": "filter",
    "PREVIEW_INVALID_LEDGER_BALANCE": "funds",
    "PREVIEW_INSUFFICIENT_LEDGER_BALANCE": "funds",
    "PREVIEW_INSUFFICIENT_FUND": "funds",
    "PREVIEW_INVALID_LIMIT_PRICE_POST_ONLY": "post_only",
    "PREVIEW_INVALID_LIMIT_PRICE": "filter",
    "PREVIEW_INVALID_NO_LIQUIDITY": "halted",
    "PREVIEW_INVALID_BASE_SIZE_TOO_SMALL": "filter",
    "PREVIEW_INVALID_BASE_SIZE_TOO_LARGE": "filter",
    "PREVIEW_INVALID_QUOTE_SIZE_TOO_SMALL": "filter",
    "PREVIEW_INVALID_QUOTE_SIZE_TOO_LARGE": "filter",
    "PREVIEW_INVALID_PRICE_TOO_LARGE": "filter",
    "PREVIEW_INVALID_QUOTE_SIZE_PRECISION": "filter",
    "PREVIEW_STOP_PRICE_ABOVE_LAST_TRADE_PRICE": "filter",
    "PREVIEW_STOP_PRICE_BELOW_LAST_TRADE_PRICE": "filter",
    "PREVIEW_STOP_PRICE_ABOVE_LIMIT_PRICE": "filter",
    "PREVIEW_STOP_PRICE_BELOW_LIMIT_PRICE": "filter",
    "PREVIEW_LIMIT_PRICE_TOO_FAR_FROM_MARKET": "filter",
    "PREVIEW_ORDER_ENTRY_DISABLED": "halted",
}
"""Of an answer `success: false` to a new order. Not in it on purpose: UNKNOWN_FAILURE_REASON, and a client id used before."""

REFUSED_CALL: dict[tuple[int, str], Reason] = {
    (400, "INVALID_ARGUMENT"): "other",
    (400, "FAILED_PRECONDITION"): "other",
    (401, "UNAUTHENTICATED"): "auth",
    (401, "UNAUTHORIZED"): "auth",
    (403, "PERMISSION_DENIED"): "permission",
}
"""Of an error answer with a status, whatever was asked. 404 is not in it: it says nothing of an order. Neither is 429:
Coinbase does not say that it took nothing."""

REFUSED_TEXT: dict[tuple[int, str], Reason] = {(401, "Unauthorized"): "auth"}
"""The whole text of an answer without JSON: what Coinbase says to a key, signature or time that is wrong."""

REFUSED_CANCEL: dict[str, Reason] = {
    "UNKNOWN_CANCEL_ORDER": "unknown_order",
    "ORDER_IS_FULLY_FILLED": "unknown_order",
    "INVALID_CANCEL_REQUEST": "other",
    "INVALID_CANCEL_PRODUCT_ID": "symbol",
    "COMMANDER_REJECTED_CANCEL_ORDER": "other",
    "NOT_ALLOWED_TO_CANCEL": "permission",
}

STATES: dict[str, State] = {
    "PENDING": "open",
    "OPEN": "open",
    "QUEUED": "open",
    "CANCEL_QUEUED": "open",
    "EDIT_QUEUED": "open",
    "FILLED": "filled",
    "CANCELLED": "cancelled",
    "EXPIRED": "expired",
    "FAILED": "rejected",
}

FLOWS = {
    "fiat_deposit", "fiat_withdrawal", "send", "receive", "transfer", "pro_deposit", "pro_withdrawal", "exchange_deposit",
    "exchange_withdrawal", "vault_withdrawal", "intx_deposit", "intx_withdrawal",
}  # fmt: skip
"""Kinds of account entries that are money brought or taken, not traded."""


def product_of(symbol: str) -> str:
    return symbol.replace("/", "-")


def stamp(ts: int) -> str:
    return datetime.fromtimestamp(ts / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{ts % 1000:03d}Z"


def told_time(answer: object) -> int:
    """The venue's time; its ISO text has whole seconds only."""
    told = row(answer)
    return millis(told, "epochMillis") if told.get("epochMillis") else iso(told, "iso")


def order_id(of: Row) -> str:
    """The venue's id of an order, or "" where there is none."""
    try:
        return ident(of, "order_id")
    except Garbled:
        return ""


def configuration(request: Request) -> Row:
    """The order itself in Coinbase's words; empty for one that it has not."""
    size = {"base_size": plain(request.qty)}
    limit = {"limit_price": plain(request.limit)} if request.limit is not None else {}
    if request.kind == "market":
        return {"sor_limit_ioc": size | limit} if limit else {"market_market_ioc": size}
    if request.kind == "limit" and limit:
        return {"limit_limit_gtc": size | limit | {"post_only": request.post_only}}
    if request.kind == "stop_limit" and limit and request.stop is not None:
        way = "STOP_DIRECTION_STOP_UP" if request.side == "buy" else "STOP_DIRECTION_STOP_DOWN"
        stop = {"stop_price": plain(request.stop), "stop_direction": way}
        return {"stop_limit_stop_limit_gtc": size | limit | stop}
    return {}


def refused_call(answer: Answer) -> Refused | None:
    if answer.text:
        why = REFUSED_TEXT.get((answer.status, answer.text))
        return Refused(answer.text, f"HTTP {answer.status} {answer.text}", why) if why else None
    code = str(answer.data.get("error")) if isinstance(answer.data, dict) else ""
    reason = REFUSED_CALL.get((answer.status, code))
    return Refused(code, answer.why, reason) if reason else None


def refused_order(failed: Row, client: Client) -> Refused | None:
    """The first of the three places for a code that holds one of ours."""
    for place in ("new_order_failure_reason", "error", "preview_failure_reason"):
        code = failed.get(place)
        if isinstance(code, str) and code in REFUSED_ORDER:
            words = str(failed.get("message") or failed.get("error_details") or code)
            return Refused(code, client.redacted(words), REFUSED_ORDER[code])
    return None


def seen_of(order: Row) -> Seen:
    status = order.get("status")
    if not isinstance(status, str) or status not in STATES:
        raise Garbled("an order's status that is not known")
    filled = amount(order, "filled_size") if order.get("filled_size") not in (None, "") else Decimal(0)
    kinds = inner(order, "order_configuration")
    sizes = [number(kind, "base_size") for kind in kinds.values() if isinstance(kind, dict) and kind.get("base_size")]
    # An order by amount of money (a person's) tells no quantity but the one filled.
    qty = sizes[0] if sizes else filled
    if qty < filled:
        raise Garbled("an order filled by more than its size")
    return Seen(
        word(order, "client_order_id"),
        ident(order, "order_id"),
        text(order, "product_id").replace("-", "/"),
        side(order, "side"),
        STATES[status],
        qty,
        filled,
        iso(order, "created_time"),
        order.get("trigger_status") == "STOP_TRIGGERED",
        amount(order, "filled_value") if order.get("filled_value") not in (None, "") else None,
        number(order, "total_fees") if order.get("total_fees") not in (None, "") else None,
    )


def trade_of(fill: Row) -> Trade:
    if fill.get("trade_type", "FILL") != "FILL":
        raise Garbled(f"a trade of kind {word(fill, 'trade_type')}: look at it at the venue")
    price, size = positive(fill, "price"), positive(fill, "size")
    maker = fill.get("liquidity_indicator")
    if maker not in ("MAKER", "TAKER"):
        raise Garbled("a trade that is neither maker nor taker")
    symbol = text(fill, "product_id").replace("-", "/")
    return Trade(
        ident(fill, "trade_id"),
        ident(fill, "order_id"),
        "",
        symbol,
        side(fill, "side"),
        # Only of orders by amount of money, which are never ours.
        (size / price).quantize(Decimal("1e-8")) if fill.get("size_in_quote") is True else size,
        price,
        number(fill, "commission"),
        symbol.partition("/")[2],
        maker == "MAKER",
        iso(fill, "trade_time"),
    )


def flow_of(entry: Row) -> Flow:
    money = inner(entry, "amount")
    return Flow(
        ident(entry, "id"),
        text(money, "currency"),
        number(money, "amount"),
        iso(entry, "created_at"),
        text(entry, "type").replace("_", " "),
    )


def rules_of(product: Row, symbol: str) -> Rules:
    if product.get("product_id") != product_of(symbol):
        raise Garbled("another product than the one asked for")
    shut = ("is_disabled", "trading_disabled", "cancel_only", "auction_mode", "view_only", "post_only", "limit_only")
    tick = "price_increment" if product.get("price_increment") else "quote_increment"
    return Rules(
        symbol,
        text(product, "base_currency_id"),
        text(product, "quote_currency_id"),
        positive(product, tick),
        positive(product, "base_increment"),
        amount(product, "base_min_size"),
        amount(product, "base_max_size"),
        amount(product, "quote_min_size"),
        product.get("status") in ("online", "") and not any(product.get(key) is True for key in shut),
    )
