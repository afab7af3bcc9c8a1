"""What is tidied up once a UTC day of exchange time, on a thread of its own: the loop never waits for a disk that packs.

Only what is finished and committed is touched; a kill at any instant leaves either the old or the new state of a file.
"""

from __future__ import annotations

import logging
from functools import partial

from engine.market.starts import Starts
from engine.market.tape import Tape
from engine.market.threads import Job, Spawn, spawn

log = logging.getLogger("evenkeel.housekeeping")


class Housekeeping:
    """Packs the tape's finished days and drops those beyond `keep_days`, with their start points."""

    def __init__(self, tape: Tape, starts: Starts, keep_days: int, spawn: Spawn = spawn) -> None:
        self.tape, self.starts, self.keep_days, self._spawn = tape, starts, keep_days, spawn
        self._done = ""
        self._thread: Job | None = None

    def committed(self) -> None:
        """Everything on the tape so far is in the ledger, too: days before its present one are over."""
        day = self.tape.position.day
        if day <= self._done or (self._thread is not None and self._thread.is_alive()):
            return
        self._done = day
        self._thread = self._spawn("housekeeping", partial(self._tidy, day))

    def finish(self, seconds: float) -> None:
        """Wait for what is under way, at most so long."""
        if self._thread is not None:
            self._thread.join(seconds)

    def _tidy(self, day: str) -> None:
        try:
            self.tape.tidy(day, self.keep_days)
            for oldest in self.tape.days()[:1]:
                self.starts.drop_before(oldest)
        except OSError as error:
            log.warning("the tape of the days before %s is left as it is until tomorrow: %s", day, error)
