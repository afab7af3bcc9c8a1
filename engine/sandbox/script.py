"""What the stream says when: the messages of each channel and product in exchange time, before any connection numbers
them. A pure function of the market, made in stretches and kept a while, so that all connections share the work.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import NamedTuple

import numpy as np

from engine.sandbox import wire
from engine.sandbox.market import Market
from engine.sandbox.paths import Prints

STRETCH_MS = 10_000
KEPT = 512
SNAPSHOT = 50
CHANNELS = ("market_trades", "ticker", "heartbeats")


class Line(NamedTuple):
    """One message: exchange ms at which it is sent, its place among those of that instant, its two halves."""

    ts: int
    rank: int
    product_id: str
    head: bytes
    tail: bytes


class Script:
    """The lines of `market`; prints are gathered for `batch_ms` before they are sent, as the real exchange does."""

    def __init__(self, market: Market, start: int, batch_ms: int) -> None:
        self.market, self.start, self.batch_ms = market, start, batch_ms
        self._kept: OrderedDict[tuple[str, str, int], list[Line]] = OrderedDict()

    def lines(self, channels: dict[str, list[str]], after: int, until: int) -> list[Line]:
        """All lines with after < ts <= until of the channels and their products, in sending order."""
        found = []
        for stretch in range(after // STRETCH_MS, until // STRETCH_MS + 1):
            for channel, products in channels.items():
                for product_id in products or [""]:
                    kept = self._stretch(channel, product_id, stretch)
                    found += [line for line in kept if after < line.ts <= until]
        found.sort()
        return found

    def snapshot(self, channel: str, product_ids: list[str], now: int) -> list[tuple[bytes, bytes]]:
        """What a channel says first: the last prints before `now`, the ticker at `now`; nothing for heartbeats."""
        made = []
        for product_id in product_ids:
            product = self.market.products[product_id]
            if channel == "market_trades":
                rows = wire.trades(product, self.market.latest(product_id, now, SNAPSHOT))
                made.append(wire.message(channel, now, [{"type": "snapshot", "trades": rows}]))
            elif channel == "ticker" and (quote := self.market.quote(product_id, now)):
                row = wire.ticker(product, quote, self.market.day(product_id, now))
                made.append(wire.message(channel, now, [{"type": "snapshot", "tickers": [row]}]))
        return made

    def _stretch(self, channel: str, product_id: str, stretch: int) -> list[Line]:
        """Lines with stretch * STRETCH_MS <= ts < (stretch + 1) * STRETCH_MS."""
        key = (channel, product_id, stretch)
        if key not in self._kept:
            start = stretch * STRETCH_MS
            made = self._beats(start) if channel == "heartbeats" else self._market(channel, product_id, start)
            self._kept[key] = made
            if len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return self._kept[key]

    def _beats(self, start: int) -> list[Line]:
        lines = []
        for ts in range(-(-start // 1000) * 1000, start + STRETCH_MS, 1000):
            uptime = max(ts - self.start, 0)
            event = {"current_time": wire.go_time(ts, uptime), "heartbeat_counter": str(uptime // 1000)}
            # Last of its instant: a beat says that everything before it has been sent.
            lines.append(Line(ts, 9, "", *wire.message("heartbeats", ts, [event])))
        return lines

    def _market(self, channel: str, product_id: str, start: int) -> list[Line]:
        """One line for each batch in which something was printed; it is sent at the batch's end."""
        batch = self.batch_ms
        prints = self.market.prints(product_id, start - batch, start + STRETCH_MS - batch)
        if not len(prints.ts):
            return []
        windows = prints.ts // batch
        first = np.flatnonzero(np.diff(windows, prepend=-1)).tolist()
        make = self._trades if channel == "market_trades" else self._ticker
        rank = 0 if channel == "market_trades" else 1
        lines = []
        for a, b in zip(first, [*first[1:], len(windows)], strict=True):
            ts = (int(windows[a]) + 1) * batch
            part = Prints(*(column[a:b] for column in prints))
            lines.append(Line(ts, rank, product_id, *wire.message(channel, ts, make(product_id, part, ts))))
        return lines

    def _trades(self, product_id: str, part: Prints, ts: int) -> list[dict[str, object]]:
        rows = wire.trades(self.market.products[product_id], part)
        return [{"type": "update", "trades": rows[::-1]}]

    def _ticker(self, product_id: str, part: Prints, ts: int) -> list[dict[str, object]]:
        last = (int(part.ts[-1]), int(part.price[-1]), int(part.side[-1]), int(part.id[-1]))
        row = wire.ticker(
            self.market.products[product_id], self.market.quoted(product_id, *last), self.market.day(product_id, ts)
        )
        return [{"type": "update", "tickers": [row]}]
