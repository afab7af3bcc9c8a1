"""How one stretch of missed time is asked for: prints where the exchange serves them, else candles of whole minutes."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import NamedTuple

from engine.core.bars import Frame, Tick
from engine.core.types import MS_SECOND
from engine.market.backfill import MINUTE_MS, Backfill
from engine.market.venue import VenueError, VenueUnreachable

log = logging.getLogger(__name__)

TRADES_SPAN_MS = 15 * MINUTE_MS
"""Longer outages take whole minutes as candles, and prints only for the minutes cut by their ends."""
REREAD_MS = 5_000
REREAD_WAIT_S = 15.0


class Missing(NamedTuple):
    """What to ask for: [from_ts, to_ts) in exchange ms. With `whole_minutes` it ends on one and is taken as candles."""

    from_ts: int
    to_ts: int
    cause: str
    whole_minutes: bool


class Found(NamedTuple):
    """What came. Time in [body_start, body_end) is told by `frames`, the rest by `ticks`.

    `wait_until` above 0 means: nothing yet, ask again for whole minutes up to there.
    """

    ticks: list[Tick]
    frames: list[Frame]
    source: str
    body_start: int = 0
    body_end: int = 0
    wait_until: int = 0


NOTHING = Found([], [], "none")
ROUNDS = 3
"""How often an exchange that does not answer is asked, each time with all of a Venue's tries."""


class Filling:
    """Asks a Backfill, and remembers how much of the running minute was handed on (a candle must not count it
    again).
    """

    def __init__(self, backfill: Backfill) -> None:
        self.backfill = backfill
        self.unanswered = 0
        self._minute = 0
        self._volume: dict[int, float] = {}

    def plan(self, start: int | None, found: int, cause: str, bar_ms: int, before: Missing | None) -> Missing:
        """What is missing when the stream is whole again from `found` on; `before` is an earlier plan not yet carried
        out.
        """
        second = (found // MS_SECOND + 1) * MS_SECOND
        minute = (found // MINUTE_MS + 1) * MINUTE_MS
        if start is None:
            return Missing(min(found // bar_ms * bar_ms, minute - MINUTE_MS), minute, cause, True)
        whole = before is not None and before.whole_minutes
        return Missing(start, max(minute if whole else second, start), cause, whole)

    def emitted(self, frame: Frame) -> None:
        minute = frame.ts // MINUTE_MS
        if minute != self._minute:
            self._minute, self._volume = minute, {}
        for symbol, volume in zip(frame.bars["symbol"].tolist(), frame.bars["volume"].tolist(), strict=True):
            self._volume[symbol] = self._volume.get(symbol, 0.0) + volume

    def collect(self, gap: Missing, until_clock: Callable[[int, float], bool]) -> Found:
        """Asks; may take long. Never raises VenueError: what cannot be had at all is `none`."""
        if gap.to_ts <= gap.from_ts:
            return NOTHING
        for _ in range(ROUNDS):
            try:
                return self._ask(gap, until_clock)
            except VenueError as error:
                self.unanswered += 1
                log.warning("missed time could not be asked for: %s", error)
        return NOTHING

    def _ask(self, gap: Missing, until_clock: Callable[[int, float], bool]) -> Found:
        if gap.whole_minutes:
            start = gap.from_ts // MINUTE_MS * MINUTE_MS
            return Found([], self._candles(start, gap.to_ts, until_clock), "candles", start, gap.to_ts)
        try:
            found = self._by_trades(gap.from_ts, gap.to_ts)
        except VenueUnreachable:
            raise
        except VenueError as error:
            log.warning("prints are not to be had, candles are taken: %s", error)
            found = None
        return found or Found([], [], "none", wait_until=-(-gap.to_ts // MINUTE_MS) * MINUTE_MS)

    def merge(self, gap: Missing, made: list[Frame], candles: list[Frame], flags: int) -> list[Frame]:
        """Frames of seconds and of minutes in order of time, flagged. A minute that began before the gap begins with
        it, and its volume is what was not handed on before; one of which nothing is left tells nothing new and is left out."""
        frames = {frame.ts: frame for frame in made}
        for ts, bars in candles:
            bars = bars.copy()
            bars["flags"] |= flags
            if ts < gap.from_ts:
                handed = self._volume if ts // MINUTE_MS == self._minute else {}
                rest = [float(b["volume"]) - handed.get(int(b["symbol"]), 0.0) for b in bars]
                news = [left > b["volume"] * 1e-9 for left, b in zip(rest, bars, strict=True)]
                bars["volume"] = rest
                bars, ts = bars[news], gap.from_ts
                if not bars.size:
                    continue
            frames[ts] = Frame(ts, bars)
        return [frames[ts] for ts in sorted(frames)]

    def _by_trades(self, start: int, end: int) -> Found | None:
        if end - start <= TRADES_SPAN_MS:
            ticks = self.backfill.trades(start, end)
            return None if ticks is None else Found(ticks, [], "trades")
        head, tail = -(-start // MINUTE_MS) * MINUTE_MS, end // MINUTE_MS * MINUTE_MS
        ticks = self.backfill.trades(tail, end) if end > tail else []
        first = self.backfill.trades(start, head) if head > start and ticks is not None else []
        if ticks is None or first is None:
            return None
        return Found([*first, *ticks], self.backfill.candles(head, tail), "candles", head, tail)

    def _candles(self, start: int, end: int, until_clock: Callable[[int, float], bool]) -> list[Frame]:
        """Whole minutes, and the last of them once more a little later: exchanges revise the candle that just ended."""
        frames = self.backfill.candles(start, end)
        if not until_clock(end + REREAD_MS, REREAD_WAIT_S):
            return frames
        last = end - MINUTE_MS
        return [*(f for f in frames if f.ts < last), *self.backfill.candles(last, end)]
