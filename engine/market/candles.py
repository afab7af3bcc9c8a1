"""Candles as columns, and the error for candle files that cannot be used. No reading or judging here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

PRICES = ("open", "high", "low", "close")
COLUMNS = (*PRICES, "volume")


class DataError(Exception):
    """Candle data that cannot be used as it is. The text names the file, the defect with its count, and the remedy.

    `counts` maps a defect's name to how many rows have it; `rows` are the first offending data rows (from 1).
    """

    def __init__(self, message: str, counts: dict[str, int] | None = None, rows: Sequence[int] = ()) -> None:
        super().__init__(message)
        self.counts = dict(counts or {})
        self.rows = tuple(rows)


@dataclass(frozen=True)
class Candles:
    """n candles: `ts` int64 ms UTC of the bar's open, the rest float64, all of shape [n]; volume in base units.

    `notes` says in plain sentences what was detected, assumed or repaired on the way in.
    """

    ts: Ints
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    timeframe_ms: int = 0
    symbol: str | None = None
    notes: tuple[str, ...] = field(default=())

    def __len__(self) -> int:
        return len(self.ts)

    @property
    def ohlcv(self) -> tuple[Floats, Floats, Floats, Floats, Floats]:
        return self.open, self.high, self.low, self.close, self.volume

    def take(self, rows: npt.NDArray[np.int64] | npt.NDArray[np.bool_] | slice) -> Candles:
        """The chosen rows, in the order given."""
        columns = {name: getattr(self, name)[rows] for name in ("ts", *COLUMNS)}
        return replace(self, **columns)

    def between(self, start: int | None, end: int | None) -> Candles:
        """Rows with start <= ts < end (ms UTC), for sorted candles; None leaves that side open."""
        low = 0 if start is None else int(np.searchsorted(self.ts, start))
        high = len(self.ts) if end is None else int(np.searchsorted(self.ts, end))
        return self.take(slice(low, high))


def iso(ts: int | np.integer) -> str:
    """`2024-01-31T12:00Z` of ms UTC, with seconds only where there are any."""
    try:
        moment = datetime.fromtimestamp(int(ts) / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return f"{int(ts)} ms"
    return moment.strftime("%Y-%m-%dT%H:%MZ" if int(ts) % 60_000 == 0 else "%Y-%m-%dT%H:%M:%SZ")
