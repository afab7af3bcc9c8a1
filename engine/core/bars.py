"""Prints into one-second execution bars by exchange time, and those into a strategy's timeframe.

Pure: events in, rows out. No socket, no clock; how prints arrive, and what happens when they do not, is market's
business.

A second's bar is a pure function of the prints that came in time: open and close go by (exchange time, trade id),
volume is the exactly rounded sum (`math.fsum`), duplicates count once. So the order of arrival within the grace
changes nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from math import fsum
from typing import Any, NamedTuple

import numpy as np

from engine.core.types import EXEC_BAR, MS_SECOND, TF_BAR, Rows

RECENT_SECONDS = 32
"""How many closed seconds keep their trade ids, to tell a print that came twice from one that came late."""
QUOTE_LIFE_MS = 60_000
"""A quote older than this no longer stands: a second then carries none."""


class Tick(NamedTuple):
    """A market print. `symbol` is the run's index, `ts` exchange time in ms UTC, `price` in ticks, `qty` in base
    units.
    """

    symbol: int
    ts: int
    price: int
    qty: float
    trade_id: int | str


class Quote(NamedTuple):
    """Best bid and ask in ticks as of exchange time `ts` (ms UTC); `seq` orders quotes of the same millisecond."""

    symbol: int
    ts: int
    bid: int
    ask: int
    seq: int = 0


class Beat(NamedTuple):
    """The exchange says it is `ts` (ms UTC); counts for every symbol."""

    ts: int


class Frame(NamedTuple):
    """One second of exchange time: the bar of every symbol that printed. `bars` is EXEC_BAR[k], sorted by symbol."""

    ts: int
    bars: Rows


def _key(tick: Tick) -> tuple[Any, ...]:
    """Order of prints: exchange time, then id; numbers before and apart from words, so that no two are incomparable."""
    trade_id = tick.trade_id
    return (tick.ts, trade_id) if type(trade_id) is int else (tick.ts, -1, str(trade_id))


class _Second:
    """What is known of one symbol's open second."""

    __slots__ = ("close", "first", "high", "ids", "last", "low", "open", "qtys")

    def __init__(self, tick: Tick, key: tuple[Any, ...]) -> None:
        self.first = self.last = key
        self.open = self.high = self.low = self.close = tick.price
        self.qtys = [tick.qty]
        self.ids = {tick.trade_id}

    def add(self, tick: Tick, key: tuple[Any, ...]) -> None:
        price = tick.price
        if key < self.first:
            self.first, self.open = key, price
        elif key > self.last:
            self.last, self.close = key, price
        if price > self.high:
            self.high = price
        elif price < self.low:
            self.low = price
        self.qtys.append(tick.qty)
        self.ids.add(tick.trade_id)

    def state(self) -> list[Any]:
        ids = sorted(self.ids, key=str)
        return [list(self.first), list(self.last), self.open, self.high, self.low, self.close, self.qtys, ids]

    @staticmethod
    def restore(state: list[Any]) -> _Second:
        second = _Second.__new__(_Second)
        second.first, second.last = tuple(state[0]), tuple(state[1])
        second.open, second.high, second.low, second.close = state[2:6]
        second.qtys, second.ids = list(state[6]), set(state[7])
        return second


class _Quotes:
    """One symbol's quotes that may still stand at the edge of an open second, oldest first by (ts, seq, bid, ask)."""

    __slots__ = ("life", "rows")

    def __init__(self, life: int) -> None:
        self.life = life
        self.rows: list[tuple[int, int, int, int]] = []

    def add(self, quote: Quote) -> None:
        row = (quote.ts, quote.seq, quote.bid, quote.ask)
        rows = self.rows
        place = len(rows)
        while place and rows[place - 1] > row:
            place -= 1
        rows.insert(place, row)

    def standing(self, ts: int) -> tuple[int, int]:
        """(bid, ask) of the last quote at or before `ts`, (0, 0) if there is none or it is too old."""
        for row in reversed(self.rows):
            if row[0] <= ts:
                return (row[2], row[3]) if ts - row[0] <= self.life else (0, 0)
        return 0, 0

    def prune(self, ts: int) -> None:
        """Forget what can no longer stand at `ts` or later."""
        rows = self.rows
        keep = 0
        while keep + 1 < len(rows) and rows[keep + 1][0] <= ts:
            keep += 1
        if keep:
            del rows[:keep]


