"""What all parameter sets of a sweep share, made once: candles in ticks, frames, bars that remember their indicators.

Shared arrays are read-only: a strategy that writes into its bars gets bars of its own. Nothing is run here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.core.machine import Frames
from engine.core.memo import Memo
from engine.core.setup import Setup
from engine.core.types import MS_DAY, Rows
from engine.market.candles import Candles
from engine.research.own_record import Heard, Say, Teller, hear
from engine.research.play import frames_of, longer, ticks_of
from engine.research.study import Study
from engine.strategies._record import Told
from engine.strategies.base import Bars, HigherBars
from engine.strategies.decisions import decisions_of

Ints = npt.NDArray[np.int64]
_PRICES = ("open", "high", "low", "close")
MEMO_BYTES = 64 << 20


class SharedBars(Bars):
    """Bars that many strategies read at once."""

    memo: Memo
    kept: dict[int, HigherBars]

    def resample(self, timeframe: str | int) -> HigherBars:
        """As `Bars.resample`, the longer bars shared too, as far as a bounded memory goes."""
        memo: Memo | None = getattr(self, "memo", None)
        if memo is None:
            return super().resample(timeframe)
        for span, found in self.kept.items():
            if span == timeframe:
                return found
        made = super().resample(timeframe)
        if isinstance(timeframe, int) and (len(self.kept) + 1) * made.close.nbytes * 5 <= MEMO_BYTES:
            for bars in (made, made.closed):
                _share(memo, [getattr(bars, name) for name in (*_PRICES, "volume")])
            self.kept[timeframe] = made
        return made


def _share(memo: Memo, arrays: list[Any]) -> None:
    for array in arrays:
        array.flags.writeable = False
    memo.share(arrays)


def shared(bars: Bars, memo: Memo) -> SharedBars:
    """The same bars, remembered by `memo`."""
    words = {name: getattr(bars, name) for name in Bars.__dataclass_fields__}
    made = SharedBars(**words)
    object.__setattr__(made, "memo", memo)
    object.__setattr__(made, "kept", {})
    _share(memo, [made.ts, *(getattr(made, name) for name in (*_PRICES, "volume"))])
    return made


def own(bars: Bars) -> Bars:
    """The bars in memory of their own, for a strategy that writes into them."""
    words: dict[str, Any] = {name: getattr(bars, name) for name in Bars.__dataclass_fields__}
    return Bars(**words).head(len(bars))


class Ground:
    """A study's candles, ready to be run over by any number of sets. Close it when done: what was remembered is let go."""

    def __init__(self, study: Study, candles: Mapping[str, Candles], memo_bytes: int = MEMO_BYTES) -> None:
        """ValueError for prices off the grid or timeframes that do not fit, KeyError never: candles of every instrument."""
        setup = study.setup
        self.candles = {one.symbol: candles[one.symbol] for one in setup.instruments}
        self.ticks = {one.symbol: ticks_of(self.candles[one.symbol], one) for one in setup.instruments}
        self.frames: Frames = frames_of([self.ticks[one.symbol] for one in setup.instruments])
        self.start = min(int(one.ts[0]) for one in self.candles.values())
        self.end = max(int(one.ts[-1]) + one.timeframe_ms for one in self.candles.values())
        self.bucket_ms = min(slot.timeframe_ms for slot in setup.slots)
        self.memo = Memo((), memo_bytes)
        self._bars: dict[tuple[str, int], SharedBars] = {}
        self._rows: dict[tuple[str, int], Rows] = {}
        self.lessons, self._told = study.lessons, Told()
        grid = {one.symbol: one for one in setup.instruments}
        for slot in setup.slots:
            key = (slot.symbol, slot.timeframe_ms)
            if key not in self._bars:
                rows = longer(self.ticks[slot.symbol], self.candles[slot.symbol].timeframe_ms, slot.timeframe_ms)
                bars = replace(Bars.from_ticks(grid[slot.symbol], slot.timeframe_ms, rows), known=self._told)
                self._bars[key], self._rows[key] = shared(bars, self.memo), rows
        self.first_day = self.start // MS_DAY
        self.points: Ints = self._points()
        self.days = int((self.points[-1] - 1) // MS_DAY - self.first_day + 1) if self.points.size else 0

    def bars(self, symbol: str, timeframe_ms: int) -> SharedBars:
        return self._bars[symbol, timeframe_ms]

    def asked(self) -> bool:
        """Whether a strategy has read its own record, which these bars do not tell: `heard` does."""
        return self._told.asked and self.lessons.on

    def heard(self, setup: Setup, say: Say) -> Heard:
        """What a set's slots say, told of their own record where they ask."""
        grid = {one.symbol: one for one in setup.instruments}
        keys = [(slot.symbol, slot.timeframe_ms) for slot in setup.slots]
        tellers = [
            Teller(slot, grid[slot.symbol], self._bars[key], self._rows[key])
            for slot, key in zip(setup.slots, keys, strict=True)
        ]
        return hear(
            tellers, say, lambda i, bars, said: decisions_of(i, bars, said, tellers[i].instrument),
            setup.account.slippage_bps, self.lessons, self.candles,
        )  # fmt: skip

    def close(self) -> None:
        self.memo.close()

    def __enter__(self) -> Ground:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _points(self) -> Ints:
        """int64: when the equity curve has its points, one a bucket that holds a frame and has ended."""
        ends = (self.frames.ts // self.bucket_ms + 1) * self.bucket_ms  # in order, as frames are
        if ends.size:
            ends = ends[np.flatnonzero(np.diff(ends, prepend=ends[0] - 1))]
        return ends[ends <= self.end]

    def columns(self) -> Ints:
        """int64[5, n] of the one instrument: ts, and open, high, low, close in ticks."""
        (rows,) = self.ticks.values()
        return np.stack([rows[name] for name in ("ts", *_PRICES)])

    def day_last(self) -> Ints:
        """int64[days]: the last frame of each UTC day or before it, where every frame has its own equity point."""
        of = (self.points - 1) // MS_DAY - self.first_day
        return np.searchsorted(of, np.arange(self.days), side="right") - 1


def no_rows(dtype: np.dtype[np.void]) -> Rows:
    return np.zeros(0, dtype)
