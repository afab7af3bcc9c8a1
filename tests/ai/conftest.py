"""A database, a stand-in for the provider over real HTTP, and doors that write at once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, insert, select
from sqlmodel import col

from db.models import AiCall, Run, Slot
from db.session import migrate, open_engine
from engine.access.outbound import permit
from engine.ai.client import KEY
from engine.sandbox.server import Sandbox

NOW = 1_767_312_000_000
MODEL = "evenkeel/stand-in"
CONTEXT: dict[str, Any] = {
    "symbol": "BTC/USD",
    "timeframe": "1m",
    "columns": ["open", "high", "low", "close", "volume"],
    "rows": [[1.0, 2.0, 0.5, 1.5, 10.0], [1.5, 2.0, 1.0, None, 3.0]],
    "rule": "enter long",
    "checks": {"fast above slow": True},
    "position": None,
    "key": "slot-1",
    "label": "",
    "life_ms": 180_000,
    "wanted": True,
}


@pytest.fixture(autouse=True)
def _this_machine_may_be_called() -> Iterator[None]:
    """The providers of these tests are on this machine, as a person would have to allow, too."""
    permit(("127.0.0.1",))
    yield
    permit(())


@pytest.fixture(scope="session")
def provider() -> Iterator[Sandbox]:
    with Sandbox.running(seed=5, start="2026-01-05T00:00:00Z", hold=True) as served:
        yield served


@pytest.fixture
def stand_in(provider: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """The provider without faults; no key in the environment."""
    monkeypatch.delenv(KEY, raising=False)
    yield provider
    provider.clear()


@pytest.fixture
def database(tmp_path: Path) -> Engine:
    engine = open_engine(f"sqlite:///{tmp_path / 'one.db'}")
    migrate(engine)
    with engine.execution_options(write=True).begin() as connection:
        connection.execute(
            insert(Run).values(id=1, name="main", kind="paper", status="running", cash_start=1000.0, created_ts=NOW)
        )
        connection.execute(
            insert(Slot).values(
                id=1,
                run_id=1,
                key="slot-1",
                strategy="ai_trend",
                symbol="BTC/USD",
                timeframe_ms=60_000,
                state="enabled",
            )
        )
    return engine


def ask(database: Engine, number: int = 0, **other: Any) -> int:
    """A question as the loop commits it; its row's id."""
    row = {
        "run_id": 1, "slot_id": 1, "strategy": "ai_trend", "symbol": "BTC/USD", "timeframe_ms": 60_000,
        "about_ts": NOW + number * 60_000, "asked_ts": NOW, "created_ts": NOW, "mode": "veto", "prompt_name": "trend",
        "context": {**CONTEXT, "rows": [[1.0, 2.0, 0.5, 1.5, float(number)]]}, **other,
    }  # fmt: skip
    with database.execution_options(write=True).begin() as connection:
        return int(connection.execute(insert(AiCall).values(**row)).inserted_primary_key[0])  # type: ignore[index]


def calls(database: Engine) -> list[Any]:
    with database.connect() as connection:
        return list(connection.execute(select(AiCall.__table__).order_by(col(AiCall.id))))  # type: ignore[attr-defined]


class DirectDoors:
    """Rows land at once, in a transaction each; events are kept."""

    def __init__(self, database: Engine) -> None:
        self.database = database
        self.events: list[list[Any]] = []

    def event(self, kind: str, *words: Any) -> None:
        self.events.append([kind, *words])

    def write(self, work: Any) -> None:
        with self.database.execution_options(write=True).begin() as connection:
            work(connection)
