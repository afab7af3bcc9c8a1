"""Binance's words as the port's: its table of definitive refusals, its states, its rows read strictly. Pure.

The table is the whole of what counts as a refusal. A number that is not in it says nothing: the outcome is unknown.
"""

from __future__ import annotations

from decimal import Decimal

from engine.venues.adapters._ccxt import Answer, Client
from engine.venues.adapters._reading import (
    Garbled,
    Row,
    amount,
    flag,
    ident,
    millis,
    number,
    plain,
    positive,
    row,
    rows,
    side,
    text,
    word,
)
from engine.venues.port import Reason, Refused, Request, Rules, Seen, State, Trade

PAGE = 1000
"""Rows of the longest page Binance gives."""

REFUSED: dict[str, Reason] = {
    "-1002": "auth",
    "-1003": "rate",
    "-1010": "other",
    "-1013": "filter",
    "-1014": "filter",
    "-1015": "rate",
    "-1020": "other",
    "-1021": "expired",
    "-1022": "auth",
    "-1100": "other",
    "-1101": "other",
    "-1102": "other",
    "-1103": "other",
    "-1104": "other",
    "-1105": "other",
    "-1106": "other",
    "-1108": "other",
    "-1111": "filter",
    "-1112": "halted",
    "-1114": "other",
    "-1115": "other",
    "-1116": "other",
    "-1117": "other",
    "-1118": "other",
    "-1119": "other",
    "-1121": "symbol",
    "-1122": "symbol",
    "-1128": "other",
    "-1130": "other",
    "-2010": "other",
    "-2011": "unknown_order",
    "-2014": "auth",
    "-2015": "auth",
}
"""By number, with an HTTP status of 400 to 499. Not in it on purpose: -1000, -1001, -1006, -1007, -1008 and -1016, after
which Binance itself calls the outcome unknown or does not say."""

WORDS: dict[str, Reason | None] = {
    "Duplicate order sent.": None,
    "Account has insufficient balance for requested action.": "funds",
    "Order would immediately match and take.": "post_only",
    "Stop price would trigger immediately.": "filter",
    "Order would trigger immediately.": "filter",
    "This action is disabled on this account.": "permission",
    "This symbol is not permitted for this account.": "symbol",
    "Rest API trading is not enabled.": "permission",
}
BEGINS: dict[str, Reason] = {"Filter failure": "filter", "Market is closed": "halted"}
"""What the words of -1010, -1013, -2010 and -2011 add. None: no refusal at all; an order with our id exists."""

STATES: dict[str, State] = {
    "NEW": "open",
    "PENDING_NEW": "open",
    "PARTIALLY_FILLED": "open",
    "PENDING_CANCEL": "open",
    "FILLED": "filled",
    "CANCELED": "cancelled",
    "REJECTED": "rejected",
    "EXPIRED": "expired",
    "EXPIRED_IN_MATCH": "expired",
}


def market_of(symbol: str) -> str:
    return symbol.replace("/", "")


def which(client_id: str, venue_id: str) -> Row:
    return {"orderId": venue_id} if venue_id else {"origClientOrderId": client_id}


def order_id(of: Row) -> str:
    value = of.get("orderId")
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return str(value)
    return value if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 64 else ""


def time_of(of: Row, otherwise: int) -> int:
    try:
        return millis(of, "transactTime")
    except Garbled:
        return otherwise


def order_of(request: Request) -> Row:
    """The order in Binance's words; empty where a price is missing."""
    limit = {"price": plain(request.limit)} if request.limit is not None else {}
    stop = {"stopPrice": plain(request.stop)} if request.stop is not None else {}
    rest = limit | {"timeInForce": "GTC"}
    how: Row = {}
    if request.kind == "market":
        how = {"type": "LIMIT", "timeInForce": "IOC"} | limit if limit else {"type": "MARKET"}
    elif request.kind == "limit" and limit:
        how = {"type": "LIMIT_MAKER"} | limit if request.post_only else {"type": "LIMIT"} | rest
    elif request.kind == "stop" and stop:
        how = {"type": "STOP_LOSS"} | stop
    elif request.kind == "stop_limit" and stop and limit:
        how = {"type": "STOP_LOSS_LIMIT"} | stop | rest
    if not how:
        return {}
    return {
        "symbol": market_of(request.symbol),
        "side": request.side.upper(),
        "quantity": plain(request.qty),
        "newClientOrderId": request.client_id,
        "newOrderRespType": "ACK",
        **how,
    }


