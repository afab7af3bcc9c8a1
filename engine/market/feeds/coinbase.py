"""Coinbase Advanced Trade's public stream: prints, best bid and ask, heartbeats. Pure: text in, events out.

Channels: market_trades (batched, each with its own time), ticker (the quote, under the message's time) and heartbeats
(one a second), which is subscribed last so that the first beat proves the other two. `sequence_num` counts the
messages of one connection; trade ids are those of the REST endpoint, so that prints fetched there and prints streamed
are told apart.
"""

from __future__ import annotations

from typing import Any

import orjson

from engine.core.bars import Beat, Quote, Tick
from engine.market.events import Event, Malformed, Notice, Sequence
from engine.market.wire import Listing, iso_ms, loads, to_id, to_qty, to_ticks

NAME = "coinbase"
URL = "wss://advanced-trade-ws.coinbase.com"
SILENCE_MS = 10_000
_CHANNELS = ("market_trades", "ticker", "heartbeats")
_BAD = (ValueError, KeyError, TypeError, IndexError, AttributeError, OverflowError)


def native(symbol: str) -> str:
    """`BTC-USD` of `BTC/USD`."""
    return symbol.replace("/", "-")


def subscribe(symbols: list[str]) -> list[str]:
    """The messages that subscribe to the venue's names `symbols`."""
    return [
        orjson.dumps({"type": "subscribe", "product_ids": symbols, "channel": channel}).decode()
        for channel in _CHANNELS
    ]


def parse(text: str | bytes, symbols: Listing) -> list[Event]:
    """The events of one message, oldest cause first; what has another shape becomes Malformed, never an exception."""
    events: list[Event] = []
    try:
        message = loads(text)
        channel = message.get("channel")
        if channel is None:
            return _words(message)
        ts = iso_ms(message["timestamp"])
        number = message.get("sequence_num")
        if type(number) is int:
            events.append(Sequence(number, ts))
        take = _TAKE.get(channel)
        if take is not None:
            for part in message["events"]:
                take(part, ts, number or 0, symbols, events)
    except _BAD as error:
        events.append(Malformed(f"{type(error).__name__}: {error}", _clip(text)))
    return events


def _words(message: dict[str, Any]) -> list[Event]:
    """Messages without a channel: the venue's errors."""
    if message.get("type") == "error" or "message" in message:
        return [Notice(f"coinbase says: {message.get('message') or message.get('reason') or 'error'}")]
    raise ValueError("neither a channel nor an error")


def _trades(part: dict[str, Any], _ts: int, _number: int, symbols: Listing, events: list[Event]) -> None:
    for trade in part["trades"]:
        try:
            listed = symbols.get(trade["product_id"])
            if listed is None:
                continue
            price, qty = to_ticks(trade["price"], listed), to_qty(trade["size"])
            events.append(Tick(listed.symbol, iso_ms(trade["time"]), price, qty, to_id(trade["trade_id"])))
        except _BAD as error:
            events.append(Malformed(f"{type(error).__name__}: {error}", _clip(trade)))


def _tickers(part: dict[str, Any], ts: int, number: int, symbols: Listing, events: list[Event]) -> None:
    for ticker in part["tickers"]:
        try:
            listed = symbols.get(ticker["product_id"])
            bid, ask = ticker.get("best_bid"), ticker.get("best_ask")
            # An empty side is how a book without orders is told: no quote, and nothing wrong.
            if listed is None or not bid or not ask or bid == "0" or ask == "0":
                continue
            events.append(Quote(listed.symbol, ts, to_ticks(bid, listed), to_ticks(ask, listed), number))
        except _BAD as error:
            events.append(Malformed(f"{type(error).__name__}: {error}", _clip(ticker)))


def _beats(part: dict[str, Any], ts: int, _number: int, _symbols: Listing, events: list[Event]) -> None:
    # `current_time` may come in a form of its own; the message's time says the same.
    events.append(Beat(ts))


_TAKE = {"market_trades": _trades, "ticker": _tickers, "heartbeats": _beats}


def _clip(what: object) -> str:
    text = what.decode("utf-8", "replace") if isinstance(what, bytes) else str(what)
    return text[:200]
