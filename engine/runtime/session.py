"""Opening a run: the only start there is, whether the run is new, was stopped, or was killed.

Lock, schema, the run's row, the last snapshot, the tape behind it, one commit. After that the loop may go on.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session as OrmSession
from sqlmodel import col

import engine as evenkeel
from db.models import EngineStatus, Run, Snapshot
from db.session import check_schema, migrate, open_engine, write_session
from engine.config.model import Config
from engine.core.setup import Setup
from engine.core.types import Instrument
from engine.ledger import write as ledger_write
from engine.ledger.context import context_of
from engine.market.barbook import BarBook
from engine.market.candles import iso
from engine.market.instruments import instruments
from engine.market.starts import Starts
from engine.market.tape import START, Position, Tape
from engine.market.venue import Venue
from engine.runtime.build import for_mode, setup_of, symbols_of, with_orphans
from engine.runtime.challengers import Challenger, enlist, muster
from engine.runtime.clock import REAL, Clock
from engine.runtime.crash import point
from engine.runtime.gate import gated
from engine.runtime.lock import EngineLock
from engine.runtime.move.latch import refuse_moved
from engine.runtime.recorder import Recorder, Vitals
from engine.runtime.timings import Timings
from engine.runtime.trader import Step, Trader
from engine.runtime.twin import enlist_twin, muster_twin
from engine.runtime.versions import put_in_force
from engine.venues.port import Port

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
    setup: Setup
    """What the configuration asks for; the trader's own setup until the loop swaps it."""
    off: set[str] = field(default_factory=set)
    """Keys of slots that only manage what they hold."""
    challengers: list[Challenger] = field(default_factory=list)
    facts: tuple[Instrument, ...] = ()
    """The instruments as the exchange has them, without the configuration's fees."""
    timings: Timings = field(default_factory=Timings)
    was: str = ""
    """The run's status before this start: running means that it ended without a stop; empty for a new run."""
    heard_ts: int | None = None
    """The engine's last heartbeat before this start, ms of this machine's clock."""
    port: Port | None = None
    """The account at the venue; None where no real orders are sent."""

    @property
    def folder(self) -> Path:
        """Where the run's tape and bars lie."""
        return self.tape.folder.parent

    def close(self) -> None:
        self.tape.close()
        self.engine.dispose()
        self.lock.release()


def run_folder(config: Config, run_id: int) -> Path:
    """Where a run's tape and bars live."""
    return Path(config.storage.data_dir) / "runs" / str(run_id)


def open_session(
    config: Config, text: str, venue: Venue, *, demo: bool, port: Port | None = None, clock: Clock = REAL
) -> Session:
    """Everything up to the moment the market may come in. `port` is the account that real orders go to, None on paper.
    Errors carry `exit_code` and a sentence about what to do."""
    url = config.database_url()
    engine = open_engine(url, busy_ms=BUSY_MS)
    lock = EngineLock(engine, url)
    lock.acquire()
    try:
        refuse_moved(Path(config.storage.data_dir))
        return _open(config, text, venue, engine, lock, demo, port, clock)
    except BaseException:
        engine.dispose()
        lock.release()
        raise


def _open(
    config: Config,
    text: str,
    venue: Venue,
    engine: Engine,
    lock: EngineLock,
    demo: bool,
    port: Port | None,
    clock: Clock,
) -> Session:
    assert (config.run.mode == "live") == (port is not None), "real orders go out by open_port alone"
    patient = open_engine(config.database_url())
    migrate(patient)
    check_schema(patient)
    facts = instruments(config.run.exchange, symbols_of(config), venue=venue)
    setup = for_mode(setup_of(config, facts), config, port is not None and bool(port.native_stop))
    known = _find_run(patient, config)
    setup = gated(setup, config.ai, patient, known.id if known else None)
    snapshot = _last_snapshot(patient, known) if known else None
    former = Setup.from_json(snapshot.extra["setup"]) if snapshot is not None else setup
    heard = _last_heard(patient, known) if known else None
    orphans: set[str] = set()
    if snapshot is not None:
        setup, orphans = with_orphans(setup, snapshot.extra["setup"], _open_keys(snapshot, former))
    run_id, fresh_config = _register(patient, config, text, (former, setup), known, demo, clock.wall_ms())
    folder = run_folder(config, run_id)
    trader = Trader(former, BarBook(folder / "bars", _names(former)), clock.stopwatch)
    tape = Tape(folder / "tape")
    recorder = Recorder(engine, context_of(patient, run_id, former), tape, Starts(folder / "starts"), clock)
    vitals = Vitals(state="recovering", mode=config.run.mode, demo=demo, started_ts=clock.wall_ms())
    session = Session(engine, lock, run_id, trader, tape, recorder, vitals, snapshot is None, Step(), setup)
    session.timings, recorder.books.lock = Timings(clock.stopwatch), lock
    session.off = switched_off(config, setup) | orphans
    session.facts, session.port = tuple(facts), port
    with write_session(patient) as rows:
        enlist(rows, session, config, setup)
        enlist_twin(rows, session, config, setup)
    muster(session, patient, config)
    muster_twin(session, patient)
    session.was, session.heard_ts = (known.status if known else ""), heard
    recorder.alerting = config.alerts
    patient.dispose()
    if snapshot is None:
        _discard(folder)
        tape.open(START)
    else:
        _recover(session, snapshot)
        _say_what_changed(session, snapshot, fresh_config)
    return session