def refused(answer: Answer, client: Client) -> Refused | None:
    code, said = str(answer.data.get("code")), str(answer.data.get("msg", ""))
    reason = REFUSED.get(code)
    if reason is None or not 400 <= answer.status < 500:
        return None
    if code in ("-1010", "-1013", "-2010", "-2011"):
        if said in WORDS and WORDS[said] is None:
            return None
        begun = (why for start, why in BEGINS.items() if said.startswith(start))
        reason = WORDS.get(said) or next(begun, None) or reason
    return Refused(code, client.redacted(said), reason)


def seen_of(order: Row, symbol: str) -> Seen:
    status = order.get("status")
    if not isinstance(status, str) or status not in STATES:
        raise Garbled("an order's status that is not known")
    if order.get("symbol") != market_of(symbol):
        raise Garbled("an order of another market than asked for")
    qty, filled = amount(order, "origQty"), amount(order, "executedQty")
    if filled > qty > 0:
        raise Garbled("an order filled by more than its size")
    return Seen(
        word(order, "clientOrderId"),
        ident(order, "orderId"),
        symbol,
        side(order, "side"),
        STATES[status],
        # An order by amount of money (a person's) tells 0 until it is filled.
        max(qty, filled),
        filled,
        millis(order, "time"),
        # A stop that waits is not "working"; once triggered it is.
        str(order.get("type", "")).startswith("STOP_LOSS") and order.get("isWorking") is True,
        _paid(order),
    )


def _paid(order: Row) -> Decimal | None:
    """What was paid so far; a negative number stands for orders so old that nobody knows any more."""
    told = order.get("cummulativeQuoteQty")
    paid = None if told in (None, "") else number(order, "cummulativeQuoteQty")
    return None if paid is None or paid < 0 else paid


def trade_of(fill: Row, symbol: str) -> Trade:
    if fill.get("symbol") != market_of(symbol):
        raise Garbled("a trade of another market than asked for")
    return Trade(
        ident(fill, "id"),
        ident(fill, "orderId"),
        "",
        symbol,
        "buy" if flag(fill, "isBuyer") else "sell",
        positive(fill, "qty"),
        positive(fill, "price"),
        number(fill, "commission"),
        text(fill, "commissionAsset"),
        flag(fill, "isMaker"),
        millis(fill, "time"),
    )


def rules_of(market: Row, symbol: str) -> Rules:
    by_kind = {text(f, "filterType"): f for f in rows(market.get("filters"))}
    lot, tick = row(by_kind.get("LOT_SIZE")), row(by_kind.get("PRICE_FILTER"))
    market_lot = by_kind.get("MARKET_LOT_SIZE", {})
    money, band = by_kind.get("NOTIONAL") or by_kind.get("MIN_NOTIONAL") or {}, by_kind.get("PERCENT_PRICE_BY_SIDE", {})
    both = by_kind.get("PERCENT_PRICE", {})
    applies = money.get("applyMinToMarket", money.get("applyToMarket", True))
    return Rules(
        symbol,
        text(market, "baseAsset"),
        text(market, "quoteAsset"),
        positive(tick, "tickSize"),
        positive(lot, "stepSize"),
        amount(lot, "minQty"),
        amount(lot, "maxQty"),
        _told(money, "minNotional"),
        market.get("status") == "TRADING" and market.get("isSpotTradingAllowed", True) is not False,
        _told(market_lot, "stepSize"),
        _told(market_lot, "minQty"),
        _told(market_lot, "maxQty"),
        applies is not False,
        _told(money, "maxNotional"),
        int(_told(by_kind.get("MAX_NUM_ORDERS", {}), "maxNumOrders")),
        int(_told(by_kind.get("MAX_NUM_ALGO_ORDERS", {}), "maxNumAlgoOrders")),
        _band(band, "bidMultiplier") or _band(both, "multiplier"),
        _band(band, "askMultiplier") or _band(both, "multiplier"),
    )


def _told(of: Row, key: str) -> Decimal:
    """A filter's figure; 0 where the market has no such filter."""
    return amount(of, key) if key in of else Decimal(0)


def _band(of: Row, name: str) -> tuple[Decimal, Decimal] | None:
    return (positive(of, f"{name}Down"), positive(of, f"{name}Up")) if f"{name}Up" in of else None


def opening_of(klines: list[object]) -> Decimal | None:
    """The opening price of a list of at most one kline; None of an empty one."""
    if not klines:
        return None
    if len(klines) != 1 or not isinstance(klines[0], list) or len(klines[0]) < 5:
        raise Garbled("not the one kline asked for")
    return positive({"open": klines[0][1]}, "open")
