"""Binance's shapes: orders, trades, accounts and errors as dicts. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson

from engine.sandbox.products import decimal
from engine.sandbox.trading.orders import Seen
from engine.sandbox.trading.terms import BUY, DIGITS, RATE_DIGITS, Fill, Instrument, Order, Transfer, fixed
from engine.sandbox.trading.wire import Answer, answer

TYPES = {"market": "MARKET", "limit": "LIMIT", "stop": "STOP_LOSS", "stop_limit": "STOP_LOSS_LIMIT"}
STATES = {"filled": "FILLED", "cancelled": "CANCELED", "expired": "EXPIRED", "rejected": "REJECTED"}

MOST_ORDERS, MOST_STOPS = 200, 5
"""Open in one market at a time."""
BAND = (2, 50)
"""A limit is at least and at most so many tenths of the price."""


class Wrong(Exception):
    """An error answer: code, HTTP status, words, and headers where it has any."""

    def __init__(self, code: int, words: str, status: int = 400, headers: dict[str, str] | None = None) -> None:
        super().__init__(words)
        self.code, self.status, self.headers = code, status, headers or {}


def too_many(status: int, wait_s: int, limit: int) -> Wrong:
    text = f"Too much request weight used; current limit is {limit} request weight per 1 MINUTE."
    return Wrong(-1003, text, status, {"Retry-After": str(wait_s)})


def error(wrong: Wrong) -> Answer:
    return answer({"code": wrong.code, "msg": str(wrong)}, wrong.status, wrong.headers)


def price(one: Instrument, ticks: int) -> str:
    return fixed(ticks * 10 ** (DIGITS - one.price_digits), max(8, one.price_digits))


def size(one: Instrument, lots: int) -> str:
    return fixed(one.coins(lots), 8)


def kind(order: Order) -> str:
    return "LIMIT_MAKER" if order.ask.post_only else TYPES[order.ask.kind]


def state(seen: Seen) -> str:
    if seen.state != "open":
        return STATES[seen.state]
    return "PARTIALLY_FILLED" if seen.filled else "NEW"


def brief(order: Order) -> dict[str, Any]:
    """What every answer about an order begins with."""
    return {
        "symbol": order.instrument.name,
        "orderId": order.number,
        "orderListId": -1,
        "clientOrderId": order.ask.client_id,
    }


def body(seen: Seen) -> dict[str, Any]:
    order, one = seen.order, seen.order.instrument
    made = {
        "price": price(one, order.ask.limit),
        "origQty": size(one, order.ask.lots),
        "executedQty": size(one, seen.filled),
        "origQuoteOrderQty": fixed(order.ask.spend, 8),
        "cummulativeQuoteQty": fixed(seen.value, 8),
        "status": state(seen),
        "timeInForce": "GTC" if order.ask.life == "IOC" and order.ask.kind == "market" else order.ask.life,
        "type": kind(order),
        "side": "BUY" if order.ask.side == BUY else "SELL",
        "selfTradePreventionMode": "EXPIRE_MAKER",
    }
    if order.ask.stop:
        made["stopPrice"] = price(one, order.ask.stop)
    return made


def placed(seen: Seen, form: str) -> dict[str, Any]:
    """The answer to a new order: ACK, RESULT or FULL."""
    made = {**brief(seen.order), "transactTime": seen.order.created}
    if form == "ACK":
        return made
    made |= body(seen) | {"workingTime": seen.order.created if not seen.order.ask.stop else -1}
    if form == "FULL":
        made["fills"] = [part(fill) for fill in seen.fills]
    return made


def part(fill: Fill) -> dict[str, Any]:
    one = fill.order.instrument
    return {
        "price": price(one, fill.ticks),
        "qty": size(one, fill.lots),
        "commission": fixed(fill.fee, 8),
        "commissionAsset": fill.fee_asset,
        "tradeId": fill.serial,
    }


def listed(seen: Seen) -> dict[str, Any]:
    """An order in a look-up or a list."""
    order = seen.order
    made = {**brief(order), **body(seen)}
    made |= {
        "icebergQty": "0.00000000",
        "stopPrice": made.get("stopPrice", "0.00000000"),
        "time": order.created,
        "updateTime": seen.updated,
        "isWorking": not order.ask.stop or seen.triggered,
        "workingTime": order.triggered if order.ask.stop else order.created,
    }
    return made


def cancelled(seen: Seen, client_id: str, now: int) -> dict[str, Any]:
    made = {**brief(seen.order), "origClientOrderId": seen.order.ask.client_id, "clientOrderId": client_id}
    return made | {"transactTime": now} | body(seen)


def trade(fill: Fill) -> dict[str, Any]:
    order, one = fill.order, fill.order.instrument
    return {
        "symbol": one.name,
        "id": fill.serial,
        "orderId": order.number,
        "orderListId": -1,
        "price": price(one, fill.ticks),
        "qty": size(one, fill.lots),
        "quoteQty": fixed(fill.value, 8),
        "commission": fixed(fill.fee, 8),
        "commissionAsset": fill.fee_asset,
        "time": fill.ts,
        "isBuyer": order.ask.side == BUY,
        "isMaker": fill.maker,
        "isBestMatch": True,
    }


def account(maker: int, taker: int, balances: dict[str, tuple[int, int]], now: int) -> dict[str, Any]:
    rates = {"maker": share(maker), "taker": share(taker), "buyer": share(0), "seller": share(0)}
    return {
        "makerCommission": maker // 100, "takerCommission": taker // 100, "buyerCommission": 0, "sellerCommission": 0,
        "commissionRates": rates, "canTrade": True, "canWithdraw": True, "canDeposit": True, "brokered": False,
        "requireSelfTradePrevention": False, "preventSor": False, "updateTime": now, "accountType": "SPOT",
        "balances": [
            {"asset": asset, "free": fixed(free, 8), "locked": fixed(held, 8)}
            for asset, (free, held) in balances.items()
        ],
        "permissions": ["SPOT"], "uid": 354937868,
    }  # fmt: skip


def share(millionths: int) -> str:
    return fixed(millionths * 10 ** (DIGITS - RATE_DIGITS), 8)


def fee(name: str, maker: int, taker: int) -> dict[str, str]:
    rates = (decimal(rate, RATE_DIGITS) for rate in (maker, taker))
    return dict(zip(("symbol", "makerCommission", "takerCommission"), (name, *rates), strict=True))


def coin(asset: str, free: int, held: int) -> dict[str, Any]:
    zero = dict.fromkeys(("freeze", "withdrawing", "ipoing", "ipoable", "storage"), "0")
    return {"coin": asset, "name": asset, "depositAllEnable": True, "withdrawAllEnable": True, "isLegalMoney": False,
            "trading": True, "free": fixed(free, 8), "locked": fixed(held, 8), "networkList": [], **zero}  # fmt: skip


def restrictions(trade_: bool, withdraw: bool) -> dict[str, Any]:
    return {
        "ipRestrict": False, "createTime": 1_698_645_219_000, "enableReading": True, "enableWithdrawals": withdraw,
        "enableInternalTransfer": False, "enableMargin": False, "enableFutures": False,
        "permitsUniversalTransfer": False, "enableVanillaOptions": False, "enableFixApiTrade": False,
        "enableFixReadOnly": False, "enableSpotAndMarginTrading": trade_, "enablePortfolioMarginTrading": False,
    }  # fmt: skip


def deposit(one: Transfer) -> dict[str, Any]:
    return {"id": f"d{one.number}", "amount": fixed(one.amount, 8), "coin": one.asset, "network": one.asset, "status": 1,
            "address": "sandbox", "addressTag": "", "txId": f"sandbox-{one.number}", "insertTime": one.ts,
            "completeTime": one.ts, "transferType": 0, "confirmTimes": "1/1", "walletType": 0}  # fmt: skip


def fiat_order(one: Transfer) -> dict[str, Any]:
    moved = fixed(abs(one.amount), 2)
    return {"orderNo": f"sandbox{one.number}", "fiatCurrency": one.asset, "indicatedAmount": moved, "amount": moved,
            "totalFee": "0.00", "method": "BankAccount", "status": "Successful", "createTime": one.ts,
            "updateTime": one.ts}  # fmt: skip


def fiat_orders(listed: list[dict[str, Any]], total: int) -> dict[str, Any]:
    return {"code": "000000", "message": "success", "data": listed, "total": total, "success": True}


def withdrawal(one: Transfer) -> dict[str, Any]:
    applied = datetime.fromtimestamp(one.ts / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
    return {"id": f"w{one.number}", "amount": fixed(-one.amount, 8), "transactionFee": "0", "coin": one.asset,
            "status": 6, "address": "sandbox", "txId": f"sandbox-{one.number}", "applyTime": applied,
            "completeTime": applied, "network": one.asset, "transferType": 0, "confirmNo": 1,
            "walletType": 0}  # fmt: skip


def json(what: dict[str, Any]) -> bytes:
    return orjson.dumps(what)


def streamed_kline(name: str, interval: str, row: list[Any], closed: bool) -> dict[str, Any]:
    """A REST kline in the stream's letters."""
    ts, open_, high, low, close, volume, last, paid, count, *taken = row
    return {"t": ts, "T": last, "s": name, "i": interval, "f": -1, "L": -1, "o": open_, "c": close, "h": high, "l": low,
            "v": volume, "n": count, "x": closed, "q": paid, "V": taken[0], "Q": taken[1], "B": "0"}  # fmt: skip


def streamed_day(row: dict[str, Any], full: bool) -> dict[str, Any]:
    """A day's figures in the stream's letters: a ticker's, or a mini ticker's."""
    mini = {"c": row["lastPrice"], "o": row["openPrice"], "h": row["highPrice"], "l": row["lowPrice"], "v": row["volume"],
            "q": row["quoteVolume"]}  # fmt: skip
    more = {"p": row["priceChange"], "P": row["priceChangePercent"], "w": row["weightedAvgPrice"], "x": row["prevClosePrice"],
            "Q": row["lastQty"], "b": row["bidPrice"], "B": row["bidQty"], "a": row["askPrice"], "A": row["askQty"],
            "O": row["openTime"], "C": row["closeTime"], "F": row["firstId"], "L": row["lastId"], "n": row["count"]}  # fmt: skip
    return {**mini, **more} if full else mini
