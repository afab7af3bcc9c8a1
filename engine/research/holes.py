"""Holes in a stored series asked for again: an exchange may serve today what it did not when the series was fetched.

What the exchange has no bar for stays missing: a minute without a trade has none. What has to be asked is reckoned here, the
asking is engine.market.history's.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from engine.market.history import candles, joined
from engine.market.rest import page_size
from engine.market.store import Store
from engine.market.symbols import timeframe_ms
from engine.market.venue import Venue, open_venue

AT_ONCE = 40
"""Windows between two writes of the series."""


def windows(ts: npt.NDArray[np.int64], step: int, width: int) -> list[tuple[int, int]]:
    """[low, high) ms UTC, `width` bars each, of everything between the first and last of `ts` that lacks a bar."""
    gaps = np.flatnonzero(np.diff(ts) > step)
    spans: list[tuple[int, int]] = []
    for at in gaps.tolist():
        low, high = int(ts[at]) + step, int(ts[at + 1])
        low = max(low, spans[-1][1]) if spans else low
        while low < high:
            spans.append((low, low + width * step))
            low += width * step
    return [(low, min(high, int(ts[-1]))) for low, high in spans]


def refill(
    store: Store,
    exchange: str,
    symbol: str,
    timeframe: str,
    base_url: str = "",
    progress: Callable[[int, int], None] | None = None,
    venue: Venue | None = None,
) -> int:
    """Ask for every hole of a stored series once more; how many bars came. Interrupted, it keeps what came; VenueError,
    DataError."""
    venue = venue or open_venue(exchange, base_url)
    step = timeframe_ms(timeframe)
    before = store.read(exchange, symbol, timeframe).ts.copy()
    asked = windows(before, step, page_size(venue))
    waiting = []
    try:
        for done, (low, high) in enumerate(asked, 1):
            part = candles(venue, symbol, timeframe, low, high)
            part = part.take(~np.isin(part.ts, before))
            if len(part):
                waiting.append(part)
            if len(waiting) >= AT_ONCE:
                store.append(exchange, symbol, timeframe, joined(waiting))
                waiting.clear()
            if progress is not None:
                progress(done, len(asked))
    finally:
        if waiting:
            store.append(exchange, symbol, timeframe, joined(waiting))
    return int(store.read(exchange, symbol, timeframe).ts.size - before.size)
