"""What the exchange's REST side says about time that the stream missed. Asks and converts; decides nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from engine.core.bars import Frame, Tick
from engine.core.types import EXEC_BAR, Instrument
from engine.market import rest
from engine.market.venue import Venue
from engine.market.wire import listing, to_qty, to_ticks

MINUTE_MS = 60_000


class Backfill(Protocol):
    """Where the assembler gets missed time from; both may take long and may raise VenueError."""

    def trades(self, start: int, end: int) -> list[Tick] | None:
        """Every print with start <= ts < end (ms UTC); None where the exchange does not serve them."""
        ...

    def candles(self, start: int, end: int) -> list[Frame]:
        """One frame a minute that starts in [start, end), without flags and quotes, in order; sparse."""
        ...


class RestBackfill:
    """Backfill of the run's instruments through one venue; symbols are indexed in the order given."""

    def __init__(self, venue: Venue, instruments: Sequence[Instrument]) -> None:
        self.venue, self.instruments = venue, list(instruments)

    def trades(self, start: int, end: int) -> list[Tick] | None:
        found: list[Tick] = []
        for index, instrument in enumerate(self.instruments):
            ticks = rest.trades(self.venue, instrument, index, start, end)
            if ticks is None:
                return None
            found += ticks
        return found

    def candles(self, start: int, end: int) -> list[Frame]:
        minutes: dict[int, list[tuple[int | float, ...]]] = {}
        for index, instrument in enumerate(self.instruments):
            listed = listing([instrument], str)[instrument.symbol]
            for row in self._rows(instrument.symbol, start, end):
                prices = [to_ticks(str(value), listed) for value in row[1:5]]
                bar = (index, 0, *prices, to_qty(row[5]), 0, 0, 0, 0)
                minutes.setdefault(int(row[0]), []).append(bar)
        return [Frame(ts, np.array(bars, EXEC_BAR)) for ts, bars in sorted(minutes.items())]

    def _rows(self, symbol: str, start: int, end: int) -> list[list[Any]]:
        rows: dict[int, list[Any]] = {}
        width = rest.page_size(self.venue) * MINUTE_MS
        for low in range(start // MINUTE_MS * MINUTE_MS, end, width):
            for row in rest.raw_candles(self.venue, symbol, "1m", low, min(low + width, end)):
                if start <= int(row[0]) < end:
                    rows[int(row[0])] = row
        return [rows[ts] for ts in sorted(rows)]
