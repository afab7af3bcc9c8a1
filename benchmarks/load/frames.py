"""A made-up market as the very bytes a socket takes: Coinbase's messages in WebSocket frames, encoded before they are sent.

Prices walk at random from where the sandbox's market stands; the same seed gives the same bytes. No socket, no clock.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from engine.sandbox.products import Product
from engine.sandbox.wire import rfc3339

BURST_S = 0.005
QUOTE_EVERY = 5
"""A ticker message follows every fifth print."""


@dataclass
class Stretch:
    """Pre-encoded bytes in bursts, one every BURST_S. `last` is each burst's newest exchange ms; `lots` what was printed of each
    product, exactly, by whole exchange second."""

    bursts: list[bytes] = field(default_factory=list)
    last: list[int] = field(default_factory=list)
    ticks: int = 0
    lots: dict[int, list[int]] = field(default_factory=dict)


def framed(payload: bytes) -> bytes:
    """A server's text frame."""
    size = len(payload)
    head = struct.pack("!BB", 0x81, size) if size < 126 else struct.pack("!BBH", 0x81, 126, size)
    return head + payload


class Maker:
    """Makes stretches of one connection, in order: its messages are numbered through."""

    def __init__(self, products: Sequence[Product], prices: Sequence[int], per_message: int = 1, seed: int = 5) -> None:
        self.products, self.per_message = list(products), per_message
        self.prices = np.array(prices, np.float64)
        self.random = np.random.default_rng(seed)
        self.number = self.trade_id = 0

    def beat(self, ts: int) -> bytes:
        """A heartbeat of exchange time `ts`."""
        return self._message("heartbeats", ts, '[{"current_time":"","heartbeat_counter":"1"}]')

    def stretch(self, begin: int, rate: float, seconds: float, speed: float) -> Stretch:
        """`seconds` of wall time from exchange ms `begin` on, `rate` prints a second of wall time, exchange time at `speed`."""
        made = Stretch()
        count, bursts = int(rate * seconds), int(seconds / BURST_S)
        ts = begin + (np.arange(count) * (1000.0 * speed / rate)).astype(np.int64)
        which = self.random.integers(0, len(self.products), count)
        lots = self.random.integers(1, 50_000, count)
        prices = self._walk(which)
        ends = begin + ((np.arange(bursts) + 1) * (1000.0 * speed * BURST_S)).astype(np.int64)
        cuts = np.searchsorted(ts, ends, side="left")
        low, second = 0, begin // 1000
        for high, end in zip(cuts.tolist(), ends.tolist(), strict=True):
            rows = range(low, high, self.per_message)
            parts = [self._trades(made, ts, which, prices, lots, at, min(at + self.per_message, high)) for at in rows]
            newest = int(ts[high - 1]) if high > low else 0
            if end // 1000 > second:
                second = end // 1000
                parts.append(self.beat(max(newest, second * 1000)))
                newest = max(newest, second * 1000)
            made.bursts.append(b"".join(parts))
            made.last.append(newest or (made.last[-1] if made.last else begin))
            low = high
        made.ticks = count
        return made

    def _walk(self, which: Any) -> Any:
        """int64[n]: each product's price in ticks at each of its prints."""
        prices = np.empty(which.size, np.int64)
        for k, price in enumerate(self.prices.tolist()):
            mine = which == k
            path = price * np.exp(np.cumsum(self.random.normal(0, 2e-5, int(mine.sum()))))
            prices[mine] = np.maximum(np.rint(path), 2)
            if path.size:
                self.prices[k] = path[-1]
        return prices

    def _trades(self, made: Stretch, ts: Any, which: Any, prices: Any, lots: Any, low: int, high: int) -> bytes:
        """One market_trades message of the prints [low, high), and a ticker where one is due."""
        rows = []
        for i in range(low, high):
            k, price, size, at = int(which[i]), int(prices[i]), int(lots[i]), int(ts[i])
            product = self.products[k]
            self.trade_id += 1
            made.lots.setdefault(at // 1000, [0] * len(self.products))[k] += size
            rows.append(
                f'{{"trade_id":"{self.trade_id}","product_id":"{product.id}","price":"{product.price_text(price)}",'
                f'"size":"{product.size_text(size)}","time":"{rfc3339(at)}","side":"BUY"}}'
            )
        message = self._message("market_trades", at, f'[{{"type":"update","trades":[{",".join(rows)}]}}]')
        if low // QUOTE_EVERY == high // QUOTE_EVERY:
            return message
        ticker = (
            f'[{{"type":"update","tickers":[{{"type":"ticker","product_id":"{product.id}",'
            f'"price":"{product.price_text(price)}","volume_24_h":"1000","low_24_h":"1","high_24_h":"1",'
            f'"best_bid":"{product.price_text(price - 1)}","best_bid_quantity":"1.5",'
            f'"best_ask":"{product.price_text(price + 1)}","best_ask_quantity":"1.5"}}]}}]'
        )
        return message + self._message("ticker", at, ticker)

    def _message(self, channel: str, ts: int, events: str) -> bytes:
        head = (
            f'{{"channel":"{channel}","client_id":"","timestamp":"{rfc3339(ts)}","sequence_num":{self.number},"events":'
        )
        self.number += 1
        return framed(f"{head}{events}}}".encode())
