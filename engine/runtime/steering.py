"""The service that lets evidence change sizes, where the configuration allows it: looks now and then, proposes by a door.

What is proposed is research's (sharing, learning); taking it is an event of the tape. Everything is off unless switched on.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from db.errors import StorageError
from db.queries import scalar
from db.session import open_engine
from engine.analytics.allocation import Rules as ShareRules
from engine.analytics.learning import Rules as WeightRules
from engine.config.model import Config
from engine.ledger import steering_rows
from engine.research import learning, sharing
from engine.runtime.beside import Doors

LOOK_S = 30.0
HOUR_MS = 3_600_000
_NOW = "SELECT max(ts) FROM equity WHERE run_id = :run AND slot_id = 0"
log = logging.getLogger("evenkeel.steering")


class Steering:
    """One thread that mostly sleeps; it reads over a connection of its own."""

    name = "steering"

    def __init__(self, config: Config, run_id: int, doors: Doors) -> None:
        self.config, self.run_id, self.doors = config, run_id, doors
        self._looked = {"shares": 0, "weights": 0}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name=self.name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def committed(self) -> None:
        """Nothing waits for a commit: the next look sees it."""

    def reconfigured(self, config: Config) -> None:
        self.config = config
        self._looked = dict.fromkeys(self._looked, 0)

    def vitals(self) -> Mapping[str, Any]:
        return {}

    def stop(self, seconds: float) -> None:
        self._over.set()
        if self._thread.is_alive():
            self._thread.join(seconds)

    def _watch(self) -> None:
        while not self._over.wait(LOOK_S):
            try:
                engine = open_engine(self.config.database_url(), read_only=True)
                try:
                    self.look(engine)
                finally:
                    engine.dispose()
            except (StorageError, SQLAlchemyError, OSError, ValueError) as error:
                log.warning("shares and weights could not be looked at, they stay as they are: %s", error)

    def look(self, engine: Engine) -> None:
        """Propose what is due at the run's own time; what is switched off goes back to equal once."""
        now = int(scalar(engine, _NOW, {"run": self.run_id}) or 0)
        for kind, section in (("shares", self.config.allocator), ("weights", self.config.learning)):
            if not now or now - self._looked[kind] < section.every_hours * HOUR_MS:
                continue
            self._looked[kind] = now
            words = self._wanted(engine, kind, now) if section.enabled else self._equal(engine, kind)
            if words is not None:
                self.doors.event("command", kind, words, 0)
                log.info("%s: %s", kind, words["why"])

    def _wanted(self, engine: Engine, kind: str, now: int) -> dict[str, Any] | None:
        if kind == "shares":
            told = self.config.allocator
            shares = ShareRules(told.prior_days, least=told.least, most=told.most, dwell=told.dwell_days)
            return sharing.proposal(engine, self.run_id, now, shares)
        asked = self.config.learning
        weights = WeightRules(asked.prior, least=asked.least, most=asked.most)
        folder = Path(self.config.storage.data_dir)
        return learning.proposal(engine, self.run_id, now, folder, weights, asked.sizes, asked.dwell_days)

    def _equal(self, engine: Engine, kind: str) -> dict[str, Any] | None:
        """Switched off: sizes as configured, unless they are."""
        acting = (
            sharing.in_force(engine, self.run_id) if kind == "shares" else learning.in_force(engine, self.run_id)[0]
        )
        if not acting:
            return None
        why = "switched off in the configuration: every size as configured"
        return {**steering_rows.words_of_version(engine, kind, self.run_id, {"why": why}), "author": "engine"}
