"""What a strategy sees: arrays of bars, and longer bars made of them. No indicator and no rule of trading is in this file."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.core.series import Prices
from engine.core.types import Instrument, Rows

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

    @classmethod
    def from_ticks(cls, instrument: Instrument, timeframe_ms: int, tf_bars: Rows) -> Bars:
        """Rows of TF_BAR[n], prices in ticks, as the arrays a strategy reads."""
        num, den = instrument.tick_ratio
        four = {name: Prices(instrument.prices(np.ascontiguousarray(tf_bars[name])), den / num) for name in _PRICES}
        ts = np.ascontiguousarray(tf_bars["ts"])
        volume = np.ascontiguousarray(tf_bars["volume"])
        return cls(instrument.symbol, timeframe_ms, ts, volume=volume, tick=num / den, **four)

    def __len__(self) -> int:
        return int(self.ts.size)

    @property
    def end(self) -> npt.NDArray[np.int64]:
        """When each bar closes, int64[n] milliseconds UTC."""
        return self.ts + self.timeframe_ms

    def head(self, n: int) -> Bars:
        """The first `n` bars, in memory of their own: what a living engine had at that moment."""
        four: dict[str, Any] = {name: self._on_grid(np.array(self._plain(name)[:n])) for name in _PRICES}
        return replace(self, ts=self.ts[:n].copy(), volume=self.volume[:n].copy(), **four)

    def _plain(self, name: str) -> Floats:
        return np.asarray(getattr(self, name)).view(np.ndarray)

    def _on_grid(self, values: Floats) -> Prices:
        return Prices(values, self.close.scale)

    def resample(self, timeframe: str | int) -> HigherBars:
        """Longer bars made of these: "1h", or milliseconds. Only whole ones: those begun before the first bar and the one
        still open at the end are left out. ValueError unless the timeframe is a multiple of the bars' own."""
        span = timeframe if isinstance(timeframe, int) else _milliseconds(timeframe)
        if span <= self.timeframe_ms or span % self.timeframe_ms:
            raise ValueError(
                f"bars of {self.timeframe_ms // 1000} s cannot be resampled to {timeframe!r}: "
                "choose a longer timeframe that is a whole multiple"
            )
        starts = self.ts - self.ts % span
        first = (
            np.flatnonzero(np.concatenate(([True], starts[1:] != starts[:-1]))) if len(self) else np.zeros(0, np.int64)
        )
        opened = starts[first]
        whole = np.ones(first.size, bool)
        if first.size:
            whole = (opened >= self.ts[0]) & (opened + span <= self.end[-1])
        return self._grouped(span, first, whole, opened[whole])

    def _grouped(self, span: int, first: npt.NDArray[np.int64], whole: npt.NDArray[np.bool_], ts: Any) -> HigherBars:
        last = np.append(first[1:], len(self)) - 1
        plain = {name: self._plain(name) for name in _PRICES}
        empty = not first.size
        high = plain["high"][:0] if empty else np.maximum.reduceat(plain["high"], first)
        low = plain["low"][:0] if empty else np.minimum.reduceat(plain["low"], first)
        volume = self.volume[:0] if empty else np.add.reduceat(self.volume, first)
        return HigherBars(
            symbol=self.symbol,
            timeframe_ms=span,
            ts=ts,
            open=self._on_grid(plain["open"][first][whole]),
            high=self._on_grid(high[whole]),
            low=self._on_grid(low[whole]),
            close=self._on_grid(plain["close"][last][whole]),
            volume=volume[whole],
            tick=self.tick,
            base_end=self.end,
        )

    def frame(self) -> Any:
        """The bars as a pandas DataFrame: index `time` (UTC, bar open), columns open, high, low, close, volume."""
        import pandas as pd

        columns = {name: np.array(getattr(self, name)) for name in (*_PRICES, "volume")}
        return pd.DataFrame(columns, index=pd.to_datetime(self.ts, unit="ms", utc=True).rename("time"))


@dataclass(frozen=True, eq=False)
class HigherBars(Bars):
    """Longer bars, and the way back: `align` puts what was computed on them beside the bars they were made of."""

    base_end: npt.NDArray[np.int64]

    def align(self, values: npt.NDArray[Any]) -> Floats:
        """`values` of shape [longer bars] as float64[n]: at each bar the value of the last longer bar that had closed by
        that bar's end, NaN before the first."""
        if len(values) != len(self):
            raise ValueError(f"align got {len(values)} values for {len(self)} bars of {self.timeframe_ms // 1000} s")
        padded = np.concatenate(([np.nan], np.asarray(values, np.float64)))
        return np.asarray(padded[np.searchsorted(self.end, self.base_end, side="right")])


def _milliseconds(text: str) -> int:
    match = re.fullmatch(r"([1-9]\d*)([smhdw])", text.strip())
    if not match:
        raise ValueError(f"timeframe {text!r} is not known: write a number and s, m, h, d or w, such as 15m, 4h or 1d")
    return int(match[1]) * _UNITS[match[2]]
