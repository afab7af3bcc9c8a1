"""From an edited file to a configuration that waits for the next bar: read and checked on a thread of its own, compared with
what runs when the loop takes it.

Nothing here touches the machine, the tape or the database. An edit that is wrong leaves what runs as it is.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.config.check import check_slots
from engine.config.diff import WAITS, Change, changes, effective
from engine.config.door import written_by
from engine.config.errors import ConfigError
from engine.config.model import Config
from engine.config.reading import parse
from engine.core.types import Instrument
from engine.market.venue import VenueError
from engine.runtime.build import symbols_of
from engine.runtime.watch import FileWatch
from engine.strategies.base import StrategyError

log = logging.getLogger("evenkeel.reload")


@dataclass(frozen=True)
class Candidate:
    """A configuration that may be taken over: what it differs in, the instruments of its symbols in order, and who wrote it."""

    config: Config
    changes: tuple[Change, ...]
    instruments: tuple[Instrument, ...]
    source: str = "edit"

    @property
    def acting(self) -> list[Change]:
        return [change for change in self.changes if change.when not in WAITS]

    @property
    def waiting(self) -> list[Change]:
        return [change for change in self.changes if change.when in WAITS]


@dataclass(frozen=True)
class _Edit:
    """A file that was read and found right."""

    wanted: Config
    source: str


class Reloader:
    """Holds the newest valid edit until the loop takes it, and the words about the newest wrong one until they are told."""

    def __init__(
        self,
        path: Path,
        running: Config,
        facts: Sequence[Instrument],
        ask: Callable[[list[str]], Sequence[Instrument]],
        env: Mapping[str, str] | None = None,
        watch: Callable[[Path, Callable[[str], None], Callable[[str], None]], FileWatch] = FileWatch,
    ) -> None:
        """`facts` are the instruments known, `ask` gets others from the exchange; `env` lies over the file as at the start."""
        self.path, self.ask = path, ask
        self.env = dict(os.environ if env is None else env)
        self.facts = {one.symbol: one for one in facts}
        self._running = running
        self._lock = threading.Lock()
        self._pending: _Edit | None = None
        self._taken: _Edit | None = None
        self._problem = ""
        self._untold: str | None = None
        self._waiting: tuple[Change, ...] = ()
        self.watch = watch(path, self.offer, self.lose)

    # ---- the watcher's thread ----------------------------------------------------------------------------------------------
    def offer(self, text: str) -> None:
        """Another text stands in the file."""
        try:
            edit = self._read(text)
        except (ConfigError, StrategyError, VenueError) as error:
            self._refuse(str(error))
            return
        except Exception as error:  # the watcher's thread must hear of the next edit, whatever this one did to us
            log.exception("an edit of %s could not be looked at", self.path)
            self._refuse(f"{type(error).__name__}: {error}")
            return
        with self._lock:
            try:
                effective(self._running, edit.wanted)
            except ConfigError as error:
                self._pending = None
                self._say(str(error))
                return
            found = changes(self._running, edit.wanted)
            waiting = tuple(change for change in found if change.when in WAITS)
            news = len(found) > len(waiting) or (waiting and waiting != self._waiting)
            self._problem, self._waiting = "", waiting
            self._pending = edit if news else None

    def lose(self, why: str) -> None:
        """Nothing that could be read stands in the file."""
        self._refuse(why)

    def _refuse(self, words: str) -> None:
        with self._lock:
            self._pending = None
            self._say(words)

    def _say(self, words: str) -> None:
        if words == self._problem:
            return
        self._problem = self._untold = words
        log.error("the edited configuration is refused, the old one stays: %s", words)

    def _read(self, text: str) -> _Edit:
        wanted = parse(text, str(self.path), self.env)
        check_slots(wanted, str(self.path))
        unknown = [symbol for symbol in symbols_of(wanted) if symbol not in self.facts]
        if unknown:
            self.facts |= {one.symbol: one for one in self.ask(unknown)}
        return _Edit(wanted, written_by(self.path, text) or "edit")

    # ---- the loop's thread -------------------------------------------------------------------------------------------------
    @property
    def pending(self) -> bool:
        return self._pending is not None

    def take(self) -> Candidate | None:
        """What waits, compared with what runs now: from here on it counts as running. An edit that was read while another was
        being taken over may not loosen what that one tightened."""
        with self._lock:
            edit, self._pending = self._pending, None
            if edit is None:
                return None
            try:
                config = effective(self._running, edit.wanted)
            except ConfigError as error:
                self._say(str(error))
                return None
            found = tuple(changes(self._running, edit.wanted))
            facts = tuple(self.facts[symbol] for symbol in symbols_of(config))
            candidate = Candidate(config, found, facts, edit.source)
            self._waiting = tuple(candidate.waiting)
            self._running = config
            self._taken = edit
            return candidate

    def put_back(self, candidate: Candidate, running: Config) -> None:
        """It could not be taken over yet; a newer edit wins over it."""
        with self._lock:
            self._running = running
            if not self._problem:
                self._pending = self._pending or self._taken

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
