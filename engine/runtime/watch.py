"""Watches one text file: tells its new text once it has stood still, however an editor writes it.

The folder is watched, since editors save by renaming; where the file system tells nothing, a slow look every few seconds
finds the change. What the text means is not known here.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path

from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer

log = logging.getLogger("evenkeel.watch")

POLL_S, SETTLE_S = 5.0, 0.25
_WRITES = {"created", "modified", "moved", "closed"}
"""Events that may mean another text; opening and reading are none, or our own reading would never end."""


class FileWatch(FileSystemEventHandler):
    """Calls `told` with the file's text, on a thread of its own, each time another text has stood still for `settle_s` seconds.

    The text at construction counts as known. A file that is gone or is no text counts as unchanged: an editor is at work.
    """

    def __init__(
        self, path: Path, told: Callable[[str], None], *, poll_s: float = POLL_S, settle_s: float = SETTLE_S
    ) -> None:
        self.path, self.told, self.poll_s, self.settle_s = path.resolve(), told, poll_s, settle_s
        self._known = self._read()
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
            self._stirred.set()

    def _watch(self) -> None:
        while not self._stopped.is_set():
            self._stirred.wait(self.poll_s)
            text = self._settled()
            if text is not None and text != self._known and not self._stopped.is_set():
                self._known = text
                self.told(text)

    def _settled(self) -> str | None:
        """The text after it has not stirred for a while; None when there is none."""
        while self._stirred.is_set() and not self._stopped.is_set():
            self._stirred.clear()
            self._stirred.wait(self.settle_s)
        return self._read()

    def _read(self) -> str | None:
        try:
            return self.path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            return None
