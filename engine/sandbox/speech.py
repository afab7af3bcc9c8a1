"""How an exchange's stream is spoken: what a client's message asks for, and what is said back. The connection is `stream`'s,
what is told when is the script's. Here: what every speech is, and Coinbase's.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

from engine.sandbox import wire
from engine.sandbox.script import CHANNELS, Line, Script

Channels = dict[str, list[str]]
"""What a connection has subscribed to: products by channel, in the speech's own names."""


class Wish(NamedTuple):
    """What one message of a client asks for: `add` (True), take away (False) or neither (None), channel by channel."""

    add: bool | None
    channels: list[tuple[str, list[str]]]
    asked: Any = None


class Lines(Protocol):
    def lines(self, channels: Channels, after: int, until: int) -> list[Line]: ...


class Speech(Protocol):
    """One connection's. `life_ms`: the exchange ends a connection of that age; 0: never."""

    life_ms: int

    @property
    def script(self) -> Lines: ...

    def read(self, request: Any) -> Wish:
        """ValueError: the words of the refusal."""

    def refused(self, words: str, request: Any) -> bytes: ...

    def replies(self, wish: Wish, channels: Channels, at: int) -> list[bytes]:
        """What follows a wish that was granted at exchange time `at`."""

    def told(self, line: Line) -> bytes:
        """A line as it goes out on this connection."""

    def withheld(self) -> None:
        """A line is lost on its way."""

    def complete(self, channels: Channels) -> bool:
        """Whether a client with these channels will hardly ask for more."""


class CoinbaseSpeech:
    """Coinbase Advanced Trade: a message a channel, every message numbered."""

    life_ms = 0

    def __init__(self, script: Script) -> None:
        self.script = script
        self._sequence = 0

    def read(self, request: Any) -> Wish:
        if not isinstance(request, dict) or request.get("type") not in ("subscribe", "unsubscribe"):
            raise ValueError("type must be subscribe or unsubscribe")
        channel = request.get("channel")
        if channel not in CHANNELS:
            raise ValueError(f"channel {channel!r} is not served here; choose one of {', '.join(CHANNELS)}")
        products = request.get("product_ids") or []
        if not isinstance(products, list) or not all(isinstance(p, str) for p in products):
            raise ValueError("product_ids must be a list of product ids such as BTC-USD")
        listed = self.script.market.products
        if unknown := [p for p in products if p not in listed]:
            raise ValueError(f"{', '.join(unknown)} is not a product; listed are {', '.join(listed)}")
        add = request["type"] == "subscribe"
        if channel == "heartbeats":
            return Wish(add, [(channel, [])])
        if not products:
            raise ValueError(f"channel {channel} needs product_ids")
        return Wish(add, [(channel, list(dict.fromkeys(products)))])

    def refused(self, words: str, request: Any) -> bytes:
        return wire.error(words)

    def replies(self, wish: Wish, channels: Channels, at: int) -> list[bytes]:
        event = {"subscriptions": {name: ids or [name] for name, ids in channels.items()}}
        said = [self._numbered(*wire.message("subscriptions", at, [event]))]
        if wish.add:
            for channel, products in wish.channels:
                said += [self._numbered(*halves) for halves in self.script.snapshot(channel, products, at)]
        return said

    def told(self, line: Line) -> bytes:
        return self._numbered(line.head, line.tail)

    def withheld(self) -> None:
        # Numbered but never sent: the next message's number tells.
        self._sequence += 1

    def complete(self, channels: Channels) -> bool:
        return "heartbeats" in channels and len(channels) > 1

    def _numbered(self, head: bytes, tail: bytes) -> bytes:
        text = head + str(self._sequence).encode() + tail
        self._sequence += 1
        return text
