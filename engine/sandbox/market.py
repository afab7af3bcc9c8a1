"""The whole truth about the exchange's market: prints, candles, quotes and day figures of any moment, history included.

Candles come from the source (simulated or replayed), prints are made from them block by block and kept a while; a
candle finer than the source is the bar of its prints. No clock here: callers say up to when they may look.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np

from engine.sandbox import dice, paths
from engine.sandbox.dice import Ints
from engine.sandbox.paths import NO_PRINTS, Prints
from engine.sandbox.products import LISTED, Product
from engine.sandbox.simulated import DAY_MS, EMPTY, MINUTE_MS, Candles, Simulated, joined

BLOCK_MS = 600_000
KEPT_PRINTS = 3_000_000


class Source(Protocol):
    """Where candles come from; `step_ms` is their length."""

    step_ms: int
    notes: tuple[str, ...]

    def span(self, product_id: str) -> tuple[int, int]: ...
    def typical(self, product_id: str) -> float: ...
    def candles(self, product_id: str, start: int, end: int) -> Candles: ...
    def daily(self, product_id: str, ts: int, days: int) -> Ints: ...


class Quote(NamedTuple):
    """Best bid and ask in ticks, what lies there in lots, and the print that left them: its ts, price and id."""

    bid: int
    ask: int
    bid_size: int
    ask_size: int
    ts: int
    price: int
    id: int


@dataclass(frozen=True)
class Day:
    """The 24 hours before a minute's start: low, high (ticks), volume (lots), first price; 52 weeks' low and high."""

    low: int
    high: int
    volume: int
    first: int
    low_52w: int
    high_52w: int


class Market:
    """Prices in ticks, sizes in lots, times in ms UTC. Safe to use from several threads.

    KeyError for a product that is not listed.
    """

    def __init__(self, seed: int = 7, products: tuple[Product, ...] = LISTED, source: Source | None = None,
                 rate: float = 1.0) -> None:  # fmt: skip
        self.seed, self.rate = seed, rate
        self.source: Source = source or Simulated(seed, products)
        self.products = {product.id: product for product in products}
        self._keys = {product.id: dice.key(seed, product.id, "prints") for product in products}
        self._quotes = {product.id: dice.key(seed, product.id, "quotes") for product in products}
        self._blocks: OrderedDict[tuple[str, int], Prints] = OrderedDict()
        self._days: OrderedDict[tuple[str, int], Day] = OrderedDict()
        self._kept = 0
        self._block_ms = max(BLOCK_MS // self.source.step_ms, 1) * self.source.step_ms
        self._lock = threading.RLock()

    def prints(self, product_id: str, start: int, end: int) -> Prints:
        """Every print with start <= ts < end."""
        low, high = self.source.span(product_id)
        start, end = max(start, low), min(end, high)
        if start >= end:
            return NO_PRINTS
        step = self._block_ms
        blocks = [self._block(product_id, at) for at in range(start // step * step, end, step)]
        return paths.joined([block.slice(start, end) for block in blocks])

    def _block(self, product_id: str, at: int) -> Prints:
        with self._lock:
            found = self._blocks.get((product_id, at))
            if found is not None:
                self._blocks.move_to_end((product_id, at))
                return found
            product = self.products[product_id]
            made = paths.prints(
                self.source.candles(product_id, at, at + self._block_ms),
                self._keys[product_id],
                self.source.step_ms,
                product.rate * self.rate,
                self.source.typical(product_id),
            )
            self._blocks[product_id, at] = made
            self._kept += len(made.ts)
            while self._kept > KEPT_PRINTS and len(self._blocks) > 1:
                self._kept -= len(self._blocks.popitem(last=False)[1].ts)
            return made

    def candles(self, product_id: str, step_ms: int, start: int, end: int, now: int | None = None) -> Candles:
        """Candles of `step_ms` with start <= ts < end; of the one running at `now` what has been printed before `now`,
        later ones not at all.
        """
        start = -(-start // step_ms) * step_ms
        if now is None:
            return self._closed(product_id, step_ms, start, end)
        running = now // step_ms * step_ms
        closed = self._closed(product_id, step_ms, start, min(end, running))
        if not start <= running < end:
            return closed
        return joined([closed, self._running(product_id, step_ms, running, now)])

    def _closed(self, product_id: str, step_ms: int, start: int, end: int) -> Candles:
        if start >= end:
            return EMPTY
        end = -(-end // step_ms) * step_ms
        if step_ms % self.source.step_ms:
            return bars(self.prints(product_id, start, end), step_ms)
        return gathered(self.source.candles(product_id, start, end), step_ms)

    def _running(self, product_id: str, step_ms: int, begin: int, now: int) -> Candles:
        if step_ms % self.source.step_ms:
            return bars(self.prints(product_id, begin, now), step_ms)
        whole = now // self.source.step_ms * self.source.step_ms
        rest = bars(self.prints(product_id, whole, now), self.source.step_ms)
        return gathered(joined([self.source.candles(product_id, begin, whole), rest]), step_ms)

    def latest(self, product_id: str, before: int, count: int) -> Prints:
        """The last `count` prints before `before` (fewer where the market begins)."""
        found, end = NO_PRINTS, before
        first = self.source.span(product_id)[0]
        width = self._block_ms
        while len(found.ts) < count and end > first:
            start = max(first, (end - 1) // width * width if width == self._block_ms else end - width)
            candles = self.source.candles(product_id, start // self.source.step_ms * self.source.step_ms, end)
            if len(candles.ts):
                begin = max(start, int(candles.ts[0]), int(candles.ts[-1]) - self._block_ms)
                found = paths.joined([self.prints(product_id, begin, end), found])
                end, width = begin, self._block_ms
            else:
                # A hole: wider steps until something is met.
                end, width = start, min(width * 4, 64 * DAY_MS)
        return Prints(*(column[-count:] for column in found))

    def quote(self, product_id: str, before: int) -> Quote | None:
        """Best bid and ask just before `before`; None where nothing has been printed yet."""
        last = self.latest(product_id, before, 1)
        if not len(last.ts):
            return None
        return self.quoted(product_id, int(last.ts[0]), int(last.price[0]), int(last.side[0]), int(last.id[0]))

    def quoted(self, product_id: str, ts: int, price: int, side: int, trade_id: int) -> Quote:
        """The quote that a print leaves: it took one side of the book, the other is a spread away."""
        word = int(dice.words(self._quotes[product_id], trade_id))
        product = self.products[product_id]
        spread = max(1, round(price * product.spread * (0.5 + (word & 0xFFFF) / 65536)))
        bid, ask = (price - spread, price) if side > 0 else (price, price + spread)
        lots = max(1, int(self.source.typical(product_id) / 20))
        bid_size, ask_size = (1 + lots * (1 + (word >> shift & 0xFF)) // 64 for shift in (16, 24))
        return Quote(max(bid, 1), max(ask, 2), bid_size, ask_size, ts, price, trade_id)

    def day(self, product_id: str, now: int) -> Day | None:
        """The figures of the 24 hours before the minute of `now`; None where nothing was traded in them."""
        minute = now // MINUTE_MS * MINUTE_MS
        with self._lock:
            if (product_id, minute) in self._days:
                return self._days[product_id, minute]
            step = self.source.step_ms
            candles = self.source.candles(product_id, (minute - DAY_MS) // step * step, minute // step * step)
            if not len(candles.ts):
                return None
            year = self.source.daily(product_id, minute, 365)
            low, high = int(candles.low.min()), int(candles.high.max())
            lows, highs = (int(year.min()), int(year.max())) if len(year) else (low, high)
            made = Day(low, high, int(candles.volume.sum()), int(candles.open[0]), min(low, lows), max(high, highs))
            self._days[product_id, minute] = made
            if len(self._days) > 64:
                self._days.popitem(last=False)
            return made


def bars(prints: Prints, step_ms: int) -> Candles:
    """The bars of prints: what anybody gets who adds them up."""
    if not len(prints.ts):
        return EMPTY
    return _grouped(prints.ts // step_ms * step_ms, prints.price, prints.price, prints.price, prints.price, prints.size)


def gathered(candles: Candles, step_ms: int) -> Candles:
    """Candles of a longer step."""
    if not len(candles.ts):
        return EMPTY
    return _grouped(candles.ts // step_ms * step_ms, *candles[1:])


def _grouped(ts: Ints, open_: Ints, high: Ints, low: Ints, close: Ints, volume: Ints) -> Candles:
    first = np.flatnonzero(np.diff(ts, prepend=ts[0] - 1))
    last = np.append(first[1:], len(ts)) - 1
    return Candles(
        ts[first],
        open_[first],
        np.maximum.reduceat(high, first),
        np.minimum.reduceat(low, first),
        close[last],
        np.add.reduceat(volume, first),
    )
