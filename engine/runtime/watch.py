"""Watches one text file: tells its new text once it has stood still, however an editor writes it; and when it is gone.

The folder is watched, since editors save by renaming; where the file system tells nothing, a slow look every few seconds
finds the change. What the text means is not known here.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path

from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer

from engine.config.errors import ConfigError
from engine.config.files import text_of

log = logging.getLogger("evenkeel.watch")

POLL_S, SETTLE_S, LONGEST_S = 5.0, 0.25, 2.0
"""A look where nothing is told; how long a file stands still before it is read; how long it may stir before a whole text is
taken from between two saves."""
AGAIN_S = 0.01
_WRITES = {"created", "modified", "moved", "closed"}
"""Events that may mean another text; opening and reading are none, or our own reading would never end."""


_WHOLE = {"closed", "moved"}
"""Events after which nobody is writing: a file closed by its writer, and one renamed into place."""


def _nothing(_why: str) -> None:
    return


class FileWatch(FileSystemEventHandler):
    """Calls `told` with the file's text, on a thread of its own, each time another text has stood still for `settle_s` seconds.

    The text at construction counts as known. A file that has no text to be read (gone, a folder, no UTF-8, too large) counts
    as unchanged while an editor may be at work; found so again at the next slow look, `lost` is called with the reason, once
    for each, and whatever text stands there next is told, the known one too.
    """

    def __init__(
        self,
        path: Path,
        told: Callable[[str], None],
        lost: Callable[[str], None] = _nothing,
        *,
        poll_s: float = POLL_S,
        settle_s: float = SETTLE_S,
        longest_s: float = LONGEST_S,
    ) -> None:
        self.path, self.told, self.lost = path.resolve(), told, lost
        self.poll_s, self.settle_s, self.longest_s = poll_s, settle_s, longest_s
        self._problem = self._missing = ""
        self._known = self._read()
        self._whole = threading.Event()
        self._stirred = threading.Event()
        self._stopped = threading.Event()
        self._observer = Observer()
        self._thread = threading.Thread(target=self._watch, name="config-watch", daemon=True)

    def start(self) -> None:
        """Begin; a file system that cannot be watched is looked at instead."""
        try:
            self._observer.schedule(self, str(self.path.parent))
            self._observer.start()
        except OSError as error:
            log.warning(
                "%s cannot be watched (%s): it is read every %g s instead", self.path.parent, error, self.poll_s
            )
        self._thread.start()

    def stop(self) -> None:
        """End both threads; nothing is told after this returns."""
        self._stopped.set()
        self._stirred.set()
        if self._observer.is_alive():
            self._observer.stop()
            self._observer.join(2)
        if self._thread.is_alive() and threading.current_thread() is not self._thread:
            self._thread.join(5)

    def on_any_event(self, event: FileSystemEvent) -> None:
        """On watchdog's thread."""
        names = {Path(str(place)).name for place in (event.src_path, event.dest_path) if place}
        if event.event_type in _WRITES and self.path.name in names:
            (self._whole.set if event.event_type in _WHOLE else self._whole.clear)()
            self._stirred.set()

    def _watch(self) -> None:
        while not self._stopped.is_set():
            stirred = self._stirred.wait(self.poll_s)
            text = self._settled() if stirred else self._twice()
            if self._stopped.is_set():
                return
            if text is None:
                self._gone(stirred)
            elif text != self._known:
                self._known, self._missing = text, ""
                self.told(text)

    def _gone(self, stirred: bool) -> None:
        """Nothing can be read: an editor may be at work; found the same without a stir between, it is told."""
        if stirred or self._problem == self._missing:
            return
        self._known, self._missing = None, self._problem
        self.lost(self._problem)

    def _settled(self) -> str | None:
        """The text after it has not stirred for a while, or from between two saves of a writer that never rests."""
        begun = time.monotonic()
        while self._stirred.is_set() and not self._stopped.is_set():
            self._stirred.clear()
            self._stirred.wait(self.settle_s)
            if self._stirred.is_set() and time.monotonic() - begun >= self.longest_s:
                text = self._between()
                if text is not None:
                    return text
        return self._read()

    def _between(self) -> str | None:
        """The text if its writer had closed it and it stood for a moment; None if not."""
        if not self._whole.is_set():
            return None
        self._stirred.clear()
        text = self._read()
        self._stirred.wait(AGAIN_S)
        return text if self._whole.is_set() and text == self._read() else None

    def _twice(self) -> str | None:
        """The text, found by a look: another one than is known has to stand still as well, though nothing tells of it."""
        text = self._read()
        while text is not None and text != self._known and not self._stopped.wait(self.settle_s):
            again = self._read()
            if again == text:
                break
            text = again
        return text

    def _read(self) -> str | None:
        try:
            return text_of(self.path)
        except ConfigError as error:
            self._problem = str(error)
            return None
