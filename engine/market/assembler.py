"""A feed's events into the run's frames, without holes: what was missed is asked for before anything later is handed
on.

While time is missing, live events wait in a buffer; the request runs on a thread of its own; then the Gap goes out,
then what waited. The state of the engine is not known here; the only way out is `emit`, called in order, one call at
a time.

    live --disconnected, sequence gap--> missing --first beat--> settling --clock passes the end + grace--> filling
    --> live

Waiting times are exchange time, read from the stream itself; so an accelerated exchange needs no other settings.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from collections.abc import Sequence as Seq
from dataclasses import dataclass
from functools import partial

from engine.core.bars import Beat, Frame, FrameBuilder, Quote, Tick
from engine.core.types import FLAG_GAP, FLAG_NO_DECISION, MS_SECOND, Instrument
from engine.market.backfill import MINUTE_MS, Backfill
from engine.market.events import (
    Connected,
    Disconnected,
    Event,
    Gap,
    Item,
    Malformed,
    Notice,
    Sequence,
    SequenceGap,
    Watermark,
)
from engine.market.filling import NOTHING, Filling, Found, Missing
from engine.market.threads import Spawn, Wait, spawn, wait

log = logging.getLogger(__name__)

FUTURE_MS = 36_000_000
"""A print this far ahead of the exchange's clock is not believed (an accelerated exchange is hours ahead of its beats)."""
BUFFER_LIMIT = 2_000_000

LIVE, MISSING, SETTLING, FILLING = "live", "missing", "settling", "filling"


@dataclass(frozen=True)
class Status:
    """The assembler for the heartbeat row: exchange times in ms, 0 while unknown."""

    state: str
    clock: int
    watermark: int
    waiting: int
    counters: dict[str, int]


