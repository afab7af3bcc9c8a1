"""Kraken's public stream, version 2: prints and best bid and ask. Pure: text in, events out.

Its heartbeat carries no time, so the venue is pinged each second: the pong does. Numbers are JSON numbers and are
read by their shortest decimal form, which is what was sent. A quote stands under its own timestamp where it has one,
else from the feed's latest exchange time on (ts 0).
"""

from __future__ import annotations

from typing import Any

import orjson

from engine.core.bars import Beat, Quote, Tick
from engine.market.events import Event, Malformed, Notice
from engine.market.wire import Listing, iso_ms, loads, to_id, to_qty, to_ticks

NAME = "kraken"
URL = "wss://ws.kraken.com/v2"
SILENCE_MS = 10_000
PING = '{"method":"ping"}'
_BAD = (ValueError, KeyError, TypeError, IndexError, AttributeError, OverflowError)


def native(symbol: str) -> str:
    """Version 2 speaks `BTC/USD` as we do."""
    return symbol


def subscribe(symbols: list[str]) -> list[str]:
    """Prints with their last ones as a snapshot, and the quote whenever it changes."""
    wanted: list[dict[str, Any]] = [
        {"channel": "trade", "symbol": symbols, "snapshot": True},
        {"channel": "ticker", "symbol": symbols, "event_trigger": "bbo"},
    ]
    return [
        orjson.dumps({"method": "subscribe", "params": params, "req_id": n}).decode()
        for n, params in enumerate(wanted, 1)
    ]


def parse(text: str | bytes, symbols: Listing) -> list[Event]:
    """The events of one message; what has another shape becomes Malformed, never an exception."""
    events: list[Event] = []
    try:
        message = loads(text)
        channel = message.get("channel")
        if channel == "trade" or channel == "ticker":
            take = _trade if channel == "trade" else _ticker
            for row in message["data"]:
                take(row, symbols, events)
        elif channel is None:
            _answer(message, events)
    except _BAD as error:
        events.append(Malformed(f"{type(error).__name__}: {error}", _clip(text)))
    return events


def _answer(message: dict[str, Any], events: list[Event]) -> None:
    """Answers to our own messages: a pong tells the venue's time, a refusal says why."""
    if message.get("success") is False or message.get("error"):
        events.append(Notice(f"kraken says: {message.get('error', 'refused')}"))
    elif message.get("method") == "pong":
        events.append(Beat(iso_ms(message["time_out"])))
    elif "method" not in message:
        raise ValueError("neither a channel nor an answer")


def _trade(row: dict[str, Any], symbols: Listing, events: list[Event]) -> None:
    try:
        listed = symbols.get(row["symbol"])
        if listed is not None:
            price, qty = to_ticks(row["price"], listed), to_qty(row["qty"])
            events.append(Tick(listed.symbol, iso_ms(row["timestamp"]), price, qty, to_id(row["trade_id"])))
    except _BAD as error:
        events.append(Malformed(f"{type(error).__name__}: {error}", _clip(row)))


def _ticker(row: dict[str, Any], symbols: Listing, events: list[Event]) -> None:
    try:
        listed = symbols.get(row["symbol"])
        if listed is not None and row["bid"] and row["ask"]:
            ts = iso_ms(row["timestamp"]) if row.get("timestamp") else 0
            events.append(Quote(listed.symbol, ts, to_ticks(row["bid"], listed), to_ticks(row["ask"], listed)))
    except _BAD as error:
        events.append(Malformed(f"{type(error).__name__}: {error}", _clip(row)))


def _clip(what: object) -> str:
    text = what.decode("utf-8", "replace") if isinstance(what, bytes) else str(what)
    return text[:200]
