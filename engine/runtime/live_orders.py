"""Real orders in the engine's life: books for the recorder and a lane beside the loop, where the session has an account for them.

On paper nothing of this is made; a dry run has the books without the lane, and writes what it would have sent.
"""

from __future__ import annotations

from pathlib import Path

from db.session import open_engine
from engine.config.model import Config
from engine.core.machine import Machine
from engine.market.threads import Spawn, spawn
from engine.runtime.beside import Doors
from engine.runtime.session import Session
from engine.venues.live import ids
from engine.venues.live.gate import Gate
from engine.venues.live.ledger import LiveBooks
from engine.venues.live.service import Live, gate_of
from engine.venues.opening import NATIVE_STOPS


def live_orders(config: Config, session: Session, doors: Doors, put: Spawn = spawn) -> list[Live]:
    """The lane of this run, not started yet, with its books in the recorder's hands; none on paper and in a dry run."""
    folder = Path(config.storage.data_dir)
    if session.port is None:
        if config.run.mode == "dry":
            tag = ids.tag_of(ids.instance_of(folder))
            stops, level = NATIVE_STOPS.get(config.run.exchange, ""), lambda: session.trader.machine.level
            gate = Gate(tag, config.run.name, 0, stops, lambda: session.trader.now, level, doors.killed, dry=True)
            session.recorder.live = LiveBooks(gate)
        return []

    def machine() -> Machine:
        return session.trader.machine

    bare_ms = config.live.bare_exit_s * 1000
    gate = gate_of(session.port, folder, config.run.name, machine, doors.killed, bare_ms=bare_ms)
    session.recorder.live = LiveBooks(gate)
    live = Live(
        gate, session.port, open_engine(config.database_url(), read_only=True), session.run_id, doors, machine, put
    )
    doors.landed.append(live.committed)
    doors.before_end.append(live.may_end)
    return [live]
