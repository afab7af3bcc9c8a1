"""The one writer: what events did, the positions, the breakers and the machine's snapshot, in one transaction.

The tape and the bars are on the disk before the transaction that depends on them begins. A transaction that cannot land
(the database is locked, its server away, the disk full) changes nothing: the step stays with the caller, who tries again. One
whose answer was lost is asked for by its number before anything else is written.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Engine, func, insert, select, update
from sqlmodel import col

import engine as evenkeel
from db.models import AiCall, Alert, Command, EngineStatus, Outage, Run, RunMarker, Slot, Snapshot
from db.room import is_full
from engine.config.alerts import AlertsSection
from engine.core.limit_use import limit_use
from engine.core.machine import Reports
from engine.ledger import rows as ledger_rows
from engine.ledger import write as ledger_write
from engine.ledger.newest import newest_rows
from engine.ledger.rows import Context
from engine.ledger.statements import BEAT, DROP_SNAPSHOTS, KNOWN_ALERTS, insert_into
from engine.ledger.steering_rows import write_steered
from engine.market.starts import Start, Starts
from engine.market.tape import Tape
from engine.runtime.alert_rows import alerts_of, limit_alerts
from engine.runtime.beside import Doors, write_all
from engine.runtime.clock import REAL, Clock, wall_ms
from engine.runtime.crash import point
from engine.runtime.hold import FULL
from engine.runtime.trader import Step, Trader
from engine.runtime.transactions import Transactions
from engine.venues.live.ledger import LiveBooks, name_fills

log = logging.getLogger("evenkeel.recorder")

SNAPSHOTS_KEPT = 3
ALERTS_AT_ONCE = 200
HOUR_MS = 3_600_000


@dataclass
class Vitals:
    """What the heartbeat row says besides the machine's own state."""

    state: str = "starting"
    mode: str = "paper"
    demo: bool = False
    speed: float = 1.0
    feed: str = ""
    message: str = ""
    held: str = ""
    lag_ms: float | None = None
    started_ts: int = field(default_factory=wall_ms)
    counters: dict[str, Any] = field(default_factory=dict)