def _names(setup: Setup) -> tuple[str, ...]:
    return tuple(instrument.symbol for instrument in setup.instruments)


def _find_run(engine: Engine, config: Config) -> Run | None:
    with OrmSession(engine, expire_on_commit=False) as session:
        run = session.scalars(select(Run).where(col(Run.name) == config.run.name)).first()
        if run is not None:
            _refuse_another_kind(run, config.run.mode)
            session.expunge(run)
        return run


def _refuse_another_kind(run: Run, mode: str) -> None:
    """RunNameTaken where `run` is no account that a start in `mode` may go on with."""
    remedy = "choose another [run] name, or `run --new NAME`"
    if run.kind not in ("paper", "live") or run.challenger_of is not None or run.twin_of is not None:
        what = (
            "a backtest" if run.kind == "backtest" else "imported trades" if run.kind == "imported" else "another run"
        )
        raise RunNameTaken(f"the name {run.name} belongs to {what}: {remedy}")
    if mode == "live" and run.kind == "paper":
        raise RunNameTaken(f"run {run.name} has traded on paper, and real money has a run of its own: {remedy}")
    if mode != "live" and run.kind == "live":
        raise RunNameTaken(
            f'run {run.name} is live and mode is "{mode}": what it holds at the exchange would be looked after by nobody. '
            f'Go on with mode = "live", or, once it is flat, {remedy}'
        )


class RunNameTaken(Exception):
    """A run of another kind has this name."""

    exit_code = 78


def _last_snapshot(engine: Engine, run: Run) -> Snapshot | None:
    with OrmSession(engine, expire_on_commit=False) as session:
        query = select(Snapshot).where(col(Snapshot.run_id) == run.id).order_by(col(Snapshot.id).desc()).limit(1)
        snapshot = session.scalars(query).first()
        if snapshot is not None:
            session.expunge(snapshot)
        return snapshot


def _last_heard(engine: Engine, run: Run) -> int | None:
    with engine.connect() as connection:
        query = select(col(EngineStatus.heartbeat_ts)).where(col(EngineStatus.run_id) == run.id)
        return connection.execute(query).scalar()


def _open_keys(snapshot: Snapshot, former: Setup) -> set[str]:
    """Slots that held a position or an order when the snapshot was taken."""
    machine = former.machine()
    machine.restore(snapshot.state, snapshot.layout)
    busy = (machine.slots["qty"] > 0) | (machine.slots["q_entry"] != 0)
    return {slot.key for slot, held in zip(former.slots, busy.tolist(), strict=True) if held}


def _register(
    engine: Engine,
    config: Config,
    text: str,
    setups: tuple[Setup, Setup],
    known: Run | None,
    demo: bool,
    now_ms: int,
) -> tuple[int, bool]:
    """The run's row, its configuration version, instruments and slots; True if the configuration is new to the run."""
    former, setup = setups
    with write_session(engine) as session:
        if known is None:
            run_id = ledger_write.create_run(
                session,
                name=config.run.name,
                kind="live" if config.run.mode == "live" else "paper",
                demo=demo,
                status="running",
                exchange=config.run.exchange,
                quote=config.account.quote,
                cash_start=float(config.cash),
                finest_tf_ms=min(slot.timeframe_ms for slot in setup.slots),
                created_ts=now_ms,
                started_ts=now_ms,
                code_hash=evenkeel.KERNEL_HASH,
            )
        else:
            assert known.id is not None
            run_id = known.id
        run = session.get(Run, run_id)
        assert run is not None
        run.status, run.ended_ts, run.error = "running", None, None
        run.dry = config.run.mode == "dry"
        fresh = put_in_force(session, run, config, text, "start", (former, setup))
    return run_id, fresh and known is not None