class Assembler:
    """Folds events of one feed over `instruments` (symbol = index) into items given to `emit`.

    `resume_from`: exchange ms up to which a former process had closed everything; the time since then is made a Gap
    before the first live frame, told with `cause`. Without it the first Gap is the bar in progress at subscription:
    minutes from the start of the `bar_ms` bar (the run's longest timeframe) to the end of the running minute, by candles
    read after their end and once more, flagged FLAG_NO_DECISION. `seen` names prints of `resume_from`'s last seconds, so that
    they count as duplicates.
    """

    def __init__(
        self,
        instruments: Seq[Instrument],
        grace_ms: int,
        backfill: Backfill,
        emit: Callable[[Item], None],
        *,
        resume_from: int | None = None,
        cause: str = "restart",
        seen: Mapping[int, Iterable[int | str]] | None = None,
        bar_ms: int = MINUTE_MS,
        spawn: Spawn = spawn,
        wait: Wait = wait,
    ) -> None:
        self.builder = FrameBuilder(len(instruments), grace_ms)
        self.grace_ms, self.emit, self.bar_ms = grace_ms, emit, bar_ms
        self.counters: Counter[str] = Counter()
        self.last_notice = ""
        self._filling = Filling(backfill)
        self._spawn, self._wait_for = spawn, wait
        self._lock = threading.RLock()
        self._clock = 0
        self._told = 0
        self._buffer: list[Event] = []
        self._stopped = threading.Event()
        self._advanced = threading.Condition(self._lock)
        self._state = MISSING
        self._from = resume_from // MS_SECOND * MS_SECOND if resume_from is not None else None
        self._cause = cause if resume_from is not None else "start"
        self._gap: Missing | None = None
        if self._from is not None:
            self.builder.close_until(self._from)
        for symbol, ids in (seen or {}).items():
            self.builder.remember(symbol, ids)

    def on_event(self, event: Event) -> None:
        """Takes one event of the feed, on the feed's thread; emits what it brings."""
        with self._lock:
            if not self._stopped.is_set():
                self._take(event)
                self._advanced.notify_all()

    def stop(self) -> None:
        """Nothing is emitted after this returns."""
        with self._lock:
            self._stopped.set()
            self._advanced.notify_all()

    def wait_live(self, timeout: float) -> bool:
        """Waits until nothing is missing; False when that takes longer than `timeout` seconds."""
        with self._advanced:
            return self._advanced.wait_for(lambda: self._state == LIVE, timeout)

    def status(self) -> Status:
        """A copy of where things stand, from any thread."""
        with self._lock:
            counters = self._counts()
            return Status(self._state, self._clock, self.builder.watermark, len(self._buffer), counters)

    def glance(self) -> Status:
        """As `status`, without waiting: while `emit` blocks, the consumer may still look. Single fields may be a step old."""
        counters = self._counts()
        return Status(self._state, self._clock, self.builder.watermark, len(self._buffer), counters)

    def _counts(self) -> dict[str, int]:
        return {**self.builder.counters(), **self.counters, "unanswered": self._filling.unanswered}

    def _take(self, event: Event) -> None:
        if isinstance(event, Malformed):
            self.counters["malformed"] += 1
        elif isinstance(event, Notice):
            self.last_notice = event.text
        elif isinstance(event, (Connected, Sequence)):
            return
        elif self._state == LIVE:
            self._live(event)
        else:
            self._wait(event)

    # --- live ------------------------------------------------------------------------------------------------------

    def _live(self, event: Tick | Quote | Beat | Disconnected | SequenceGap) -> None:
        if isinstance(event, Disconnected):
            self._lose(event.reason)
        elif isinstance(event, SequenceGap):
            self._lose(event.reason)
            self._found_again(event.ts)
        else:
            self._push(event)

    def _push(self, event: Tick | Quote | Beat) -> None:
        if isinstance(event, Tick):
            if event.ts > self._clock + FUTURE_MS:
                self.counters["future"] += 1
                return
        elif event.ts > self._clock:
            self._clock = event.ts
        for frame in self.builder.push(event):
            self._filling.emitted(frame)
            self.emit(frame)
        self._tell_watermark()

    def _tell_watermark(self) -> None:
        if self.builder.watermark > self._told:
            self._told = self.builder.watermark
            self.emit(Watermark(self._told))

    # --- not live --------------------------------------------------------------------------------------------------

    def _lose(self, cause: str) -> None:
        """From here on time is missing, beginning with the first second that is not closed."""
        self.counters["outages"] += 1
        self._state, self._from, self._cause = MISSING, self.builder.watermark, cause
        self.builder.forget_quotes(2**62)

    def _found_again(self, ts: int) -> None:
        """The stream is whole again from exchange time `ts` on: the end of what is missing is known."""
        self._clock = max(self._clock, ts)
        self._gap = self._filling.plan(self._from, ts, self._cause, self.bar_ms, self._gap)
        self._state = SETTLING

    def _wait(self, event: Tick | Quote | Beat | Disconnected | SequenceGap) -> None:
        if self._state == FILLING:
            self._keep(event)
        elif isinstance(event, Disconnected):
            self._state = MISSING
        elif isinstance(event, SequenceGap):
            if self._state == SETTLING:
                self._found_again(event.ts)
        else:
            self._keep(event)
            if isinstance(event, Beat) and self._state == MISSING:
                self._found_again(event.ts)
            self._fill_when_settled()

    def _keep(self, event: Tick | Quote | Beat | Disconnected | SequenceGap) -> None:
        """Holds an event back; past the limit everything waiting is given up and asked for anew after this fill."""
        self._buffer.append(event)
        if isinstance(event, Beat | Quote):
            self._clock = max(self._clock, event.ts)
        if len(self._buffer) > BUFFER_LIMIT:
            self._buffer = [SequenceGap(self._clock, "too much waited while a gap was filled")]
            self.counters["overflow"] += 1

    def _fill_when_settled(self) -> None:
        gap = self._gap
        if self._state == SETTLING and gap is not None and self._clock >= gap.to_ts + self.grace_ms:
            self._state = FILLING
            self._spawn("backfill", partial(self._fill, gap))

    # --- filling, on its own thread --------------------------------------------------------------------------------

    def _fill(self, gap: Missing) -> None:
        try:
            found = self._filling.collect(gap, self._until_clock)
        except Exception:  # whatever happens here, the stream must go on, and the hole must be told
            log.exception("filling %s to %s failed", gap.from_ts, gap.to_ts)
            found = NOTHING
        with self._lock:
            if self._stopped.is_set():
                return
            if found.wait_until:
                # Only whole minutes can be had: the running one is waited for.
                self._gap = gap._replace(to_ts=found.wait_until, whole_minutes=True)
                self._state = SETTLING
                self._fill_when_settled()
                return
            self._finish(gap, found)
            self._advanced.notify_all()

    def _until_clock(self, ts: int, timeout: float) -> bool:
        """Waits until exchange time passes `ts`; False when that takes longer than `timeout` seconds or we stop."""
        with self._advanced:
            self._wait_for(self._advanced, lambda: self._clock >= ts or self._stopped.is_set(), timeout)
            return self._clock >= ts and not self._stopped.is_set()

    def _finish(self, gap: Missing, found: Found) -> None:
        """Hands on the gap, then what waited, in order; the stream is live again unless what waited says otherwise."""
        waiting, self._buffer = self._buffer, []
        self._gap, self._state = None, LIVE
        flags = FLAG_GAP | (FLAG_NO_DECISION if gap.cause == "start" else 0)
        made = self._close_gap(gap, found, waiting, flags)
        if gap.to_ts > gap.from_ts:
            frames = self._filling.merge(gap, made, found.frames, flags)
            for frame in frames:
                self._filling.emitted(frame)
            self.emit(Gap(gap.from_ts, gap.to_ts, gap.cause, found.source, frames))
            self.counters[f"filled_{found.source}"] += 1
        self._tell_watermark()
        for event in waiting:
            if not isinstance(event, Tick | Quote | Beat) or event.ts >= gap.to_ts:
                self._take(event)

    def _close_gap(self, gap: Missing, found: Found, waiting: list[Event], flags: int) -> list[Frame]:
        """Seconds of the gap out of what was there before it, what was asked for, and what came since."""
        builder = self.builder
        known = builder.duplicate, builder.late  # prints come from two sides here, which is no one's fault
        builder.discard_open(found.body_start, found.body_end)
        for event in (*found.ticks, *waiting):
            if isinstance(event, Tick | Quote) and event.ts < gap.to_ts:
                if isinstance(event, Quote):
                    builder.quote(event)
                elif not found.body_start <= event.ts < found.body_end:
                    builder.add(event)
        builder.duplicate, builder.late = known
        return [f for f in builder.close_until(gap.to_ts, flags, quotes=False) if f.ts >= gap.from_ts]
