"""History through ccxt, whatever the exchange: pages of candles, into the store or as columns.

The pager is ours: windows with explicit ends, filtered, without duplicates, and the bar in progress left out by time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.market.candles import Candles, DataError, iso
from engine.market.rest import page_size, raw_candles
from engine.market.store import Series, Store
from engine.market.symbols import canonical, timeframe_ms
from engine.market.venue import Venue, VenueError, open_venue

FLUSH_ROWS = 6000
Progress = Callable[[int, int], None]
"""Called with (bars' time done, bars' time in all), both in bars of the timeframe."""


@dataclass(frozen=True)
class Fetched:
    """What `fetch` did: the series as it is now (None when nothing came), rows that came, sentences for the person."""

    series: Series | None
    rows: int
    notes: tuple[str, ...]


def fetch(
    exchange_id: str,
    symbol: str,
    timeframe: str,
    start: int,
    end: int,
    store: Store,
    base_url: str | None = None,
    progress: Progress | None = None,
    venue: Venue | None = None,
) -> Fetched:
    """Brings candles with start <= ts < end (ms UTC) into the store; what is there already is not asked for again.

    Interrupted at any moment it leaves a valid series that the next call continues. VenueError, DataError.
    """
    venue = venue or open_venue(exchange_id, base_url or "")
    symbol, step = canonical(symbol), timeframe_ms(timeframe)
    end = min(end, venue.now() // step * step)
    notes: list[str] = []
    writer = _Writer(store, (venue.exchange_id, symbol, timeframe))
    done, total = 0, max((end - start) // step, 0)
    try:
        for low, high, backward in _missing(store, venue.exchange_id, symbol, timeframe, start, end):
            for part in pages(venue, symbol, timeframe, low, high, backward, notes):
                writer.add(part)
                done += page_size(venue)
                if progress:
                    progress(min(done, total), total)
            writer.flush()
    finally:
        writer.flush()
    if progress:
        progress(total, total)
    return Fetched(store.find(venue.exchange_id, symbol, timeframe), writer.rows, tuple(notes))


class _Writer:
    """Gathers pages, so that a long series is not written anew for each of them."""

    def __init__(self, store: Store, key: tuple[str, str, str]) -> None:
        self.store, self.key = store, key
        self.rows = self.stored = 0
        self.waiting: list[Candles] = []

    def add(self, part: Candles) -> None:
        if len(part):
            self.waiting.append(part)
        if sum(map(len, self.waiting)) >= max(FLUSH_ROWS, self.stored // 8):
            self.flush()

    def flush(self) -> None:
        if self.waiting:
            self.rows += sum(map(len, self.waiting))
            self.stored = self.store.append(*self.key, joined(self.waiting)).quality.rows
            self.waiting.clear()


def joined(parts: Sequence[Candles]) -> Candles:
    """Several candles of one series as one, sorted by time."""
    order = np.argsort(np.concatenate([p.ts for p in parts]), kind="stable")
    names = ("ts", "open", "high", "low", "close", "volume")
    ts, open_, high, low, close, volume = (np.concatenate([getattr(p, name) for p in parts])[order] for name in names)
    return Candles(ts, open_, high, low, close, volume, parts[0].timeframe_ms, parts[0].symbol)


def candles(venue: Venue, symbol: str, timeframe: str, start: int, end: int) -> Candles:
    """Closed candles with start <= ts < end (ms UTC) straight from the exchange, sorted."""
    step = timeframe_ms(timeframe)
    parts = list(pages(venue, canonical(symbol), timeframe, start, min(end, venue.now() // step * step)))
    return joined(parts) if parts else _columns([], step, canonical(symbol))


def pages(
    venue: Venue,
    symbol: str,
    timeframe: str,
    start: int,
    end: int,
    backward: bool = False,
    notes: list[str] | None = None,
) -> Iterator[Candles]:
    """Windows of one request each over [start, end), oldest first or, `backward`, newest first; empty windows
    included.
    """
    served = venue.ccxt.timeframes or {}
    if timeframe not in served:
        raise VenueError(f"{venue.exchange_id} does not serve {timeframe} candles; it serves {', '.join(served)}")
    venue.market(symbol)
    step = timeframe_ms(timeframe)
    width = page_size(venue) * step
    start = -(-start // step) * step
    begins = list(range(start, end, width))
    for low in reversed(begins) if backward else begins:
        high = min(low + width, end)
        rows = raw_candles(venue, symbol, timeframe, low, high)
        inside = [row for row in rows if low <= int(row[0]) < high]
        if rows and not inside and notes is not None and min(int(row[0]) for row in rows) >= high:
            _say_once(notes, f"{venue.exchange_id} serves no {timeframe} candles of {symbol} as old as {iso(low)}")
        yield _columns(inside, step, symbol)


def _missing(
    store: Store, exchange: str, symbol: str, timeframe: str, start: int, end: int
) -> list[tuple[int, int, bool]]:
    """[(from, to, backward)] still to ask for: before the stored span (backward, so that it never gets a hole) and
    after it.
    """
    if start >= end:
        return []
    step = timeframe_ms(timeframe)
    try:
        stored = store.read(exchange, symbol, timeframe).ts
    except DataError:
        stored = np.zeros(0, np.int64)
    if not len(stored):
        return [(start, end, False)]
    spans = [(start, int(stored[0]), True), (int(stored[-1]) + step, end, False)]
    return [span for span in spans if span[0] < span[1]]


def _say_once(notes: list[str], text: str) -> None:
    if not notes:
        notes.append(text)


def _columns(rows: list[list[Any]], step: int, symbol: str) -> Candles:
    unique = sorted({int(row[0]): row for row in rows}.values(), key=lambda row: int(row[0]))
    ts = np.array([int(row[0]) for row in unique], np.int64)
    values = [np.array([float(row[i]) for row in unique], np.float64) for i in range(1, 6)]
    return Candles(ts, values[0], values[1], values[2], values[3], values[4], step, symbol)
