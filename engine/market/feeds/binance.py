"""Binance spot's public stream: prints and best bid and ask. Pure: text in, events out.

Aggregated prints (aggTrade) are subscribed, because the REST side serves history under the same ids; plain prints
(trade) are read too. bookTicker carries no time on spot: such a quote has ts 0 and stands from the feed's latest
exchange time on. A message's event time `E` is the beat; one-second klines bring it also when nobody trades. Messages have
no numbers; but an aggregate tells the first and the last print it is made of, and those are numbered without holes.
"""

from __future__ import annotations

from typing import Any

import orjson

from engine.core.bars import Beat, Quote, Tick
from engine.market.events import Event, Malformed, Notice, Sequence
from engine.market.wire import Listing, loads, to_id, to_qty, to_ticks

NAME = "binance"
URL = "wss://stream.binance.com:9443/ws"
SILENCE_MS = 10_000
_STREAMS = ("aggTrade", "bookTicker", "kline_1s")
_BAD = (ValueError, KeyError, TypeError, IndexError, AttributeError, OverflowError)


def native(symbol: str) -> str:
    """`BTCUSDT` of `BTC/USDT`."""
    return symbol.replace("/", "")


def subscribe(symbols: list[str]) -> list[str]:
    """One message for all streams: the venue allows five messages a second."""
    params = [f"{symbol.lower()}@{stream}" for symbol in symbols for stream in _STREAMS]
    return [orjson.dumps({"method": "SUBSCRIBE", "params": params, "id": 1}).decode()]


def parse(text: str | bytes, symbols: Listing) -> list[Event]:
    """The events of one message, raw or of a combined stream; what has another shape becomes Malformed."""
    events: list[Event] = []
    try:
        message = loads(text)
        if "data" in message and "stream" in message:
            message = message["data"]
        kind = message.get("e")
        if kind == "aggTrade" or kind == "trade":
            _trade(message, "a" if kind == "aggTrade" else "t", symbols, events)
        elif kind is not None:
            events.append(Beat(_ms(message["E"])))
        elif "b" in message and "a" in message and "u" in message:
            _quote(message, symbols, events)
        elif "error" in message or "code" in message:
            error = message.get("error") or message
            events.append(Notice(f"binance says: {error.get('msg', error)}"))
        elif "result" not in message and "lastUpdateId" not in message:
            raise ValueError("neither a stream's message nor an answer")
    except _BAD as error:
        events.append(Malformed(f"{type(error).__name__}: {error}", _clip(text)))
    return events


def _trade(message: dict[str, Any], key: str, symbols: Listing, events: list[Event]) -> None:
    ts = _ms(message["E"])
    listed = symbols.get(message["s"])
    if listed is not None:
        first, last = message.get("f"), message.get("l")
        if type(first) is int and type(last) is int and 0 <= first <= last:
            events.append(Sequence(last, ts, first, listed.symbol))
    events.append(Beat(ts))
    if listed is not None:
        price, qty = to_ticks(message["p"], listed), to_qty(message["q"])
        events.append(Tick(listed.symbol, _ms(message["T"]), price, qty, to_id(message[key])))


def _quote(message: dict[str, Any], symbols: Listing, events: list[Event]) -> None:
    listed = symbols.get(message["s"])
    if listed is not None:
        bid, ask = to_ticks(message["b"], listed), to_ticks(message["a"], listed)
        events.append(Quote(listed.symbol, int(message.get("E", 0)), bid, ask, int(message["u"])))


def _ms(value: Any) -> int:
    if type(value) is not int or not 0 < value < 10**14:
        raise ValueError(f"{value!r} is no time in ms")
    return value


def _clip(what: object) -> str:
    text = what.decode("utf-8", "replace") if isinstance(what, bytes) else str(what)
    return text[:200]
