"""Coinbase Advanced Trade's shapes: orders, fills, accounts and errors as dicts. Pure."""

from __future__ import annotations

from functools import cache
from typing import Any

from engine.sandbox.products import decimal
from engine.sandbox.trading.books import Entry
from engine.sandbox.trading.orders import Seen
from engine.sandbox.trading.terms import (
    BUY,
    DIGITS,
    FIAT,
    RATE_DIGITS,
    Ask,
    Fill,
    Order,
    Transfer,
    fixed,
    text,
    uuid,
)
from engine.sandbox.trading.wire import JSON, Answer, answer
from engine.sandbox.wire import rfc3339

STATES = {"open": "OPEN", "filled": "FILLED", "cancelled": "CANCELLED", "expired": "EXPIRED", "rejected": "FAILED"}
LIVES = {"GTC": "GOOD_UNTIL_CANCELLED", "GTD": "GOOD_UNTIL_DATE_TIME", "IOC": "IMMEDIATE_OR_CANCEL",
         "FOK": "FILL_OR_KILL"}  # fmt: skip
TYPES = {"market": "MARKET", "limit": "LIMIT", "stop_limit": "STOP_LIMIT", "stop": "STOP"}
PORTFOLIO, USER = uuid("portfolio"), uuid("user")
REFUSALS = {
    "funds": ("INSUFFICIENT_FUND", "PREVIEW_INSUFFICIENT_FUND", "Insufficient balance in source account"),
    "size": ("INVALID_SIZE_PRECISION", "PREVIEW_INVALID_BASE_SIZE_TOO_SMALL", "base size is out of bounds"),
    "size_digits": ("INVALID_SIZE_PRECISION", "PREVIEW_INVALID_SIZE_PRECISION", "too many decimals in order amount"),
    "price": ("INVALID_PRICE_PRECISION", "PREVIEW_INVALID_PRICE_PRECISION", "too many decimals in order price"),
    "notional": ("UNKNOWN_FAILURE_REASON", "PREVIEW_INVALID_QUOTE_SIZE_TOO_SMALL", "the order is worth too little"),
    "post_only": ("INVALID_LIMIT_PRICE_POST_ONLY", "PREVIEW_INVALID_LIMIT_PRICE_POST_ONLY", "the order would take"),
    "stop_down": ("UNKNOWN_FAILURE_REASON", "PREVIEW_STOP_PRICE_ABOVE_LAST_TRADE_PRICE", ""),
    "stop_up": ("UNKNOWN_FAILURE_REASON", "PREVIEW_STOP_PRICE_BELOW_LAST_TRADE_PRICE", ""),
    "product": ("INVALID_PRODUCT_ID", "PREVIEW_INVALID_PRODUCT_ID", "invalid product_id"),
    "side": ("INVALID_SIDE", "PREVIEW_INVALID_SIDE", "invalid side"),
    "kind": ("UNSUPPORTED_ORDER_CONFIGURATION", "PREVIEW_INVALID_ORDER_CONFIG", "unsupported order configuration"),
    "halted": ("ORDER_ENTRY_DISABLED", "UNKNOWN_PREVIEW_FAILURE_REASON", "order entry is disabled"),
    "end": ("INVALID_REQUEST", "PREVIEW_INVALID_END_TIME", "end_time is not in the future"),
    "told": ("COMMANDER_REJECTED_NEW_ORDER", "UNKNOWN_PREVIEW_FAILURE_REASON", "the sandbox was told to reject it"),
}


class Wrong(Exception):
    """An error answer: HTTP status, code, words."""

    def __init__(self, status: int, code: str, words: str) -> None:
        super().__init__(words)
        self.status, self.code = status, code


def error(wrong: Wrong) -> Answer:
    if wrong.status == 401:
        return 401, {**JSON, "Content-Type": "text/plain"}, b"Unauthorized\n"
    return answer({"error": wrong.code, "error_details": str(wrong), "message": str(wrong)}, wrong.status)


