"""Opening a run: the only start there is, whether the run is new, was stopped, or was killed.

Lock, schema, the run's row, the last snapshot, the tape behind it, one commit. After that the loop may go on.
"""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, select

import engine as evenkeel
from db.models import Run, Slot, Snapshot
from db.session import check_schema, migrate, open_engine, write_session
from engine.core.setup import Setup
from engine.ledger import write as ledger_write
from engine.ledger.rows import Context
from engine.market.instruments import instruments
from engine.market.tape import START, Position, Tape
from engine.market.venue import Venue
from engine.runtime.barbook import BarBook
from engine.runtime.build import setup_of, symbols_of, with_orphans
from engine.runtime.config import Config
from engine.runtime.crash import point
from engine.runtime.lock import EngineLock
from engine.runtime.recorder import Recorder, Vitals, wall_ms
from engine.runtime.trader import Step, Trader
from engine.strategies import catalog

log = logging.getLogger("evenkeel.session")

BUSY_MS = 50


@dataclass
class Session:
    """An open run."""

    engine: Engine
    lock: EngineLock
    run_id: int
    trader: Trader
    tape: Tape
    recorder: Recorder
    vitals: Vitals
    fresh: bool
    pending: Step

    def close(self) -> None:
        self.tape.close()
        self.engine.dispose()
        self.lock.release()


def run_folder(config: Config, run_id: int) -> Path:
    """Where a run's tape and bars live."""
    return Path(config.storage.data_dir) / "runs" / str(run_id)


def open_session(config: Config, text: str, venue: Venue, *, demo: bool) -> Session:
    """Everything up to the moment the market may come in. Errors carry `exit_code` and a sentence about what to do."""
    url = config.database_url()
    engine = open_engine(url, busy_ms=BUSY_MS)
    lock = EngineLock(engine, url)
    lock.acquire()
    try:
        return _open(config, text, venue, engine, lock, demo)
    except BaseException:
        engine.dispose()
        lock.release()
        raise


def _open(config: Config, text: str, venue: Venue, engine: Engine, lock: EngineLock, demo: bool) -> Session:
    patient = open_engine(config.database_url())
    migrate(patient)
    check_schema(patient)
    facts = instruments(config.run.exchange, symbols_of(config), venue=venue)
    setup = setup_of(config, facts)
    known = _find_run(patient, config)
    snapshot = _last_snapshot(patient, known) if known else None
    orphans: set[str] = set()
    if snapshot is not None:
        setup, orphans = with_orphans(setup, snapshot.extra["setup"], _open_keys(snapshot))
    run_id, fresh_config = _register(patient, config, text, setup, known, demo)
    context = _context(patient, run_id, setup)
    folder = run_folder(config, run_id)
    trader = Trader(setup, BarBook(folder / "bars", tuple(i.symbol for i in setup.instruments)))
    tape = Tape(folder / "tape")
    patient.dispose()
    recorder = Recorder(engine, context, tape)
    vitals = Vitals(state="recovering", mode=config.run.mode, demo=demo)
    session = Session(engine, lock, run_id, trader, tape, recorder, vitals, snapshot is None, Step())
    if snapshot is None:
        _discard(folder)
        tape.open(START)
    else:
        _recover(session, snapshot)
        _say_what_changed(session, snapshot, fresh_config)
    _switch_slots(session, config, orphans)
    return session


def _find_run(engine: Engine, config: Config) -> Run | None:
    from sqlmodel import Session as OrmSession

    with OrmSession(engine) as session:
        run = session.exec(select(Run).where(Run.name == config.run.name)).scalars().first()  # type: ignore[arg-type, call-overload]
        if run is not None and run.kind == "backtest":
            raise RunNameTaken(
                f"the name {config.run.name} belongs to a backtest: choose another [run] name, or `run --new NAME`"
            )
        if run is not None:
            session.expunge(run)
        return run  # type: ignore[no-any-return]


class RunNameTaken(Exception):
    """A run of another kind has this name."""

    exit_code = 78


def _last_snapshot(engine: Engine, run: Run) -> Snapshot | None:
    from sqlmodel import Session as OrmSession

    with OrmSession(engine) as session:
        query = select(Snapshot).where(Snapshot.run_id == run.id).order_by(Snapshot.id.desc()).limit(1)  # type: ignore[union-attr, arg-type]
        snapshot = session.exec(query).scalars().first()  # type: ignore[call-overload]
        if snapshot is not None:
            session.expunge(snapshot)
        return snapshot  # type: ignore[no-any-return]


def _open_keys(snapshot: Snapshot) -> set[str]:
    """Slots that held a position or an order when the snapshot was taken."""
    former = Setup.from_json(snapshot.extra["setup"])
    machine = former.machine()
    machine.restore(snapshot.state, snapshot.layout)
    busy = (machine.slots["qty"] > 0) | (machine.slots["q_entry"] != 0)
    return {slot.key for slot, held in zip(former.slots, busy.tolist(), strict=True) if held}


