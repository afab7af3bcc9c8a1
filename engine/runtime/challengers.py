"""Challengers: slots that live beside the account on the same feed, each trading on paper in an account of its own.

A challenger is a run like any other (its own trader, rows, bars and start points) but for its tape: it shares the engine's, where
what is its own stands as ["challenger", ts, run id, event]. So one place on one tape is where both stand, after any crash.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session as OrmSession
from sqlmodel import col

import engine as evenkeel
from db.models import Run, Snapshot
from engine.config.model import Config
from engine.config.sections import SlotSection
from engine.config.text import bare
from engine.core.setup import Setup
from engine.ledger import write as ledger_write
from engine.ledger.context import context_of
from engine.market.barbook import BarBook
from engine.market.lens import KIND, SHARED, share
from engine.market.starts import Starts
from engine.market.tape import Event
from engine.runtime import inbox
from engine.runtime.budget import SlotBudget
from engine.runtime.build import challengers_of
from engine.runtime.recorder import Recorder
from engine.runtime.trader import Step, Trader
from engine.runtime.versions import put_in_force

if TYPE_CHECKING:
    from engine.runtime.desk import Desk
    from engine.runtime.session import Session

ENDED = "complete"
log = logging.getLogger("evenkeel.challengers")


@dataclass
class Challenger:
    """One of them. `setup` is what the configuration asks for, None once it asks for it no more; the trader's own until then."""

    run_id: int
    of: int
    folder: Path
    trader: Trader
    recorder: Recorder
    setup: Setup | None
    step: Step = field(default_factory=Step)
    budget: SlotBudget = field(default_factory=lambda: SlotBudget(60_000))
    begun: bool = False
    ended: bool = False
    off: bool = False

    mirrors: ClassVar[bool] = False
    """A twin: it takes what the account takes, commands too."""

    @property
    def key(self) -> str:
        return self.trader.setup.slots[0].key

    def event(self, event: Event) -> Event:
        """An event of its own as it stands on the tape."""
        return [KIND, event[1], self.run_id, event]

    def take(self, event: Event, incumbent: Trader) -> None:
        """Take an event of the tape, in life and at a recovery alike: what is shared once it has begun, and what is its own."""
        if event[0] == KIND and event[2] == self.run_id:
            self._own(event[3], incumbent)
        elif event[0] in SHARED and self.begun and not self.ended:
            self.trader.take(event, self.step)

    def _own(self, event: Event, incumbent: Trader) -> None:
        if event[0] == "warm":
            setup = Setup.from_json(event[3])
            if setup != self.trader.setup:
                self.trader.reconfigure(setup)
            for symbol, timeframe in self.trader.keys:
                self.trader.warm((symbol, timeframe), incumbent.book.bars((symbol, timeframe)))
            self.begun = True
            self.share(event[1])
        elif event[0] == "end":
            self.ended = True
        self.trader.take(event, self.step)

    def share(self, begun: int) -> None:
        """Note whose tape it lives of since when."""
        share(self.folder, self.of, self.run_id, begun)

    def wanted(self, account: Trader) -> Setup:
        """What it is to work with beside `account`, whose frames it takes; its money is its own."""
        assert self.setup is not None
        cash = self.trader.setup.account.cash
        return replace(
            self.setup, instruments=account.setup.instruments, account=replace(self.setup.account, cash=cash)
        )

    def may_begin(self, ts: int, incumbent: Trader) -> int:
        """The exchange time at which it may begin before an event of time `ts`: where its bars begin anew. 0 for not yet."""
        span = self.trader.setup.slots[0].timeframe_ms
        edge = ts // span * span
        waits = not self.begun and self.setup is not None and incumbent.now and not incumbent.in_gap
        return edge if waits and edge >= incumbent.now else 0

    def warm_event(self, ts: int, incumbent: Trader) -> Event:
        """Its beginning: it looks back on the bars that the account has seen."""
        counts = {incumbent.book.file_name(key): int(incumbent.book.bars(key).size) for key in self.trader.keys}
        return self.event(["warm", ts, counts, self.trader.setup.to_json()])


def enlist(rows: OrmSession, session: Session, config: Config, setup: Setup) -> list[tuple[int, str]]:
    """Rows for the challengers that `config` asks for: (run id, slot key) of all, those that live on among them. The caller's
    transaction. Every configuration is a version of each of them too."""
    wanted, found = challengers_of(config, setup), []
    alive = {run.params["challenger"]["key"]: run for run in _alive(rows, session.run_id)}
    for key, (own, section) in wanted.items():
        run = alive.get(key) or _create(rows, session, config, own, section)
        assert run.id is not None
        run.status, run.ended_ts = "running", None
        put_in_force(rows, run, config, bare(config), "start", (own,))
        found.append((run.id, key))
    for key, run in alive.items():
        if (
            key not in wanted
            and rows.scalars(select(col(Snapshot.id)).where(col(Snapshot.run_id) == run.id)).first() is None
        ):
            run.status, run.ended_ts = ENDED, session.recorder.clock.wall_ms()  # it never began
    return found


