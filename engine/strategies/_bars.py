"""What a strategy sees: arrays of bars, and longer bars made of them. No indicator and no rule of trading is in this file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.core.series import Prices
from engine.core.types import Instrument, Rows
from engine.strategies._ask import Answers
from engine.strategies._record import Record, beside

Floats = npt.NDArray[np.float64]

_UNITS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
_PRICES = ("open", "high", "low", "close")


@dataclass(frozen=True, eq=False)
class Bars:
    """Bars of one symbol, oldest first; every array has shape [n].

    `ts` int64 milliseconds UTC of each bar's open; `open`, `high`, `low`, `close` float64 prices that know their tick grid
    (`Prices`); `volume` float64 in the base currency; `tick` the price step. A stretch without trades has no bars.
    """

    symbol: str
    timeframe_ms: int
    ts: npt.NDArray[np.int64]
    open: Prices
    high: Prices
    low: Prices
    close: Prices
    volume: Floats
    tick: float
    known: Sequence[Sequence[float | None]] = ()
    """What became known of the strategy's own signals, and when; read it as `record`."""
    given: Answers | None = None

    @property
    def answers(self) -> Answers:
        """What a model answered, beside the bars: NaN wherever it was not asked, and everywhere unless the slot's mode
        is trade."""
        return self.given or Answers.none(len(self))

    @classmethod
    def from_ticks(cls, instrument: Instrument, timeframe_ms: int, tf_bars: Rows) -> Bars:
        """Rows of TF_BAR[n], prices in ticks, as the arrays a strategy reads."""
        num, den = instrument.tick_ratio
        made = {name: Prices(instrument.prices(np.ascontiguousarray(tf_bars[name])), den / num) for name in _PRICES}
        four: dict[str, Any] = made
        ts = np.ascontiguousarray(tf_bars["ts"])
        volume = np.ascontiguousarray(tf_bars["volume"])
        return cls(instrument.symbol, timeframe_ms, ts, volume=volume, tick=num / den, **four)

    def __len__(self) -> int:
        return int(self.ts.size)

    @property
    def end(self) -> npt.NDArray[np.int64]:
        """When each bar closes, int64[n] milliseconds UTC."""
        return self.ts + self.timeframe_ms

    @property
    def record(self) -> Record:
        """How the strategy's own signals did, as it was known at each bar; nothing is known where nobody tells (see `Record`)."""
        return beside(self.known, self.end)

    def head(self, n: int) -> Bars:
        """The first `n` bars, in memory of their own: what a living engine had at that moment."""
        four: dict[str, Any] = {name: self._on_grid(np.array(self._plain(name)[:n])) for name in _PRICES}
        given = self.given.head(n) if self.given else None
        return replace(self, ts=self.ts[:n].copy(), volume=self.volume[:n].copy(), given=given, **four)

    def _plain(self, name: str) -> Floats:
        return np.asarray(getattr(self, name), np.float64).view(np.ndarray)

    def _on_grid(self, values: Floats) -> Prices:
        return Prices(values, self.close.scale)

    def resample(self, timeframe: str | int) -> HigherBars:
        """A longer timeframe ("1h", or milliseconds) beside these bars: at each bar the last longer bar that had closed by
        its end, NaN before the first. Longer bars begun before the first bar here are left out, and the one still open.
        ValueError unless the timeframe is a longer, whole multiple of the bars' own."""
        span = timeframe if isinstance(timeframe, int) else _milliseconds(timeframe)
        if span <= self.timeframe_ms or span % self.timeframe_ms:
            raise ValueError(
                f"bars of {self.timeframe_ms // 1000} s cannot be resampled to {timeframe!r}: "
                "choose a longer timeframe that is a whole multiple"
            )
        return _beside(self, self._closed(span))

    def _closed(self, span: int) -> Bars:
        """The whole longer bars, one row each."""
        if not len(self):
            return replace(self, timeframe_ms=span, given=None)
        starts = self.ts - (self.ts - _begin(span)) % span
        first = np.flatnonzero(np.concatenate(([True], starts[1:] != starts[:-1])))
        last = np.append(first[1:], len(self)) - 1
        whole = (starts[first] >= self.ts[0]) & (starts[first] + span <= self.end[-1])
        return replace(
            self,
            timeframe_ms=span,
            ts=starts[first][whole],
            open=self._on_grid(self._plain("open")[first][whole]),
            high=self._on_grid(np.maximum.reduceat(self._plain("high"), first)[whole]),
            low=self._on_grid(np.minimum.reduceat(self._plain("low"), first)[whole]),
            close=self._on_grid(self._plain("close")[last][whole]),
            volume=np.add.reduceat(self.volume, first)[whole],
            given=None,
        )

    def frame(self) -> Any:
        """The bars as a pandas DataFrame: index `time` (UTC, bar open), columns open, high, low, close, volume."""
        import pandas as pd

        columns = {name: np.array(getattr(self, name)) for name in (*_PRICES, "volume")}
        return pd.DataFrame(columns, index=pd.to_datetime(self.ts, unit="ms", utc=True).rename("time"))


@dataclass(frozen=True, eq=False)
class HigherBars:
    """A longer timeframe beside shorter bars.

    `open`, `high`, `low`, `close`, `volume` have one value a shorter bar, NaN before the first longer bar has closed. To
    calculate over longer bars, do so on `closed` (one row each) and put the result beside the shorter ones with `align`.
    """

    closed: Bars
    row: npt.NDArray[np.int64]
    open: Prices
    high: Prices
    low: Prices
    close: Prices
    volume: Floats

    def __len__(self) -> int:
        return int(self.row.size)

    def align(self, values: npt.NDArray[Any]) -> Floats:
        """`values` (one a row of `closed`) as float64[n], one a shorter bar, NaN before the first."""
        if len(values) != len(self.closed):
            raise ValueError(f"align takes one value a closed longer bar, {len(self.closed)}, got {len(values)}")
        return _take(values, self.row)


def _take(values: npt.NDArray[Any], row: npt.NDArray[np.int64]) -> Floats:
    return np.concatenate((np.asarray(values, np.float64).view(np.ndarray), [np.nan]))[row]


def _beside(bars: Bars, closed: Bars) -> HigherBars:
    row = np.searchsorted(closed.end, bars.end, side="right") - 1  # -1, none yet, takes the NaN put at the end
    four: dict[str, Any] = {name: bars._on_grid(_take(closed._plain(name), row)) for name in _PRICES}
    return HigherBars(closed, row, volume=_take(closed.volume, row), **four)


def _begin(span: int) -> int:
    """A moment at which a bar of `span` ms begins: whole weeks begin on Monday, as on exchanges (the epoch was a Thursday)."""
    return 4 * _UNITS["d"] if span % _UNITS["w"] == 0 else 0


def _milliseconds(text: str) -> int:
    match = re.fullmatch(r"([1-9]\d*)([smhdw])", text.strip())
    if not match:
        raise ValueError(f"timeframe {text!r} is not known: write a number and s, m, h, d or w, such as 15m, 4h or 1d")
    return int(match[1]) * _UNITS[match[2]]
