"""Puts a configuration in force in the database: its version, the run's pointer to it, its instruments and slots.

One transaction of the caller's, so that a run never points at a version whose slots are missing. What the version does to
the machine is an event of the tape, not known here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from sqlalchemy.orm import Session

from db.models import Run
from engine.config.model import Config
from engine.core.setup import Setup
from engine.ledger import write as ledger_write
from engine.strategies import catalog


def put_in_force(session: Session, run: Run, config: Config, text: str, source: str, setups: Iterable[Setup]) -> bool:
    """The run's configuration is `text` from here on, with a row for every slot of `setups`; True if it is new to the run."""
    assert run.id is not None
    version = ledger_write.find_config_version(session, run.id, hashlib.sha256(text.encode()).hexdigest())
    fresh = version is None
    if version is None:
        version = ledger_write.add_config_version(session, run.id, text, source)
    run.config_version_id = version
    for setup in setups:
        sources = [catalog.source(slot.strategy) for slot in setup.slots]
        ledger_write.ensure_instruments(session, config.run.exchange, setup.instruments)
        ledger_write.ensure_slots(session, run.id, setup.slots, setup.params, sources, version)
    return fresh