class Recorder:
    """Writes one run's ledger."""

    def __init__(self, engine: Engine, context: Context, tape: Tape, starts: Starts, clock: Clock = REAL) -> None:
        self.clock = clock
        self.engine = engine
        self.context = context
        self.tape = tape
        self.starts = starts
        newest = starts.newest()
        self.segment = (newest.position.day, newest.kernel_hash) if newest else ("", "")
        """UTC day and kernel of the newest start point; a commit under another day or kernel writes the next."""
        self._hour = 0
        self.markers: list[tuple[int, str, str]] = []
        self.beside: list[Any] = []  # challengers: written with the same transaction
        self.quiet = False  # a challenger's: what happens to the feed is told once, by the account
        self.alerts: list[dict[str, Any]] = []
        self.books = Transactions(engine, tape.folder.parent, clock)
        self.live: LiveBooks | None = None  # where real orders are sent: their intents, in the same transaction
        self.alerting = AlertsSection()
        """From which share on a limit's use is told."""

    def commit(self, trader: Trader, step: Step, vitals: Vitals, doors: Doors | None = None) -> bool:
        """Write everything that `step` holds, what services hand in, and the snapshot behind it. False if the database is
        locked or away or the disk full, as `held` says: try again. While `held` is DOUBT, with the same step."""
        if self.books.doubt is not None:
            ours = self.books.doubt.name == "commit"
            landed = self.books.settle()
            if landed is None or (landed and ours):
                return bool(landed)
        handed_in = doors.waiting() if doors else []
        challengers = [one for one in self.beside if one.begun]
        if not self._save(trader, challengers):
            return False
        segment = (self.tape.position.day, evenkeel.KERNEL_HASH)
        newest: dict[str, int] = {}
        behind: list[dict[str, int] | None] = []

        def work(connection: Connection) -> None:
            point("commit.begun")
            self._write(connection, trader, step, vitals)
            write_all(connection, handed_in)
            if segment != self.segment:
                newest.update(newest_rows(connection, self.context.run_id))
            behind.extend(one.recorder.write_beside(connection, one.trader, one.step, segment) for one in challengers)
            self._end(connection, challengers)
            point("commit.written")

        def landed_then() -> None:
            point("commit.done")
            if doors:
                doors.written(len(handed_in))
            self._landed(trader, segment, newest)
            for one, rows in zip(challengers, behind, strict=True):
                one.recorder.written_beside(one.trader, segment, rows)
                one.step = Step()
            self.beside[:] = [one for one in self.beside if not one.ended]

        return self.books.write(work, landed_then, "commit")

    @property
    def held(self) -> str:
        """Why the last transaction did not land (engine/runtime/hold.py); empty where it did."""
        return self.books.held

    @property
    def written(self) -> float:
        """When a transaction landed last, monotonic seconds."""
        return self.books.written

    def _landed(self, trader: Trader, segment: tuple[str, str], newest: dict[str, int]) -> None:
        """What a commit that is in the ledger leaves to do."""
        self.markers.clear()
        self.alerts.clear()
        self._hour = trader.now // HOUR_MS
        if segment != self.segment:
            self._begin_segment(trader, newest)
            self.segment = segment

    def _save(self, trader: Trader, challengers: Sequence[Any]) -> bool:
        """The tape and the bars on the disk; False if it is full."""
        try:
            self.tape.sync()
            point("tape.synced")
            trader.book.save()
            for one in challengers:
                one.trader.book.save()
        except OSError as error:
            if not is_full(error):
                raise
            self.books.held = FULL
            return False
        point("bars.saved")
        return True

    # ---- a challenger's, in another's transaction ------------------------------------------------------------------------
    def write_beside(
        self, connection: Connection, trader: Trader, step: Step, segment: tuple[str, str]
    ) -> dict[str, int] | None:
        """What `commit` writes, without a heartbeat; the run's newest rows where a start point is due behind it."""
        self._write(connection, trader, step, None)
        return newest_rows(connection, self.context.run_id) if segment != self.segment else None

    def written_beside(self, trader: Trader, segment: tuple[str, str], newest: dict[str, int] | None) -> None:
        """The transaction has landed."""
        self.markers.clear()
        self.alerts.clear()
        self._hour = trader.now // HOUR_MS
        if newest is not None:
            self._begin_segment(trader, newest)
            self.segment = segment
            self.starts.drop_before(min(self.tape.days(), default=""))

    def _end(self, connection: Connection, challengers: Sequence[Any]) -> None:
        for one in challengers:
            if one.ended:
                over = {"status": "complete", "ended_ts": self.clock.wall_ms()}
                connection.execute(update(Run).where(col(Run.id) == one.run_id).values(**over))

    def _begin_segment(self, trader: Trader, newest: dict[str, int]) -> None:
        """A start point of what is in the ledger now. Trading goes on without: a replay then begins at another one."""
        machine = trader.machine
        start = Start(
            self.tape.position, evenkeel.KERNEL_HASH, machine.snapshot(), machine.layout(), trader.extra(), newest
        )
        try:
            self.starts.write(start)
        except OSError as error:
            log.warning("no start point could be written; parity begins at an earlier or a later one: %s", error)

    def _write(self, connection: Connection, trader: Trader, step: Step, vitals: Vitals | None) -> None:
        run_id = self.context.run_id
        reports = Reports.concatenate(step.reports)
        tables = ledger_rows.rows_of(self.context, reports, step.facts)
        name_fills(tables, step.told)
        ledger_write.write_rows(connection, tables)
        ledger_write.replace_positions(
            connection, run_id, ledger_rows.position_rows(self.context, trader.machine, trader.now)
        )
        if self.live is not None:
            self.live.record(connection, self.context, trader.machine, reports.orders, step.told)
        ledger_write.write_rows(connection, ledger_rows.breaker_rows(self.context, trader.machine))
        if trader.now // HOUR_MS != self._hour:
            stamp = trader.now // HOUR_MS * HOUR_MS
            ledger_write.write_rows(connection, ledger_rows.slot_equity_rows(self.context, trader.machine, stamp))
        self._write_outages(connection, step)
        self._write_failures(connection, trader, step)
        write_steered(connection, run_id, step.steered)
        self._write_asks(connection, step)
        self._acknowledge(connection, step)
        self._write_words(connection)
        if not self.quiet:
            self._tell(connection, alerts_of(self.context, tables, reports))
            self._tell(connection, limit_alerts(self.context, limit_use(trader.machine), self.alerting, trader.now))
        self._write_snapshot(connection, trader)
        if vitals is not None:
            self._beat(connection, trader, vitals)

    def _write_outages(self, connection: Connection, step: Step) -> None:
        if not step.gaps:
            return
        run_id = self.context.run_id
        seq = connection.execute(select(func.max(col(Outage.seq))).where(col(Outage.run_id) == run_id)).scalar() or 0
        for number, gap in enumerate(step.gaps, seq + 1):
            connection.execute(insert(Outage).values(run_id=run_id, seq=number, reason="", **gap))
            seconds = (gap["to_ts"] - gap["from_ts"]) / 1000
            self._alert(
                connection, gap["to_ts"], "warning", "outage", f"{seconds:,.0f} s of the market were missed",
                f"cause: {gap['cause']}; filled from {gap['source']}", f"outage:{run_id}:{number}",
            )  # fmt: skip

    def _write_failures(self, connection: Connection, trader: Trader, step: Step) -> None:
        for i, text in step.failures.items():
            slot_id = self.context.slot_ids[i]
            connection.execute(update(Slot).where(col(Slot.id) == slot_id).values(state="failed", error=text))
            name = f"{self.context.slots[i].strategy} on {self.context.slots[i].symbol}"
            self._alert(
                connection, trader.now, "critical", "strategy", f"{name} was stopped", text,
                f"slot:{slot_id}:{trader.now}",
            )  # fmt: skip

    def _write_asks(self, connection: Connection, step: Step) -> None:
        """Questions for a model, which is asked by the service beside the loop."""
        for ask in step.asks:
            values = {name: value for name, value in ask.items() if name != "slot"}
            connection.execute(
                insert(AiCall).values(
                    run_id=self.context.run_id,
                    slot_id=self.context.slot_ids[ask["slot"]],
                    created_ts=self.clock.wall_ms(),
                    state="asked",
                    **values,
                )
            )

    def _acknowledge(self, connection: Connection, step: Step) -> None:
        for row_id, done, text in step.acks:
            values = {"state": "done" if done else "refused", "acked_ts": self.clock.wall_ms(), "result": text}
            connection.execute(update(Command).where(col(Command.id) == row_id).values(**values))

    def _write_words(self, connection: Connection) -> None:
        for ts, kind, text in self.markers:
            connection.execute(insert(RunMarker).values(run_id=self.context.run_id, ts=ts, kind=kind, text=text))
        for alert in self.alerts:
            self._alert(connection, **alert)

    def _alert(
        self, connection: Connection, ts: int, severity: str, kind: str, title: str, body: str, dedupe_key: str
    ) -> None:
        if self.quiet and kind != "strategy":
            return
        row = {"ts": ts, "severity": severity, "kind": kind, "title": title, "body": body, "dedupe_key": dedupe_key}
        self._tell(connection, [row])

    def _tell(self, connection: Connection, alerts: Iterable[dict[str, Any]]) -> None:
        """Alerts whose key is not known yet, as rows that want to go out."""
        wanted = {row["dedupe_key"]: row for row in alerts}
        keys = list(wanted)
        for start in range(0, len(keys), ALERTS_AT_ONCE):
            part = keys[start : start + ALERTS_AT_ONCE]
            old = set(connection.execute(KNOWN_ALERTS, {"keys": part}).scalars())
            common = {"run_id": self.context.run_id, "state": "new", "created_ts": self.clock.wall_ms()}
            if fresh := [{**wanted[key], **common} for key in part if key not in old]:
                connection.execute(insert_into(Alert), fresh)

    def _write_snapshot(self, connection: Connection, trader: Trader) -> None:
        position = self.tape.position
        row = {
            "run_id": self.context.run_id,
            "created_ts": self.clock.wall_ms(),
            "exchange_ts": trader.now,
            "tape_day": position.day,
            "tape_offset": position.offset,
            "tape_seq": position.seq,
            "layout": trader.machine.layout(),
            "kernel_hash": evenkeel.KERNEL_HASH,
            "state": trader.machine.snapshot(),
            "extra": trader.extra(),
        }
        connection.execute(insert_into(Snapshot), row)
        connection.execute(DROP_SNAPSHOTS, {"mine": self.context.run_id, "kept": SNAPSHOTS_KEPT})

    # ---- the heartbeat ---------------------------------------------------------------------------------------------------
    def beat(self, trader: Trader | None, vitals: Vitals, doors: Doors | None = None) -> bool:
        """The heartbeat and what services hand in; False if it cannot land, as `held` says."""
        if self.books.doubt is not None and not self.books.settle():
            return False
        handed_in = doors.waiting() if doors else []

        def work(connection: Connection) -> None:
            self._beat(connection, trader, vitals)
            write_all(connection, handed_in)

        return self.books.write(work, lambda: doors.written(len(handed_in)) if doors else None, "beat")

    def end(self, trader: Trader | None, vitals: Vitals, doors: Doors) -> None:
        """The last heartbeat, with all that services have handed in, in as many transactions as it takes."""
        while self.beat(trader, vitals, doors) and doors.waiting():
            continue

    def _beat(self, connection: Connection, trader: Trader | None, vitals: Vitals) -> None:
        values = {
            "pid": os.getpid(),
            "host": socket.gethostname(),
            "version": evenkeel.__version__,
            "mode": vitals.mode,
            "demo": vitals.demo,
            "state": _state(trader, vitals),
            "started_ts": vitals.started_ts,
            "heartbeat_ts": self.clock.wall_ms(),
            "exchange_ts": trader.now if trader and trader.now else None,
            "last_bar_ts": trader.last_bar if trader and trader.last_bar else None,
            "speed": vitals.speed,
            "feed": vitals.feed,
            "lag_ms": vitals.lag_ms,
            "rss_mb": resident_mb(),
            "counters": vitals.counters,
            "message": vitals.message,
        }
        run_id = self.context.run_id
        if connection.execute(BEAT, {"mine": run_id, **values}).rowcount == 0:
            connection.execute(insert_into(EngineStatus), {"run_id": run_id, **values})

    def set_run(self, **values: Any) -> bool:
        """Change the run's own row; False if it cannot land, as `held` says."""

        def work(connection: Connection) -> None:
            connection.execute(update(Run).where(col(Run.id) == self.context.run_id).values(**values))

        return self.books.doubt is None and self.books.write(work, lambda: None, "run")


def _state(trader: Trader | None, vitals: Vitals) -> str:
    if vitals.state != "running" or trader is None:
        return vitals.state
    return trader.machine.level


def resident_mb() -> float | None:
    """This process's memory; None where the system does not say."""
    try:
        with open("/proc/self/statm") as file:
            return round(int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6, 1)
    except (OSError, ValueError):
        return None