def configuration(ask: Ask) -> dict[str, Any]:
    """The order_configuration that was asked for."""
    one = ask.instrument
    if ask.kind == "market":
        size = {"quote_size": text(ask.spend)} if ask.spend else {"base_size": one.size_text(ask.lots)}
        return {"market_market_ioc": size}
    made: dict[str, Any] = {"base_size": one.size_text(ask.lots), "limit_price": one.price_text(ask.limit)}
    if ask.life == "GTD":
        made["end_time"] = rfc3339(ask.end)
    if ask.stop:
        made["stop_price"] = one.price_text(ask.stop)
        made["stop_direction"] = "STOP_DIRECTION_STOP_UP" if ask.stop_up else "STOP_DIRECTION_STOP_DOWN"
        return {f"stop_limit_stop_limit_{ask.life.lower()}": made}
    if ask.life == "IOC":
        return {"sor_limit_ioc": made}
    if ask.life != "FOK":
        made["post_only"] = ask.post_only
    return {f"limit_limit_{ask.life.lower()}": made}


def placed(order: Order, ask: Ask) -> dict[str, Any]:
    done = {"order_id": order.id, "product_id": ask.instrument.name, "side": side(ask.side),
            "client_order_id": order.ask.client_id, "attached_order_id": ""}  # fmt: skip
    return {"success": True, "success_response": done, "order_configuration": configuration(ask)}


def refused(why: str, words: str, asked: object) -> dict[str, Any]:
    reason, preview, usual = REFUSALS[why]
    failed = {"error": reason, "message": usual or words, "error_details": words, "preview_failure_reason": preview,
              "new_order_failure_reason": reason}  # fmt: skip
    return {"success": False, "error_response": failed, "order_configuration": asked}


def side(sign: int) -> str:
    return "BUY" if sign == BUY else "SELL"


def order(seen: Seen) -> dict[str, Any]:
    made, ask, one = seen.order, seen.order.ask, seen.order.instrument
    fees, coins = sum(fill.fee for fill in seen.fills), one.coins(seen.filled)
    average = seen.value * 10**DIGITS // coins if coins else 0
    done = 10000 * seen.filled // ask.lots if ask.lots else 0
    trigger = ("STOP_TRIGGERED" if seen.triggered else "STOP_PENDING") if ask.stop else "INVALID_ORDER_TYPE"
    return {
        "order_id": made.id, "product_id": one.name, "user_id": USER, "order_configuration": configuration(ask),
        "side": side(ask.side), "client_order_id": ask.client_id, "status": STATES[seen.state],
        "time_in_force": LIVES[ask.life], "created_time": rfc3339(made.created),
        "completion_percentage": decimal(done, 2), "filled_size": one.size_text(seen.filled),
        "average_filled_price": fixed(average, 16), "fee": "", "number_of_fills": str(len(seen.fills)),
        "filled_value": text(seen.value), "pending_cancel": False, "size_in_quote": bool(ask.spend),
        "total_fees": text(fees), "size_inclusive_of_fees": bool(ask.spend),
        "total_value_after_fees": text(seen.value + fees * ask.side), "trigger_status": trigger,
        "order_type": TYPES[ask.kind], "reject_reason": "REJECT_REASON_UNSPECIFIED",
        "settled": seen.state == "filled", "product_type": "SPOT", "reject_message": "",
        "cancel_message": made.why if seen.state == "cancelled" else "", "order_placement_source": "RETAIL_ADVANCED",
        "outstanding_hold_amount": text(made.hold) if seen.state == "open" else "0", "is_liquidation": False,
        "last_fill_time": rfc3339(seen.fills[-1].ts) if seen.fills else None, "edit_history": [],
        "leverage": "", "margin_type": "UNKNOWN_MARGIN_TYPE", "retail_portfolio_id": PORTFOLIO,
    }  # fmt: skip


def fill(one: Fill) -> dict[str, Any]:
    market = one.order.instrument
    return {
        "entry_id": uuid("entry", one.order.id, one.number), "trade_id": uuid("trade", one.order.id, one.number),
        "order_id": one.order.id, "trade_time": rfc3339(one.ts), "trade_type": "FILL",
        "price": market.price_text(one.ticks), "size": market.size_text(one.lots), "commission": text(one.fee),
        "product_id": market.name, "sequence_timestamp": rfc3339(one.ts),
        "liquidity_indicator": "MAKER" if one.maker else "TAKER", "size_in_quote": False, "user_id": USER,
        "side": side(one.order.ask.side), "retail_portfolio_id": PORTFOLIO,
    }  # fmt: skip


# --- accounts -------------------------------------------------------------------------------------------------------------


@cache
def account_id(asset: str) -> str:
    return uuid("account", asset)


