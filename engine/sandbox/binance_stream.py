"""Binance's stream as it is spoken: `/ws` tells raw messages, `/stream` wraps each with its stream's name, and either takes
streams in its address or SUBSCRIBE messages. A connection lives a day.
"""

from __future__ import annotations

from typing import Any

import orjson

from engine.sandbox.binance_script import BinanceScript
from engine.sandbox.script import Line
from engine.sandbox.speech import Channels, Wish

DAY_MS = 86_400_000
MOST_STREAMS = 1024
METHODS = ("SUBSCRIBE", "UNSUBSCRIBE", "LIST_SUBSCRIPTIONS", "SET_PROPERTY", "GET_PROPERTY")


class BinanceSpeech:
    """Spot's market streams. Channels are kinds of streams (`aggTrade`, `kline_1m`), products the names before the @."""

    life_ms = DAY_MS

    def __init__(self, script: BinanceScript, combined: bool = False) -> None:
        self.script, self.combined = script, combined

    def read(self, request: Any) -> Wish:
        if not isinstance(request, dict) or request.get("method") not in METHODS:
            raise ValueError("unknown method")
        method, params = request["method"], request.get("params")
        if method == "SET_PROPERTY":
            if not isinstance(params, list) or params[:1] != ["combined"] or not isinstance(params[-1], bool):
                raise ValueError("property must be combined, its value true or false")
            self.combined = params[-1]
        if method not in METHODS[:2]:
            return Wish(None, [], request)
        if not isinstance(params, list) or not all(isinstance(one, str) for one in params) or not params:
            raise ValueError("params must be a list of streams")
        return Wish(method == "SUBSCRIBE", self.streams(params), request)

    def streams(self, names: list[str]) -> list[tuple[str, list[str]]]:
        """Streams by kind. A market that is not listed is accepted, as there, and says nothing. ValueError: no such stream."""
        if len(names) > MOST_STREAMS:
            raise ValueError(f"a connection has at most {MOST_STREAMS} streams")
        found: dict[str, list[str]] = {}
        for name in names:
            market, at, kind = name.partition("@")
            if not at or not self.script.serves(kind):
                raise ValueError(f"unknown stream {name!r}")
            found.setdefault(kind, []).append(market)
        return list(found.items())

    def refused(self, words: str, request: Any) -> bytes:
        asked = request.get("id") if isinstance(request, dict) else None
        return orjson.dumps({"error": {"code": 2, "msg": f"Invalid request: {words}"}, "id": asked})

    def replies(self, wish: Wish, channels: Channels, at: int) -> list[bytes]:
        if wish.asked is None:
            return []
        method = wish.asked["method"]
        result: Any = None
        if method == "LIST_SUBSCRIPTIONS":
            result = [f"{market}@{kind}" for kind, markets in channels.items() for market in markets]
        elif method == "GET_PROPERTY":
            result = self.combined
        return [orjson.dumps({"result": result, "id": wish.asked.get("id")})]

    def told(self, line: Line) -> bytes:
        return b'{"stream":"' + line.head + b'","data":' + line.tail + b"}" if self.combined else line.tail

    def withheld(self) -> None:
        """Nothing is numbered: only the trades' own numbers tell."""

    def complete(self, channels: Channels) -> bool:
        return "kline_1s" in channels and len(channels) > 1
