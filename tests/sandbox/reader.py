"""A bot's stream for the tests: a real websocket-client connection to a sandbox, its messages as dicts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import orjson
import websocket

from engine.sandbox.server import Sandbox
from engine.sandbox.simulated import Candles

START = "2026-01-05T10:00:00Z"
START_MS = 1_767_607_200_000
CHANNELS = ("market_trades", "ticker", "heartbeats")


class Reader:
    """One connection. `text` is what came last, as it came."""

    def __init__(self, url: str) -> None:
        self.socket = websocket.create_connection(url, timeout=20)
        self.text: bytes = b""

    def ask(self, channel: str, *products: str, kind: str = "subscribe") -> None:
        self.say({"type": kind, "channel": channel, "product_ids": list(products)})

    def say(self, message: Any) -> None:
        self.socket.send(message if isinstance(message, str) else orjson.dumps(message).decode())

    def frame(self) -> bytes:
        """The next frame; ConnectionError when there is none any more."""
        try:
            code, self.text = self.socket.recv_data()
        except (websocket.WebSocketConnectionClosedException, ConnectionError) as error:
            raise ConnectionResetError(str(error)) from error
        if code == websocket.ABNF.OPCODE_CLOSE:
            raise ConnectionResetError("closed")
        return self.text

    def next(self, channel: str = "") -> dict[str, Any]:
        """The next message, or the next of a channel."""
        while True:
            message: dict[str, Any] = orjson.loads(self.frame())
            if not channel or message.get("channel") == channel:
                return message

    def to_the_end(self) -> list[dict[str, Any]]:
        """Messages until the connection breaks."""
        found = []
        while True:
            try:
                found.append(self.next())
            except ConnectionResetError:
                return found

    def until(self, ts: int) -> list[dict[str, Any]]:
        """Messages up to and with the heartbeat of exchange time `ts` or later; what is no message is left out."""
        found = []
        while True:
            try:
                message = orjson.loads(self.frame())
            except orjson.JSONDecodeError:
                continue
            if not isinstance(message, dict) or "sequence_num" not in message:
                continue
            found.append(message)
            if message["channel"] == "heartbeats" and ms(message["timestamp"]) >= ts:
                return found


@contextmanager
def reading(
    sandbox: Sandbox, products: Sequence[str] = ("BTC-USD",), channels: Sequence[str] = CHANNELS
) -> Iterator[Reader]:
    reader = Reader(sandbox.ws_url)
    try:
        for channel in channels:
            reader.ask(channel, *products)
        yield reader
    finally:
        reader.socket.shutdown()


def ms(text: str) -> int:
    """ms UTC of RFC 3339 text with three decimals."""
    from datetime import datetime

    return round(datetime.fromisoformat(text).timestamp() * 1000)


def trades(messages: Sequence[dict[str, Any]], kind: str = "update") -> list[dict[str, str]]:
    return [
        trade
        for message in messages
        if message["channel"] == "market_trades"
        for event in message["events"]
        if event["type"] == kind
        for trade in event["trades"]
    ]


def same(one: Candles, other: Candles) -> bool:
    return all((a == b).all() and len(a) == len(b) for a, b in zip(one, other, strict=True))
