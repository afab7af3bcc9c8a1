"""From an edited file to a configuration that waits for the next bar: read, check, compare. On a thread of its own.

The loop takes what waits here; nothing here touches the machine, the tape or the database. An edit that is wrong leaves
what runs as it is.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.config.check import check_slots
from engine.config.diff import Change, changes, effective
from engine.config.model import Config
from engine.config.reading import parse
from engine.core.types import Instrument
from engine.runtime.build import symbols_of
from engine.runtime.watch import FileWatch

log = logging.getLogger("evenkeel.reload")


@dataclass(frozen=True)
class Candidate:
    """A configuration that may be taken over: what it differs in, and the instruments of its symbols in its order."""

    config: Config
    changes: tuple[Change, ...]
    instruments: tuple[Instrument, ...]

    @property
    def acting(self) -> list[Change]:
        return [change for change in self.changes if change.when not in ("restart", "new run")]

    @property
    def waiting(self) -> list[Change]:
        return [change for change in self.changes if change.when in ("restart", "new run")]


class Reloader:
    """Holds the newest valid edit until the loop takes it, and the words about the newest wrong one until they are told."""

    def __init__(
        self,
        path: Path,
        running: Config,
        facts: Sequence[Instrument],
        ask: Callable[[list[str]], Sequence[Instrument]],
        env: Mapping[str, str] | None = None,
    ) -> None:
        """`facts` are the instruments known, `ask` gets others from the exchange; `env` lies over the file as at the start."""
        self.path, self.ask = path, ask
        self.env = dict(os.environ if env is None else env)
        self.facts = {one.symbol: one for one in facts}
        self._running = running
        self._lock = threading.Lock()
        self._pending: Candidate | None = None
        self._problem = ""
        self._untold: str | None = None
        self._waiting: tuple[Change, ...] = ()
        self.watch = FileWatch(path, self.offer)

    # ---- the watcher's thread ----------------------------------------------------------------------------------------------
    def offer(self, text: str) -> None:
        """Another text stands in the file."""
        try:
            candidate = self._candidate(text)
        except Exception as error:  # whatever is wrong with an edit, the engine trades on
            words = str(error) or type(error).__name__
            with self._lock:
                self._pending, self._problem, self._untold = None, words, words
            log.error("the edited configuration is refused, the old one stays: %s", words)
            return
        with self._lock:
            news = tuple(candidate.waiting) != self._waiting
            self._problem, self._waiting = "", tuple(candidate.waiting)
            self._pending = candidate if candidate.acting or (news and candidate.waiting) else None

    def _candidate(self, text: str) -> Candidate:
        wanted = parse(text, str(self.path), self.env)
        check_slots(wanted, str(self.path))
        found = changes(self._running, wanted)
        config = effective(self._running, wanted)
        unknown = [symbol for symbol in symbols_of(config) if symbol not in self.facts]
        if unknown:
            self.facts |= {one.symbol: one for one in self.ask(unknown)}
        return Candidate(config, tuple(found), tuple(self.facts[symbol] for symbol in symbols_of(config)))

    # ---- the loop's thread -------------------------------------------------------------------------------------------------
    @property
    def pending(self) -> bool:
        return self._pending is not None

    def take(self) -> Candidate | None:
        """What waits, which from here on counts as running."""
        with self._lock:
            candidate, self._pending = self._pending, None
            if candidate is not None:
                self._running = candidate.config
            return candidate

    def put_back(self, candidate: Candidate, running: Config) -> None:
        """It could not be taken over yet; a newer edit wins over it."""
        with self._lock:
            self._running = running
            self._pending = self._pending or candidate

    def refusal(self) -> str | None:
        """What is wrong with an edit since this was last asked."""
        with self._lock:
            words, self._untold = self._untold, None
            return words

    def words(self) -> str:
        """What stands between the file and the run, in a sentence; empty when nothing does."""
        if self._problem:
            return f"the edited configuration is refused, the old one stays: {self._problem}"
        if self._waiting:
            return "waits for a restart: " + "; ".join(str(change) for change in self._waiting)
        return ""