def _discard(folder: Path) -> None:
    """A run without a snapshot has no past: what a start that died before its first commit left is removed."""
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_file():
            path.unlink()


def _recover(session: Session, snapshot: Snapshot) -> None:
    """The snapshot, then every event behind it on the tape, as if the process had never ended."""
    trader = session.trader
    trader.book.load(snapshot.extra["bars"])
    trader.book.cut(snapshot.extra.get("first_bars", {}))
    trader.restore(snapshot.state, snapshot.layout, snapshot.extra)
    point("recovery.loaded")
    end = start = _start_on_tape(session, Position(snapshot.tape_day, snapshot.tape_offset, snapshot.tape_seq))
    for event, behind in session.tape.read(start):
        trader.take(event, session.pending)
        for one in session.challengers:
            one.take(event, trader)
        end = behind
    session.tape.open(end)
    _name_anew(session)
    point("recovery.replayed")
    text = f"went on from the snapshot of {iso(snapshot.exchange_ts)}, {end.seq - start.seq} later events taken from the tape"
    session.recorder.markers.append((trader.now, "recovery", text))
    log.info("%s", text)


def _name_anew(session: Session) -> None:
    """A setup may have been taken over behind the snapshot, right after it: rows go by the slots that are in force now."""
    lived: list[tuple[int, Recorder, Trader]] = [(session.run_id, session.recorder, session.trader)]
    lived += [(one.run_id, one.recorder, one.trader) for one in session.challengers]
    for run_id, recorder, trader in lived:
        if recorder.context.slots != trader.setup.slots:
            recorder.context = context_of(session.engine, run_id, trader.setup)


def _start_on_tape(session: Session, position: Position) -> Position:
    """Where the tape goes on: behind what the snapshot holds. Where the disk lost the end of the tape, the ledger holds what
    happened; the hole is an event, and told as an outage."""
    tape, now = session.tape, session.trader.now
    whole, ts = tape.whole_until(position)
    if whole == position:
        return position
    session.recorder.starts.drop_behind(whole)
    session.recorder.segment = ("", "")  # the first commit begins another behind the hole
    for one in session.challengers:
        one.recorder.starts.drop_behind(whole)
        one.recorder.segment = ("", "")
    tape.open(whole)
    tape.append(now, ["lost", now, ts])
    tape.sync()
    hole = {"from_ts": ts or now, "to_ts": now, "cause": "tape", "source": "none", "frames": 0}
    session.pending.gaps.append(hole)
    words = (
        f"the tape ends before the snapshot of {iso(now)}: what it had from {iso(ts or now)} on is only in the ledger"
    )
    session.recorder.markers.append((now, "recovery", words))
    log.warning("%s", words)
    return tape.position


def _say_what_changed(session: Session, snapshot: Snapshot, fresh_config: bool) -> None:
    now = session.trader.now
    if fresh_config:
        session.recorder.markers.append((now, "config", "another configuration"))
    if snapshot.kernel_hash != evenkeel.KERNEL_HASH:
        session.recorder.markers.append((now, "upgrade", "another version of the kernel: a new parity segment begins"))


def switched_off(config: Config, setup: Setup) -> set[str]:
    """Slots that the configuration switches off."""
    return {slot.key for slot, enabled in zip(setup.slots, _enabled(config), strict=False) if not enabled}


def _enabled(config: Config) -> list[bool]:
    return [section.enabled for section in config.incumbents for _ in section.symbols]


def describe(trader: Trader) -> dict[str, Any]:
    """What is open, for the words said at a stop."""
    held = trader.machine.slots["qty"] > 0
    return {
        "positions": [
            f"{slot.strategy} on {slot.symbol}" for slot, h in zip(trader.setup.slots, held.tolist(), strict=True) if h
        ],
        "orders": int(trader.machine.account["n_queued"][0]),
    }
