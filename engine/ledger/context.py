"""The names that a run's rows need: ids of its slots, instruments, configuration in force. Reads; writes nothing."""

from __future__ import annotations

from sqlalchemy import Engine, select
from sqlmodel import col

from db.models import Run, Slot
from engine.core.setup import Setup
from engine.ledger.rows import Context


def context_of(engine: Engine, run_id: int, setup: Setup) -> Context:
    """What the ledger needs to name the rows of a run under `setup`."""
    with engine.connect() as connection:
        rows = connection.execute(
            select(col(Slot.key), col(Slot.id), col(Slot.source_hash)).where(col(Slot.run_id) == run_id)
        ).all()
        version = connection.execute(select(col(Run.config_version_id)).where(col(Run.id) == run_id)).scalar()
    ids = {key: (slot_id, source) for key, slot_id, source in rows}
    machine = setup.machine()
    return Context(
        run_id=run_id,
        instruments=setup.instruments,
        slots=setup.slots,
        slot_ids=tuple(int(ids[slot.key][0] or 0) for slot in setup.slots),
        breaker_names=tuple(machine.breaker_names),
        config_version_id=version,
        source_hashes=tuple(ids[slot.key][1] for slot in setup.slots),
    )
