"""Live feeds. One file = one exchange's stream: adding a file adds the exchange, every other one is polled over REST.

A file is a room of `_socket.Room`: NAME, URL, SILENCE_MS, native, subscribe, parse, and maybe PING (a message to send
every second, for venues that tell their time only when asked). Nothing here folds prints into bars.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Protocol

from engine.core.types import Instrument
from engine.market.events import Event
from engine.market.feeds._socket import Room, StreamFeed
from engine.market.feeds.polling import PollingFeed
from engine.market.symbols import canonical
from engine.market.venue import open_venue
from engine.market.wire import listing


class Feed(Protocol):
    """A running source of events. `polling` feeds see the market in steps: stops act once a poll."""

    polling: bool
    connected: bool
    last_error: str
    counters: Counter[str]

    def start(self) -> None: ...
    def stop(self, timeout: float = 3.0) -> None: ...


def available() -> list[str]:
    """Exchanges with a stream of their own, by the files in this folder."""
    names = (module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_"))
    return sorted(name for name in names if name != "polling")


def room(exchange_id: str) -> Room:
    """The file of one exchange's stream; ValueError where there is none."""
    if exchange_id not in available():
        raise ValueError(f"{exchange_id} has no stream of its own; it is polled. Streams: {', '.join(available())}")
    module: Room = importlib.import_module(f"{__name__}.{exchange_id}")
    return module


def open(
    exchange_id: str,
    symbols: Sequence[str],
    instruments: Sequence[Instrument],
    on_event: Callable[[Event], None],
    base_url: str = "",
    ws_url: str = "",
    pace: float = 1.0,
    grace_ms: int = 1000,
) -> Feed:
    """The feed of an exchange, not yet started. Events name symbols by their place in `symbols`.

    `base_url` and `ws_url` aim at a server that speaks the exchange's protocol; `pace` is the speed of its time,
    `grace_ms` how long a second stays open for what comes late.
    """
    by_symbol = {i.symbol: i for i in instruments}
    chosen = [by_symbol[canonical(symbol)] for symbol in symbols]
    exchange_id = exchange_id.lower()
    if exchange_id in available():
        stream = room(exchange_id)
        return StreamFeed(stream, listing(chosen, stream.native), on_event, ws_url, pace=pace, grace_ms=grace_ms)
    return PollingFeed(open_venue(exchange_id, base_url, pace), chosen, on_event, pace=pace)
