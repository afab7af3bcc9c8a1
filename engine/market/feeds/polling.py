"""The feed of every exchange without a stream of its own: recent prints asked for over REST, again and again.

The market is seen in steps, so stops act once a poll; whatever shows such a feed says so. Prints are handed on only
up to the moment the poll of the first symbol began, so that no symbol runs ahead of another.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable, Sequence

from engine.core.bars import Beat, Tick
from engine.core.types import Instrument
from engine.market.backoff import Backoff
from engine.market.events import Connected, Disconnected, Event, SequenceGap
from engine.market.rest import recent_trades
from engine.market.venue import Venue, VenueError

log = logging.getLogger(__name__)

PERIOD_S = 5.0


class PollingFeed:
    """Polls prints of `instruments` (symbol = index) every `period_s` seconds of exchange time into `on_event`."""

    polling = True

    def __init__(
        self,
        venue: Venue,
        instruments: Sequence[Instrument],
        on_event: Callable[[Event], None],
        *,
        pace: float = 1.0,
        period_s: float = PERIOD_S,
    ) -> None:
        self.venue, self.instruments, self.on_event = venue, list(instruments), on_event
        self.period_s = max(period_s / max(pace, 1e-6), 0.02)
        self.counters: Counter[str] = Counter()
        self.connected = False
        self.last_error = ""
        self._last: dict[int, Tick] = {}
        self._held: list[Tick] = []
        self._clock = 0
        self._backoff = Backoff(pace)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"poll-{venue.exchange_id}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout: float = 3.0) -> None:
        """Ends the thread; returns when it is over or after `timeout` seconds."""
        self._stop.set()
        if self._thread.is_alive() and threading.current_thread() is not self._thread:
            self._thread.join(timeout)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self.poll()
                wait = self.period_s
                self._backoff.reset()
            except VenueError as error:
                wait = self._failed(str(error))
            except Exception as error:
                log.exception("polling %s failed", self.venue.exchange_id)
                wait = self._failed(f"{type(error).__name__}: {error}")
            self._stop.wait(wait)

    def _failed(self, reason: str) -> float:
        self.last_error = reason
        self.counters["disconnects" if self.connected else "refused"] += 1
        if self.connected:
            self.connected = False
            self.on_event(Disconnected(self._clock, reason))
        return self._backoff.next()

    def poll(self) -> None:
        """One round over all symbols: what was lost, then prints in order of time, then a beat at the time they reach
        to.
        """
        reach = self.venue.now()
        lost = False
        fresh: list[Tick] = []
        for index, instrument in enumerate(self.instruments):
            ticks = recent_trades(self.venue, instrument, index)
            last = self._last.get(index)
            if last is not None:
                known = [n for n, tick in enumerate(ticks) if tick.trade_id == last.trade_id]
                lost = lost or bool(ticks and not known and ticks[0].ts > last.ts)
                ticks = ticks[known[-1] + 1 :] if known else [tick for tick in ticks if tick.ts >= last.ts]
            if ticks:
                self._last[index] = ticks[-1]
            fresh += ticks
        self._hand_on(fresh, reach, lost)

    def _hand_on(self, fresh: list[Tick], reach: int, lost: bool) -> None:
        if not self.connected:
            self.connected = True
            self.counters["connects"] += 1
            self.on_event(Connected(0))
        self._held = sorted([*self._held, *fresh], key=lambda t: (t.ts, t.symbol, str(t.trade_id)))
        ready = [tick for tick in self._held if tick.ts < reach]
        self._held = self._held[len(ready) :]
        self._clock = max(self._clock, reach)
        if lost:
            self.counters["gaps"] += 1
            self.on_event(SequenceGap(reach, "more prints than one poll shows"))
        for tick in ready:
            self.on_event(tick)
        self.counters["prints"] += len(ready)
        self.on_event(Beat(reach))
