"""A live run in this process on an exchange in memory: trader, tape, recorder, database, doors and lane as in life, a turn at a
time by a virtual clock. `die` forgets everything that is not on the disk; `begin` is the only start, the first time and after.
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event, select, text
from sqlmodel import col

from db.models import Snapshot
from db.session import migrate, open_engine, write_session
from engine.core.setup import Setup
from engine.core.types import AccountSpec, Instrument, Protection, Sizing, SlotSpec
from engine.ledger import write as ledger_write
from engine.ledger.audit import audit
from engine.ledger.context import context_of
from engine.market.barbook import BarBook
from engine.market.starts import Starts
from engine.market.tape import START, Tape
from engine.runtime.beside import Doors
from engine.runtime.budget import SlotBudget
from engine.runtime.desk import Desk
from engine.runtime.recorder import Recorder, Vitals
from engine.runtime.session import Session, _recover
from engine.runtime.trader import Step, Trader
from engine.venues.live import ids
from engine.venues.live.ledger import LiveBooks
from engine.venues.live.service import Live, gate_of
from tests.venues.live.exchange import CENT, MemoryPort

BEGUN = 1_767_312_000_000
SYMBOL = "BTC/USD"
LOT = Decimal("0.000001")
GRID = Instrument(SYMBOL, "BTC", "USD", CENT, LOT, LOT, min_notional=Decimal(1), maker=CENT / 10, taker=CENT / 10)
COLUMNS = ("id", "client_order_id", "state", "role", "qty", "filled", "anomaly", "symbol", "look_ups", "decision_key")


@cache
def _empty() -> Path:
    """A database of the present schema without a row, made once."""
    file = Path(tempfile.mkdtemp(prefix="evk-live-")) / "empty.db"
    engine = open_engine(f"sqlite:///{file}")
    migrate(engine)
    engine.dispose()
    return file


def setup_of(stop: float | None = 0.01, venue_stops: bool = True, fills: Any = "venue", **slot: Any) -> Setup:
    """One slot that turns often: long while the last two closes are above the last three."""
    account = AccountSpec(
        Decimal(10_000), "USD", LOT, symbol_cap=0.0, fills=fills, venue_stops=venue_stops and fills == "venue"
    )
    spec = SlotSpec("", "sma_cross", SYMBOL, 60_000, Sizing("share", 0.2), Protection(stop=stop), **slot)
    return Setup(account, (GRID,), (spec,), ({"fast": 2, "slow": 3},), (), 1000, 0)


@dataclass
class LiveLife:
    """`port` outlives the engine; everything else is made anew by `begin`."""

    folder: Path
    port: MemoryPort
    setup: Setup = field(default_factory=setup_of)
    now: int = BEGUN
    killed: bool = False
    instance: str = "test"

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / ids.FILE).write_text(self.instance)
        shutil.copy(_empty(), self.folder / "evenkeel.db")
        self.engine: Engine = open_engine(f"sqlite:///{self.folder / 'evenkeel.db'}")
        event.listen(self.engine, "connect", lambda raw, _: raw.execute("PRAGMA synchronous=OFF"))
        with write_session(self.engine) as rows:
            self.run_id = ledger_write.create_run(
                rows, name="live", kind="live", status="running", exchange="coinbase", cash_start=10_000.0,
                created_ts=BEGUN,
            )  # fmt: skip
            ledger_write.ensure_instruments(rows, "coinbase", self.setup.instruments)
            ledger_write.ensure_slots(rows, self.run_id, self.setup.slots, self.setup.params, [("", "")])
        self.price = Decimal(50_000)
        self.port.price[SYMBOL] = self.price
        self.port.now_ms = self.now
        self.begin()

    # ---- a start, and an end -------------------------------------------------------------------------------------------------
    def begin(self) -> None:
        place = self.folder / "runs" / str(self.run_id)
        with self.engine.connect() as connection:
            query = select(Snapshot.__table__).where(col(Snapshot.run_id) == self.run_id)  # type: ignore[attr-defined]
            snapshot: Any = connection.execute(query.order_by(col(Snapshot.id).desc()).limit(1)).first()
        former = Setup.from_json(snapshot.extra["setup"]) if snapshot is not None else self.setup
        self.trader = Trader(former, BarBook(place / "bars", (SYMBOL,)))
        self.tape = Tape(place / "tape")
        self.recorder = Recorder(
            self.engine, context_of(self.engine, self.run_id, former), self.tape, Starts(place / "starts")
        )
        self.vitals = Vitals(state="running", mode="live")
        lock: Any = None
        session = Session(
            self.engine,
            lock,
            self.run_id,
            self.trader,
            self.tape,
            self.recorder,
            self.vitals,
            snapshot is None,
            Step(),
            former,
        )
        self.doors = Doors(killed=lambda: self.killed)
        gate = gate_of(self.port, self.folder, "live", lambda: self.trader.machine, lambda: self.killed)
        self.recorder.live = LiveBooks(gate)
        self.live = Live(gate, self.port, self.engine, self.run_id, self.doors, lambda: self.trader.machine)
        self.lane = self.live.lane
        self.doors.landed.append(self.lane.landed)
        self.doors.before_end.append(self.live.may_end)
        self.desk = Desk(self.tape, self.trader, session.pending, SlotBudget(60_000))
        if snapshot is None:
            self.tape.open(START)
            self.desk.event(self.now, ["warm", self.now, self.trader.book.counts(), former.to_json()])
        else:
            _recover(session, snapshot)
        self.commit()

    def die(self) -> None:
        """The process is gone: what was in memory is forgotten, what was written stays."""
        self.tape._waiting.clear()
        self.tape.close()

    def commit(self) -> None:
        assert self.recorder.commit(self.trader, self.desk.step, self.vitals, self.doors)
        self.desk.step = Step()
        self.lane.landed()

    # ---- turns ---------------------------------------------------------------------------------------------------------------
    def turn(self) -> None:
        """The loop's: events that wait, then a commit if one is due."""
        for kind, *words in self.doors.take():
            self.desk.event(self.trader.now, [kind, self.trader.now, *words])
        if self.desk.step.urgent or self.doors.waiting():
            self.commit()

    def pump(self, times: int = 1, ms: int = 50) -> None:
        """The lane's steps with the loop's turns between, `ms` apart."""
        for _ in range(times):
            self.now += ms
            self.port.advance(self.now)
            self.lane.pump(self.port.now())
            self.turn()

    def second(self, price: Decimal) -> None:
        """A second of market at `price`, and what follows."""
        self.price = self.port.price[SYMBOL] = price
        self.now = (self.now // 1000 + 1) * 1000
        self.port.advance(self.now)
        ticks = int(price / CENT)
        bar = [0, 0, ticks, ticks, ticks, ticks, 1.0, 0, 0, 0, 0]
        self.desk.event(self.now, ["frame", self.now, [bar], self.now + 1000])
        self.turn()

    def minute(self, price: Decimal, pumps: int = 8) -> None:
        """To the next strategy bar, whose close is `price`."""
        end = (self.now // 60_000 + 1) * 60_000
        for at in (end - 40_000, end - 20_000, end - 2_000):
            if at > self.now:
                self.now = at
                self.second(price)
                self.pump(2, 500)
        self.now = end - 1
        self.second(price)
        self.pump(pumps, 250)

    def settle(self, minutes: int = 4, rise: int = 0) -> None:
        """No more faults: everything that can be known becomes known. With `rise` a position is held to the end."""
        self.port.faults = type(self.port.faults)()
        self.port.script.clear()
        for _ in range(minutes * 12):
            self.second(self.price + rise)
            self.pump(6, 500)
            self.now += 1_000
        self.pump(10, 500)

    def enter(self, pumps: int = 8) -> None:
        """Closes fall and rise until the strategy has entered; then so many pumps."""
        for change in (-60, -60, 30, 60, 90, -200, 100, 200):
            self.minute(self.price + change, pumps=0)
            if self.slot["q_entry"]:
                self.pump(pumps, 250)
                return
            self.pump(2, 250)
        raise AssertionError("the strategy did not enter")

    # ---- what is there -------------------------------------------------------------------------------------------------------
    @property
    def slot(self) -> Any:
        return self.trader.machine.slots[0]

    def rows(self, query: str, **values: Any) -> list[Any]:
        with self.engine.connect() as connection:
            return list(connection.execute(text(query), values))

    def intents(self, role: str = "") -> list[Any]:
        return self.rows(f"SELECT * FROM intent {'WHERE role = :role' if role else ''} ORDER BY id", role=role)

    def states(self, role: str = "") -> list[str]:
        return [one.state for one in self.intents(role)]

    def held(self) -> Decimal:
        return LOT * int(self.slot["qty"])

    def audited(self) -> None:
        report = audit(self.engine, self.run_id)
        assert report.ok, report.problems