def account(asset: str, free: int, held: int) -> dict[str, Any]:
    return {
        "uuid": account_id(asset), "name": f"{asset} Wallet", "currency": asset,
        "available_balance": {"value": text(free), "currency": asset}, "default": True, "active": True,
        "created_at": "2023-01-04T06:20:06.456Z", "updated_at": "2023-01-04T06:20:06.456Z", "deleted_at": None,
        "type": "ACCOUNT_TYPE_FIAT" if asset in FIAT else "ACCOUNT_TYPE_CRYPTO", "ready": True,
        "hold": {"value": text(held), "currency": asset}, "retail_portfolio_id": PORTFOLIO,
        "platform": "ACCOUNT_PLATFORM_CONSUMER",
    }  # fmt: skip


def portfolio() -> dict[str, Any]:
    return {"name": "Default", "uuid": PORTFOLIO, "type": "DEFAULT", "deleted": False}


def wallet(asset: str, total: int) -> dict[str, Any]:
    """An account in the older interface, which knows no holds."""
    kind = "fiat" if asset in FIAT else "wallet"
    return {
        "id": account_id(asset), "name": f"{asset} Wallet", "primary": False, "type": kind,
        "currency": {"code": asset, "name": asset, "exponent": 2 if kind == "fiat" else 8,
                     "type": "fiat" if kind == "fiat" else "crypto"},
        "balance": {"amount": text(total), "currency": asset}, "created_at": None, "updated_at": None,
        "resource": "account", "resource_path": f"/v2/accounts/{account_id(asset)}", "allow_deposits": True,
        "allow_withdrawals": True,
    }  # fmt: skip


def moved(one: Transfer) -> dict[str, Any]:
    """A transfer among an account's transactions."""
    kind = f"fiat_{'deposit' if one.amount > 0 else 'withdrawal'}" if one.asset in FIAT else "send"
    money = {"amount": text(one.amount), "currency": one.asset}
    row = _transaction(uuid("transfer", one.number), kind, one.ts, money)
    if kind == "send":
        row["network"] = {"status": "confirmed", "hash": f"sandbox-{one.number}", "network_name": one.asset.lower(),
                          "transaction_amount": money}  # fmt: skip
    return row


def traded(entry: Entry, asset: str, number: int) -> dict[str, Any]:
    """A leg of a trade among an account's transactions."""
    sign = 1 if entry.target == "free" else -1
    money = {"amount": text(sign * entry.amount), "currency": asset}
    return _transaction(uuid("leg", number), "advanced_trade_fill", entry.ts, money)


def _transaction(number: str, kind: str, ts: int, money: dict[str, str]) -> dict[str, Any]:
    return {"id": number, "type": kind, "status": "completed", "amount": money, "native_amount": money,
            "description": None, "created_at": rfc3339(ts), "updated_at": rfc3339(ts), "resource": "transaction",
            "resource_path": f"/v2/transactions/{number}", "hide_native_amount": False}  # fmt: skip


def payment(one: Transfer) -> dict[str, Any]:
    """A transfer of dollars and the like as a deposit or a withdrawal."""
    money = {"amount": text(abs(one.amount)), "currency": one.asset}
    return {"id": uuid("transfer", one.number), "status": "completed", "amount": money, "subtotal": money,
            "fee": {"amount": "0", "currency": one.asset}, "created_at": rfc3339(one.ts), "updated_at": rfc3339(one.ts),
            "resource": "deposit" if one.amount > 0 else "withdrawal", "committed": True,
            "payout_at": rfc3339(one.ts), "instant": True}  # fmt: skip


def summary(maker: int, taker: int) -> dict[str, Any]:
    tier = {"pricing_tier": "Intro 1", "usd_from": "0", "usd_to": "1000",
            "taker_fee_rate": decimal(taker, RATE_DIGITS), "maker_fee_rate": decimal(maker, RATE_DIGITS),
            "aop_from": "", "aop_to": ""}  # fmt: skip
    return {"total_volume": 0, "total_fees": 0, "fee_tier": tier, "margin_rate": None,
            "goods_and_services_tax": None, "advanced_trade_only_volume": 0, "advanced_trade_only_fees": 0,
            "coinbase_pro_volume": 0, "coinbase_pro_fees": 0, "total_balance": "", "has_promo_fee": False}  # fmt: skip
