"""Starts the engine as a child and starts it again after a crash, waiting longer each time.

A child that ends well, or that says its arguments or its configuration are wrong, is not started again. The child stands in
a session of its own, so that a Ctrl-C reaches it once, through us, and a second one means what it says.
"""

from __future__ import annotations

import logging
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from types import FrameType

FINAL_CODES = frozenset({0, 2, 78})
"""Ended well, usage, configuration: starting again would end the same way."""
FIRST_WAIT, LONGEST_WAIT, STEADY = 1.0, 60.0, 120.0
"""Seconds: wait after the first crash, at most, and how long a child must live for the count to begin anew."""

log = logging.getLogger("evenkeel.supervise")


class Supervisor:
    """Runs `command` until it ends for good or `stop` is called; `run` returns the last exit code."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], object] | None = None,
        tell: Callable[[str, float | None], object] = lambda words, wait: None,
    ) -> None:
        """`tell(how it ended, seconds until it is started again or None)` is called for a person to hear of it: at the first
        crash in a row, the second, the fourth and so on."""
        self.command = list(command)
        self.child: subprocess.Popen[bytes] | None = None
        self.stopping = threading.Event()
        self._clock = clock
        self._pause = pause or self.stopping.wait
        self._tell = tell

    def run(self) -> int:
        wait, crashes = FIRST_WAIT, 0
        while True:
            started = self._clock()
            self.child = subprocess.Popen(self.command, start_new_session=True)
            code = self.child.wait()
            if code in FINAL_CODES or self.stopping.is_set():
                if code > 0 and not self.stopping.is_set():
                    self._tell(_words(code), None)
                return _exit_code(code)
            if self._clock() - started >= STEADY:
                wait, crashes = FIRST_WAIT, 0
            crashes += 1
            if crashes & (crashes - 1) == 0:
                self._tell(_words(code), wait)
            log.error("the engine ended with %s; starting it again in %g s", _words(code), wait)
            self._pause(wait)
            if self.stopping.is_set():
                return _exit_code(code)
            wait = min(wait * 2, LONGEST_WAIT)

    def forward(self, signum: int, _frame: FrameType | None = None) -> None:
        """A signal handler: pass it on to the child and start no other. A closed terminal (SIGHUP) is a wish to stop."""
        self.stopping.set()
        if self.child is not None and self.child.poll() is None:
            self.child.send_signal(signal.SIGTERM if signum == signal.SIGHUP else signum)


def supervise(command: Sequence[str], tell: Callable[[str, float | None], object] | None = None) -> int:
    """Run `command` under supervision in this process's main thread; returns its last exit code. `tell` as the Supervisor's."""
    supervisor = Supervisor(command, tell=tell or (lambda words, wait: None))
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, supervisor.forward)
    return supervisor.run()


def _exit_code(code: int) -> int:
    return code if code >= 0 else 128 - code


def _words(code: int) -> str:
    return f"exit code {code}" if code >= 0 else f"signal {signal.Signals(-code).name}"