def _register(
    engine: Engine, config: Config, text: str, setup: Setup, known: Run | None, demo: bool
) -> tuple[int, bool]:
    """The run's row, its configuration version, instruments and slots; True if the configuration is new to the run."""
    sources = [catalog.source(slot.strategy) for slot in setup.slots]
    digest = hashlib.sha256(text.encode()).hexdigest()
    with write_session(engine) as session:
        if known is None:
            run_id = ledger_write.create_run(
                session,
                name=config.run.name,
                kind="paper",
                demo=demo,
                status="running",
                exchange=config.run.exchange,
                quote=config.account.quote,
                cash_start=float(config.account.cash),
                finest_tf_ms=min(slot.timeframe_ms for slot in setup.slots),
                created_ts=wall_ms(),
                started_ts=wall_ms(),
                code_hash=evenkeel.KERNEL_HASH,
            )
        else:
            assert known.id is not None
            run_id = known.id
        version = ledger_write.find_config_version(session, run_id, digest)
        fresh = version is None
        if version is None:
            version = ledger_write.add_config_version(session, run_id, text, "start")
        run = session.get(Run, run_id)
        assert run is not None
        run.config_version_id, run.status, run.ended_ts, run.error = version, "running", None, None
        ledger_write.ensure_instruments(session, config.run.exchange, setup.instruments)
        ledger_write.ensure_slots(session, run_id, setup.slots, setup.params, sources, version)
    return run_id, fresh and known is not None


def _context(engine: Engine, run_id: int, setup: Setup) -> Context:
    with engine.connect() as connection:
        rows = connection.execute(
            select(Slot.key, Slot.id, Slot.source_hash).where(Slot.run_id == run_id)  # type: ignore[call-overload]
        ).all()
        version = connection.execute(select(Run.config_version_id).where(Run.id == run_id)).scalar()  # type: ignore[call-overload]
    ids = {key: (slot_id, source) for key, slot_id, source in rows}
    machine = setup.machine()
    return Context(
        run_id=run_id,
        instruments=setup.instruments,
        slots=setup.slots,
        slot_ids=tuple(ids[slot.key][0] for slot in setup.slots),
        breaker_names=tuple(machine.breaker_names),
        config_version_id=version,
        source_hashes=tuple(ids[slot.key][1] for slot in setup.slots),
    )


def _discard(folder: Path) -> None:
    """A run without a snapshot has no past: what a start that died before its first commit left is removed."""
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_file():
            path.unlink()


def _recover(session: Session, snapshot: Snapshot) -> None:
    """The snapshot, then every event behind it on the tape, as if the process had never ended."""
    trader = session.trader
    trader.book.load(trader.keys, snapshot.extra["bars"])
    trader.restore(snapshot.state, snapshot.layout, snapshot.extra)
    point("recovery.loaded")
    position = Position(snapshot.tape_day, snapshot.tape_offset, snapshot.tape_seq)
    events = 0
    for event, position in session.tape.read(position):
        trader.take(event, session.pending)
        events += 1
    session.tape.open(position)
    point("recovery.replayed")
    text = f"went on from the snapshot of {snapshot.exchange_ts}, {events} events behind it on the tape"
    session.recorder.markers.append((trader.now, "recovery", text))
    log.info("%s", text)


def _say_what_changed(session: Session, snapshot: Snapshot, fresh_config: bool) -> None:
    now = session.trader.now
    if fresh_config:
        session.recorder.markers.append((now, "config", "another configuration"))
    if snapshot.kernel_hash != evenkeel.KERNEL_HASH:
        session.recorder.markers.append((now, "upgrade", "another version of the kernel: a new parity segment begins"))


def _switch_slots(session: Session, config: Config, orphans: set[str]) -> None:
    """Slots that the configuration switches off, or no longer has, only manage what they hold."""
    off = {slot.key for slot, enabled in zip(session.trader.setup.slots, _enabled(config), strict=False) if not enabled}
    for key in sorted(off | orphans):
        session.pending.reports.append(
            session.trader.machine.command("slot_state", session.trader.now, slot=key, state="exit_only")
        )


def _enabled(config: Config) -> list[bool]:
    return [section.enabled for section in config.slots for _ in section.symbols]


def describe(trader: Trader) -> dict[str, Any]:
    """What is open, for the words said at a stop."""
    held = trader.machine.slots["qty"] > 0
    return {
        "positions": [
            f"{slot.strategy} on {slot.symbol}" for slot, h in zip(trader.setup.slots, held.tolist(), strict=True) if h
        ],
        "orders": int(trader.machine.account["n_queued"][0]),
    }