def _alive(rows: OrmSession, run_id: int) -> list[Run]:
    query = select(Run).where(col(Run.challenger_of) == run_id, col(Run.status) != ENDED).order_by(col(Run.id))
    return list(rows.scalars(query))


def _create(rows: OrmSession, session: Session, config: Config, setup: Setup, section: SlotSection) -> Run:
    slot = setup.slots[0]
    number = len(rows.scalars(select(col(Run.id)).where(col(Run.challenger_of) == session.run_id)).all()) + 1
    told = {"challenger": {"key": slot.key, "of": section.challenger_of, "symbol": slot.symbol}}
    links: dict[str, Any] = {"challenger_of": session.run_id, "params": told}
    return create_beside(rows, session, config, setup, f"{config.run.name}-challenger-{number}", links)


def create_beside(
    rows: OrmSession, session: Session, config: Config, setup: Setup, name: str, links: Mapping[str, Any]
) -> Run:
    """The row of a run on paper that lives beside the session's, on its tape; `links` say of what kind it is."""
    run_id = ledger_write.create_run(
        rows,
        name=name,
        kind="paper",
        demo=session.vitals.demo,
        status="running",
        exchange=config.run.exchange,
        quote=config.account.quote,
        cash_start=float(config.cash),
        finest_tf_ms=min(slot.timeframe_ms for slot in setup.slots),
        created_ts=session.recorder.clock.wall_ms(),
        started_ts=session.recorder.clock.wall_ms(),
        code_hash=evenkeel.KERNEL_HASH,
        **links,
    )
    run = rows.get(Run, run_id)
    assert run is not None
    return run


def muster(session: Session, engine: Engine, config: Config) -> None:
    """Every challenger that lives as an object beside the session, as its last snapshot left it; those the configuration does not
    ask for any more end at the next take-over."""
    wanted = challengers_of(config, session.setup)
    known = {one.run_id for one in session.challengers}
    with OrmSession(engine) as rows:
        for run in _alive(rows, session.run_id):
            if run.id in known:
                continue
            key = run.params["challenger"]["key"]
            own = wanted[key][0] if key in wanted else None
            session.challengers.append(stands(rows, session, engine, run, own, Challenger))
    for one in session.challengers:
        if one.mirrors:
            continue
        one.setup, one.off = wanted.get(one.key, (None,))[0], one.key in wanted and not wanted[one.key][1].enabled
    session.recorder.beside = session.challengers


_Kind = TypeVar("_Kind", bound=Challenger)


def stands(rows: OrmSession, session: Session, engine: Engine, run: Run, own: Setup | None, kind: type[_Kind]) -> _Kind:
    """The run as an object, as its last snapshot left it; `own` is what it begins with where it has none."""
    query = select(Snapshot).where(col(Snapshot.run_id) == run.id).order_by(col(Snapshot.id).desc()).limit(1)
    snapshot = rows.scalars(query).first()
    former = Setup.from_json(snapshot.extra["setup"]) if snapshot is not None else own
    assert former is not None
    assert run.id is not None
    folder = session.folder.parent / str(run.id)
    trader = Trader(
        former, BarBook(folder / "bars", tuple(one.symbol for one in former.instruments)), session.trader.stopwatch
    )
    context, starts = context_of(engine, run.id, former), Starts(folder / "starts")
    recorder = Recorder(session.engine, context, session.tape, starts, session.recorder.clock)
    recorder.quiet = True
    one = kind(run.id, session.run_id, folder, trader, recorder, own)
    if snapshot is not None:
        trader.book.load(snapshot.extra["bars"])
        trader.book.cut(snapshot.extra.get("first_bars", {}))
        trader.restore(snapshot.state, snapshot.layout, snapshot.extra)
        one.begun = True
        if snapshot.kernel_hash != evenkeel.KERNEL_HASH:
            recorder.markers.append(
                (trader.now, "upgrade", "another version of the kernel: a new parity segment begins")
            )
    else:
        for path in sorted(folder.rglob("*"), reverse=True):  # what a start that died before its first commit left
            if path.is_file():
                path.unlink()
    return one


def hand_commands(engine: Engine, desk: Desk) -> None:
    """What people have asked of each challenger by its own run, as events of the tape."""
    now = desk.trader.now
    for one in desk.challengers:
        if not one.begun or one.ended:
            continue
        acting = {ack[0] for ack in one.step.acks if ack[0]}
        for row_id, kind, args in inbox.waiting(engine, one.run_id, acting, by_name=True):
            desk.event(now, one.event(["command", now, kind, args, row_id]))
            one.recorder.markers.append((now, "command", f"{kind} {inbox.words_of(args)}".strip()))
            log.warning("command to challenger %d: %s %s", one.run_id, kind, inbox.words_of(args))