class FrameBuilder:
    """Folds prints, quotes and beats of `n_symbols` symbols into frames.

    The clock is the latest exchange time seen on any event. A second closes `grace_ms` of exchange time after its end
    and never earlier, however far every stream has come: venues batch and reorder, and a print within the grace must
    count. Prints and quotes of a closed second are counted in `late` (or `duplicate`, if their id was there) and
    change nothing.
    """

    def __init__(self, n_symbols: int, grace_ms: int = 1000, quote_life_ms: int = QUOTE_LIFE_MS) -> None:
        self.n_symbols = n_symbols
        self.grace_ms = grace_ms
        self.watermark = 0
        """Exchange ms before which everything is closed; a multiple of 1000."""
        self.clock = 0
        self.late = self.duplicate = self.invalid = self.prints = 0
        self._next_end = 0
        self._open: dict[int, dict[int, _Second]] = {}
        self._quotes = [_Quotes(quote_life_ms) for _ in range(n_symbols)]
        self._recent: deque[tuple[int, dict[int, set[int | str]]]] = deque(maxlen=RECENT_SECONDS)

    def push(self, event: Tick | Quote | Beat) -> list[Frame]:
        """Takes one event and returns the frames it closes, oldest first."""
        if type(event) is Tick:
            self.add(event)
            ts = event.ts
        elif type(event) is Quote:
            self.quote(event)
            ts = event.ts
        else:
            ts = event.ts
        if ts <= self.clock:
            return []
        self.clock = ts
        if ts < self._next_end:
            return []
        return self.close_until((ts - self.grace_ms) // MS_SECOND * MS_SECOND)

    def add(self, tick: Tick) -> None:
        """Takes a print without moving the clock (back-filled prints come in this way)."""
        if tick.price <= 0 or not 0.0 <= tick.qty < float("inf") or not 0 <= tick.symbol < self.n_symbols:
            self.invalid += 1
            return
        if tick.ts < self.watermark:
            self._count_late(tick)
            return
        start = tick.ts // MS_SECOND * MS_SECOND
        seconds = self._open.get(start)
        if seconds is None:
            seconds = self._open[start] = {}
        second = seconds.get(tick.symbol)
        if second is None:
            seconds[tick.symbol] = _Second(tick, _key(tick))
        elif tick.trade_id in second.ids:
            self.duplicate += 1
            return
        else:
            second.add(tick, _key(tick))
        self.prints += 1

    def quote(self, quote: Quote) -> None:
        """Takes a quote without moving the clock; a crossed or empty one is counted as invalid."""
        if not 0 < quote.bid <= quote.ask or not 0 <= quote.symbol < self.n_symbols:
            self.invalid += 1
            return
        if quote.ts < self.watermark:
            self.late += 1
            return
        self._quotes[quote.symbol].add(quote)

    def close_until(self, watermark: int, flags: int = 0, quotes: bool = True) -> list[Frame]:
        """Closes every second that ends by `watermark` (ms, floored to the second); a watermark never goes back."""
        watermark = watermark // MS_SECOND * MS_SECOND
        if watermark > self.watermark:
            self.watermark = watermark
        self._next_end = self.watermark + MS_SECOND + self.grace_ms
        frames = [self._close(start, flags, quotes) for start in sorted(s for s in self._open if s < watermark)]
        for rows in self._quotes:
            rows.prune(self.watermark)
        return frames

    def forget_quotes(self, before: int) -> None:
        """Drops quotes older than `before`: what stood before an outage does not stand after it."""
        for quotes in self._quotes:
            quotes.rows = [row for row in quotes.rows if row[0] >= before]

    def discard_open(self, start: int, end: int) -> int:
        """Drops the prints of open seconds in [start, end) (another source gives that time); returns how many there
        were.
        """
        dropped = 0
        for second in [ts for ts in self._open if start <= ts < end]:
            dropped += sum(len(bar.qtys) for bar in self._open.pop(second).values())
        self.prints -= dropped
        return dropped

    def remember(self, symbol: int, trade_ids: Iterable[int | str]) -> None:
        """Names prints that an earlier process already closed, so that they count as duplicates."""
        self._recent.append((-1, {symbol: set(trade_ids)}))

    def counters(self) -> dict[str, int]:
        return {"prints": self.prints, "late": self.late, "duplicate": self.duplicate, "invalid": self.invalid}

    def state(self) -> dict[str, Any]:
        """Everything, as plain JSON-able values; `restore` on a builder of the same shape goes on as if nothing
        happened.
        """
        return {
            "watermark": self.watermark,
            "clock": self.clock,
            "counters": self.counters(),
            "open": [
                [ts, [[s, b.state()] for s, b in sorted(rows.items())]] for ts, rows in sorted(self._open.items())
            ],
            "quotes": [[list(row) for row in quotes.rows] for quotes in self._quotes],
            "recent": [
                [ts, [[s, sorted(ids, key=str)] for s, ids in sorted(rows.items())]] for ts, rows in self._recent
            ],
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        self.watermark, self.clock = state["watermark"], state["clock"]
        self._next_end = self.watermark + MS_SECOND + self.grace_ms if self.watermark else 0
        for name, value in state["counters"].items():
            setattr(self, name, value)
        self._open = {ts: {s: _Second.restore(row) for s, row in rows} for ts, rows in state["open"]}
        for quotes, rows in zip(self._quotes, state["quotes"], strict=True):
            quotes.rows = [(row[0], row[1], row[2], row[3]) for row in rows]
        self._recent.clear()
        self._recent.extend((ts, {s: set(ids) for s, ids in rows}) for ts, rows in state["recent"])

    def _count_late(self, tick: Tick) -> None:
        for _, seen in self._recent:
            if tick.trade_id in seen.get(tick.symbol, ()):
                self.duplicate += 1
                return
        self.late += 1

    def _close(self, start: int, flags: int, quotes: bool) -> Frame:
        seconds = self._open.pop(start)
        bars = np.zeros(len(seconds), EXEC_BAR)
        for i, symbol in enumerate(sorted(seconds)):
            bar = seconds[symbol]
            standing = (0, 0, 0, 0)
            if quotes:
                book = self._quotes[symbol]
                standing = (*book.standing(start), *book.standing(start + MS_SECOND - 1))
            bars[i] = (symbol, flags, bar.open, bar.high, bar.low, bar.close, fsum(bar.qtys), *standing)
        self._recent.append((start, {symbol: bar.ids for symbol, bar in seconds.items()}))
        return Frame(start, bars)


class Resampler:
    """Execution bars of any length into bars of `timeframe_ms`, aligned to the epoch (UTC).

    A bar without prints does not exist. Flags are OR-ed. Frames come in order of time; a bar is known once a frame or a
    watermark reaches its end.
    """

    def __init__(self, timeframe_ms: int) -> None:
        if timeframe_ms < MS_SECOND or timeframe_ms % MS_SECOND:
            raise ValueError(f"a timeframe is a whole number of seconds, at least one; got {timeframe_ms} ms")
        self.timeframe_ms = timeframe_ms
        self._open: dict[int, list[Any]] = {}
        self._start = 0

    def push(self, ts: int, bars: Rows) -> list[tuple[int, Rows]]:
        """Takes a frame (EXEC_BAR[k] at `ts`) and returns the bars it shows to be over, as `close_until` does."""
        closed = self.close_until(ts)
        self._start = ts // self.timeframe_ms * self.timeframe_ms
        for symbol, flags, open_, high, low, close, volume, *_ in bars.tolist():
            bar = self._open.get(symbol)
            if bar is None:
                self._open[symbol] = [self._start, open_, high, low, close, volume, flags]
                continue
            bar[2], bar[3] = max(bar[2], high), min(bar[3], low)
            bar[4] = close
            bar[5] += volume
            bar[6] |= flags
        return closed

    def close_until(self, watermark: int) -> list[tuple[int, Rows]]:
        """[(symbol, TF_BAR record of shape ())] of the bars that end by `watermark` (ms), sorted by symbol."""
        if not self._open or watermark < self._start + self.timeframe_ms:
            return []
        closed = [(symbol, np.array(tuple(bar), TF_BAR)) for symbol, bar in sorted(self._open.items())]
        self._open.clear()
        return closed

    def state(self) -> dict[str, Any]:
        """The open bars, as plain JSON-able values."""
        return {"start": self._start, "open": [[symbol, list(bar)] for symbol, bar in sorted(self._open.items())]}

    def restore(self, state: Mapping[str, Any]) -> None:
        self._start = state["start"]
        self._open = {symbol: list(bar) for symbol, bar in state["open"]}
