"""One channel's queue and thread: messages leave in order, one at a time, again and again until they are over.

A provider that hangs or refuses holds up this channel alone. What became of an attempt is told by `tell`:
no row is written here.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import replace

from engine.alerts.message import Channel, Receipt
from engine.alerts.outbox import Delivery
from engine.alerts.times import retry_at

log = logging.getLogger("evenkeel.alerts.sender")

Tell = Callable[[Delivery, str, Receipt], None]
"""(delivery, its state: sent, failed or dead, the receipt)."""


class Sender:
    """`step` does one attempt where one is due; the thread, if started, does nothing but step and wait."""

    def __init__(self, channel: Channel, tries: int, clock: Callable[[], int], tell: Tell) -> None:
        self.channel, self.tries, self.clock, self.tell = channel, tries, clock, tell
        self._queue: deque[Delivery] = deque()
        self._changed = threading.Condition()
        self._over = False
        self._busy = False
        self._thread: threading.Thread | None = None

    # ---- any thread --------------------------------------------------------------------------------------------------
    def put(self, delivery: Delivery) -> None:
        """At the end of the queue."""
        with self._changed:
            self._queue.append(delivery)
            self._changed.notify_all()

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name=f"alerts-{self.channel.name}", daemon=True)
        self._thread.start()

    def use(self, channel: Channel, tries: int) -> None:
        """Another configuration, from the next attempt on; what waits for a later attempt is tried now."""
        with self._changed:
            self.channel, self.tries = channel, tries
            if self._queue:
                self._queue[0].next_ts = 0
            self._changed.notify_all()

    def drain(self, seconds: float) -> bool:
        """Wait until nothing is due, at most so long; whether that is so."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._busy and not self._due(), max(seconds, 0.0))

    def stop(self) -> None:
        """No further attempt. One under way ends by itself; told too late it is made again after the next start."""
        with self._changed:
            self._over = True
            self._changed.notify_all()

    @property
    def waiting(self) -> int:
        return len(self._queue)

    # ---- the channel's thread ----------------------------------------------------------------------------------------
    def _due(self) -> bool:
        return bool(self._queue) and self._queue[0].next_ts <= self.clock()

    def step(self) -> bool:
        """Try the oldest message once if it is due; whether it was."""
        with self._changed:
            if self._over or not self._due():
                return False
            delivery, self._busy = self._queue[0], True
        try:
            receipt = self._try(delivery)
            self._settle(delivery, receipt)
        finally:
            with self._changed:
                self._busy = False
                self._changed.notify_all()
        return True

    def _try(self, delivery: Delivery) -> Receipt:
        try:
            return self.channel.send(delivery.message)
        except Exception as error:  # a channel's own defect costs its message a try, and nobody else anything
            log.exception("the channel %s failed", self.channel.name)
            return Receipt("retry", f"the channel failed: {type(error).__name__}")

    def _settle(self, delivery: Delivery, receipt: Receipt) -> None:
        now = self.clock()
        delivery.tries += 1
        state = "sent" if receipt.outcome == "sent" else "dead"
        if receipt.outcome == "retry" and delivery.tries < self.tries:
            delivery.next_ts, state = retry_at(now, delivery.tries, receipt.wait_s), "failed"
        if state != "failed":
            with self._changed:
                self._queue.popleft()
        if state == "dead":
            log.warning("%s did not take alert %d: %s", self.channel.title, delivery.message.id, receipt.words)
        self.tell(replace(delivery), state, receipt)

    def _run(self) -> None:
        while not self._over:
            if self.step():
                continue
            with self._changed:
                if not self._due():
                    wait = (self._queue[0].next_ts - self.clock()) / 1000 if self._queue else None
                    self._changed.wait(wait)
