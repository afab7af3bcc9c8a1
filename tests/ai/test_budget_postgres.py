"""Budgets on PostgreSQL, where nothing but a lock of our own keeps two writers apart: two who reserve at once never overspend."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, insert, text

from db.models import Run, Slot
from db.session import migrate, open_engine
from engine.ai import budget
from engine.ai.budget import Budgets
from engine.research.learning import outcomes_of
from engine.runtime.metrics import Tally
from tests.ai.conftest import NOW, ask, calls

pytestmark = [pytest.mark.postgres, pytest.mark.long]
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'LOCK TABLE ai_call%'"


@pytest.fixture(scope="module")
def server(postgres: str) -> Iterator[Engine]:
    admin = open_engine(postgres)
    with admin.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT").execute(text("CREATE DATABASE evenkeel_budget"))
    admin.dispose()
    engine = open_engine(postgres.replace("/postgres?", "/evenkeel_budget?"))
    migrate(engine)
    with engine.begin() as put:
        put.execute(
            insert(Run).values(id=1, name="main", kind="paper", status="running", cash_start=1000.0, created_ts=NOW)
        )
        words = {
            "key": "slot-1",
            "strategy": "ai_trend",
            "symbol": "BTC/USD",
            "timeframe_ms": 60_000,
            "state": "enabled",
        }
        put.execute(insert(Slot).values(id=1, run_id=1, **words))
    yield engine
    engine.dispose()


@pytest.fixture
def ledger(server: Engine) -> Engine:
    with server.begin() as put:
        put.execute(text("DELETE FROM ai_call"))
    return server


def test_the_second_waits_for_the_first_and_sees_what_it_took(ledger: Engine) -> None:
    """The money is enough for one. The second has begun before the first has committed, and is refused all the same."""
    first, second = ask(ledger), ask(ledger, 1)
    budgets, said = Budgets(day=0.1, month=10.0, calls=100), list[str]()

    def reserve() -> None:
        with ledger.execution_options(write=True).begin() as connection:
            said.append(budget.reserve(connection, second, "ai_trend", 0.1, budgets, NOW))

    other = threading.Thread(target=reserve)
    with ledger.execution_options(write=True).begin() as connection:
        assert budget.reserve(connection, first, "ai_trend", 0.1, budgets, NOW) == ""
        other.start()
        with ledger.connect().execution_options(isolation_level="AUTOCOMMIT") as watch:
            while not (waits := watch.execute(text(WAITING)).scalar()) and other.is_alive():
                other.join(0.01)
        assert waits == 1
        assert said == []
    other.join()
    assert "today's budget" in said[0]
    assert [row.state for row in calls(ledger)] == ["reserved", "done"]


def test_many_at_once_never_overspend(ledger: Engine) -> None:
    """Eight threads, each with connections of its own: as many as the money is enough for, to the last."""
    numbers = [ask(ledger, n) for n in range(48)]
    budgets, together = Budgets(day=1.0, month=10.0, calls=100), threading.Barrier(8)

    def race(mine: list[int]) -> None:
        together.wait()
        for number in mine:
            with ledger.execution_options(write=True).begin() as connection:
                budget.reserve(connection, number, "ai_trend", 0.1, budgets, NOW)

    threads = [threading.Thread(target=race, args=(numbers[n::8],)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    states = [row.state for row in calls(ledger)]
    assert (states.count("reserved"), states.count("done")) == (10, 38)
    with ledger.connect() as read:
        assert budget.spent(read, NOW).day == pytest.approx(1.0)


def test_what_is_asked_beside_it_works_there(ledger: Engine) -> None:
    number = ask(ledger)
    with ledger.execution_options(write=True).begin() as put:
        budget.finish(put, number, {"cost": 0.02, "outcome": "answered"}, NOW)
    assert Tally(1).spent(ledger) == {"ai_trend": 0.02}
    assert outcomes_of(ledger, 1, NOW, "ai_trend").result.size == outcomes_of(ledger, 1, NOW).result.size == 0
