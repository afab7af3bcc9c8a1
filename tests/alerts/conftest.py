"""A database, a clock that stands still, and an outbox whose threads are ourselves: nothing happens but what a test does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, insert, text

from db.models import Alert, Run
from db.session import migrate, open_engine
from engine.access.outbound import permit
from engine.alerts import outbox
from engine.alerts.message import Channel, Message, Receipt
from engine.alerts.router import Place, Router
from engine.config.alerts import AlertsSection

NOW = 1_767_312_000_000  # 2026-01-02 00:00 UTC
SENT = Receipt("sent", "taken")


@dataclass
class Clock:
    now: int = NOW

    def __call__(self) -> int:
        return self.now

    def go(self, seconds: float) -> None:
        self.now += int(seconds * 1000)


class Scripted(Channel):
    """Answers what it is told to, then yes; `got` is what it was asked to send."""

    name, title = "scripted", "Scripted"

    def __init__(self, name: str) -> None:
        self.name = name  # type: ignore[misc]
        self.answers: list[Receipt] = []
        self.got: list[Message] = []

    def send(self, message: Message) -> Receipt:
        self.got.append(message)
        return self.answers.pop(0) if self.answers else SENT

    @property
    def ids(self) -> list[int]:
        return [message.id for message in self.got]


@dataclass
class Office:
    """The outbox of one run."""

    engine: Engine
    clock: Clock
    channels: dict[str, Scripted]
    settings: AlertsSection = field(default_factory=AlertsSection)
    days: Callable[[], int] | None = None
    begun: int | None = None
    made: int = 0

    def __post_init__(self) -> None:
        self.open()

    def open(self) -> None:
        """As a start does: everything that is not in the database is gone."""
        place = Place(1, lambda: self.begun, self.days or self.clock, lambda a, b: f"the day\nfrom {a} to {b}")
        self.router = Router(self.engine, self.settings, dict(self.channels), place, self.write, self.clock)

    def write(self, work: outbox.Write) -> None:
        with self.engine.execution_options(write=True).begin() as connection:
            work(connection)

    def tell(self, kind: str = "trade", severity: str = "info", **values: Any) -> int:
        """An alert, committed with its cause; its number."""
        self.made += 1
        row = {
            "run_id": 1, "ts": self.clock.now, "severity": severity, "kind": kind, "title": f"{kind} {self.made}", "body": "",
            "dedupe_key": f"{kind}:{self.made}", "state": "new", "created_ts": self.clock.now, **values,
        }  # fmt: skip
        with self.engine.execution_options(write=True).begin() as connection:
            made = connection.execute(insert(Alert).values(**row)).inserted_primary_key
        assert made is not None
        return int(made[0])

    def work(self) -> None:
        """Route, and try what is due, until nothing is."""
        while True:
            self.router.tick()
            if not sum(sender.step() for sender in self.router.senders.values()):
                self.router.tick()
                if not sum(sender.step() for sender in self.router.senders.values()):
                    return

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with self.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(sql))]

    def ways(self) -> list[tuple[Any, ...]]:
        return self.rows("SELECT alert_id, channel, state, tries FROM alert_delivery ORDER BY id")


@pytest.fixture(autouse=True)
def _this_machine_may_be_called() -> Iterator[None]:
    """The providers of these tests are on this machine, as a person would have to allow, too."""
    permit(("127.0.0.1",))
    yield
    permit(())


@pytest.fixture(scope="session")
def empty_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated database with one run, made once."""
    file = tmp_path_factory.mktemp("empty") / "evenkeel.db"
    engine = open_engine(f"sqlite:///{file}")
    migrate(engine)
    values = {
        "id": 1, "name": "main", "kind": "paper", "status": "running", "cash_start": 1000.0, "created_ts": NOW, "quote": "USD",
    }  # fmt: skip
    with engine.execution_options(write=True).begin() as connection:
        connection.execute(insert(Run).values(**values))
    engine.dispose()
    return file


@pytest.fixture
def database(tmp_path: Path, empty_file: Path) -> Iterator[Engine]:
    copy = tmp_path / "evenkeel.db"
    copy.write_bytes(empty_file.read_bytes())
    engine = open_engine(f"sqlite:///{copy}")
    yield engine
    engine.dispose()


@pytest.fixture
def office(database: Engine) -> Office:
    return Office(database, Clock(), {name: Scripted(name) for name in ("one", "two")})
