"""The exchange's words: times, products, candles, trades and stream messages in the shapes of Coinbase Advanced Trade.
Pure: values in, dicts or text out.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import orjson

from engine.sandbox.market import Day, Quote
from engine.sandbox.paths import Prints
from engine.sandbox.products import Product
from engine.sandbox.simulated import Candles

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def rfc3339(ts: int) -> str:
    """`2026-01-05T10:00:00.250Z` of ms UTC."""
    return f"{_second(ts // 1000)}.{ts % 1000:03d}Z"


@lru_cache(maxsize=4096)
def _second(seconds: int) -> str:
    return (_EPOCH + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S")


def go_time(ts: int, uptime_ms: int) -> str:
    """The form in which heartbeats tell their time, which is not RFC 3339."""
    text = (_EPOCH + timedelta(milliseconds=ts)).strftime("%Y-%m-%d %H:%M:%S")
    return f"{text}.{ts % 1000:03d}000000 +0000 UTC m=+{uptime_ms / 1000:.9f}"


def server_time(ts: int) -> dict[str, str]:
    return {"iso": rfc3339(ts), "epochSeconds": str(ts // 1000), "epochMillis": str(ts)}


def currency(code: str) -> str:
    return {"USD": "US Dollar", "EUR": "Euro", "GBP": "Pound Sterling", "USDC": "USDC", "USDT": "Tether"}.get(
        code, code
    )


def change(last: int, first: int) -> str:
    return f"{(last / first - 1) * 100:.8f}" if first else "0"


def product(p: Product, quote: Quote | None, day: Day | None) -> dict[str, Any]:
    """One listing; price and day figures are empty where nothing has been traded."""
    price = p.price_text(quote.price) if quote else ""
    return {
        "product_id": p.id,
        "price": price,
        "price_percentage_change_24h": change(quote.price, day.first) if quote and day else "",
        "volume_24h": p.size_text(day.volume) if day else "",
        "volume_percentage_change_24h": "",
        "base_increment": p.lot,
        "quote_increment": p.tick,
        "price_increment": p.tick,
        "base_min_size": p.lot,
        "base_max_size": "1000000000",
        "quote_min_size": "1",
        "quote_max_size": "150000000",
        "base_name": p.name,
        "quote_name": currency(p.quote),
        "watched": False,
        "is_disabled": False,
        "new": False,
        "status": "online",
        "cancel_only": False,
        "limit_only": False,
        "post_only": False,
        "trading_disabled": False,
        "auction_mode": False,
        "product_type": "SPOT",
        "quote_currency_id": p.quote,
        "base_currency_id": p.base,
        "fcm_trading_session_details": None,
        "mid_market_price": "",
        "alias": "",
        "alias_to": [],
        "base_display_symbol": p.base,
        "quote_display_symbol": p.quote,
        "view_only": False,
        "display_name": p.id,
        "product_venue": "CBE",
    }


def candles(p: Product, rows: Candles) -> list[dict[str, str]]:
    """Newest first, prices and volume as text, start in seconds."""
    made = [
        {"start": str(ts // 1000), "low": p.price_text(low), "high": p.price_text(high), "open": p.price_text(open_),
         "close": p.price_text(close), "volume": p.size_text(volume)}
        for ts, open_, high, low, close, volume in zip(*(column.tolist() for column in rows), strict=True)
    ]  # fmt: skip
    return made[::-1]


def trades(p: Product, prints: Prints) -> list[dict[str, str]]:
    """Newest first. `side` is the maker's, as on the real exchange: SELL when the taker bought."""
    made = [
        {"trade_id": str(i), "product_id": p.id, "price": p.price_text(price), "size": p.size_text(size),
         "time": rfc3339(ts), "side": "SELL" if side > 0 else "BUY"}
        for ts, price, size, side, i in zip(*(column.tolist() for column in prints), strict=True)
    ]  # fmt: skip
    return made[::-1]


def ticker(p: Product, quote: Quote, day: Day | None) -> dict[str, str]:
    figures = day or Day(quote.price, quote.price, 0, quote.price, quote.price, quote.price)
    # The day's figures are those up to the running minute; the last price may have gone beyond them.
    low, high = min(figures.low, quote.price), max(figures.high, quote.price)
    return {
        "type": "ticker",
        "product_id": p.id,
        "price": p.price_text(quote.price),
        "volume_24_h": p.size_text(figures.volume),
        "low_24_h": p.price_text(low),
        "high_24_h": p.price_text(high),
        "low_52_w": p.price_text(min(figures.low_52w, low)),
        "high_52_w": p.price_text(max(figures.high_52w, high)),
        "price_percent_chg_24_h": change(quote.price, figures.first),
        "best_bid": p.price_text(quote.bid),
        "best_bid_quantity": p.size_text(quote.bid_size),
        "best_ask": p.price_text(quote.ask),
        "best_ask_quantity": p.size_text(quote.ask_size),
    }


def book_side(p: Product, price: int, size: int) -> list[dict[str, str]]:
    return [{"price": p.price_text(price), "size": p.size_text(size)}]


def book(p: Product, quote: Quote, now: int) -> dict[str, Any]:
    """The top of the book; the sandbox has no depth below it."""
    return {
        "product_id": p.id,
        "bids": book_side(p, quote.bid, quote.bid_size),
        "asks": book_side(p, quote.ask, quote.ask_size),
        "time": rfc3339(now),
    }


def message(channel: str, ts: int, events: list[dict[str, Any]]) -> tuple[bytes, bytes]:
    """A stream message in two halves; the connection's sequence number goes between them."""
    head = f'{{"channel":"{channel}","client_id":"","timestamp":"{rfc3339(ts)}","sequence_num":'
    return head.encode(), b',"events":' + orjson.dumps(events) + b"}"


def error(text: str) -> bytes:
    return orjson.dumps({"type": "error", "message": text})
