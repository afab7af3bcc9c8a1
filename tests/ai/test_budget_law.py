"""Budgets hold: whatever is asked, sent, answered, killed and begun again, in whatever order and at once, what was
really charged is never above what counts as spent, and that is never above the budget."""

from __future__ import annotations

import threading
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, delete, select
from sqlmodel import col

from db.models import AiCall, Alert
from engine.ai import budget
from engine.ai.budget import Budgets
from tests.ai.conftest import NOW, ask, calls

DAY_MS = 86_400_000
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("reserve"), st.sampled_from(["ai_trend", "other"]), st.integers(1, 40)),
        st.tuples(st.just("finish"), st.integers(0, 30), st.integers(0, 100)),
        st.tuples(st.just("send and be killed"), st.integers(0, 30), st.integers(0, 100)),
        st.tuples(st.just("restart"), st.just(0), st.just(0)),
        st.tuples(st.just("time"), st.integers(0, 3), st.just(0)),
    ),
    max_size=40,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STEPS)
def test_never_above_the_budget_whatever_happens(database: Engine, steps: list[tuple[Any, ...]]) -> None:
    budgets = Budgets(day=1.0, month=1.7, calls=12, strategies={"other": 0.4})
    with database.execution_options(write=True).begin() as connection:
        connection.execute(delete(AiCall))
    now, charged, flying = NOW, dict[str, float](), list[tuple[int, float]]()
    for kind, a, b in steps:
        if kind == "reserve":
            number = ask(database, strategy=a)
            with database.execution_options(write=True).begin() as connection:
                if not budget.reserve(connection, number, a, b / 50, budgets, now):
                    flying.append((number, b / 50))
        elif kind in ("finish", "send and be killed") and flying:
            number, most = flying.pop(a % len(flying))
            cost = most * b / 100
            day = budget.day_of(now)
            row = next(one for one in calls(database) if one.id == number)
            charged[row.day] = charged.get(row.day, 0.0) + cost
            if kind == "finish":
                with database.execution_options(write=True).begin() as connection:
                    budget.finish(connection, number, {"cost": cost, "outcome": "answered"}, now)
            assert row.day <= day
        elif kind == "restart":
            flying.clear()
            with database.execution_options(write=True).begin() as connection:
                budget.close_left_over(connection, 1, now)
        elif kind == "time":
            now += int(a) * DAY_MS // 2
        with database.connect() as connection:
            used, other = budget.spent(connection, now), budget.spent(connection, now, "other")
        today, month = budget.day_of(now), budget.day_of(now)[:7]
        assert charged.get(today, 0.0) <= used.day + 1e-9
        assert sum(cost for day, cost in charged.items() if day.startswith(month)) <= used.month + 1e-9
        assert used.day <= 1.0 + 1e-9
        assert used.month <= 1.7 + 1e-9
        assert other.strategy <= 0.4 + 1e-9
        assert used.calls <= 12


def test_never_above_the_budget_when_all_ask_at_once(database: Engine) -> None:
    """Eight threads, each with connections of its own, as an engine and a backfill beside it have."""
    numbers = [ask(database, n) for n in range(24)]
    budgets = Budgets(day=1.0, month=10.0, calls=100)
    together = threading.Barrier(8)

    def race(mine: list[int]) -> None:
        together.wait()
        for number in mine:
            with database.execution_options(write=True).begin() as connection:
                budget.reserve(connection, number, "ai_trend", 0.1, budgets, NOW)

    threads = [threading.Thread(target=race, args=(numbers[n::8],)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    states = [row.state for row in calls(database)]
    assert (states.count("reserved"), states.count("done")) == (10, 14)


def test_ending_a_call_twice_or_reserving_an_ended_one_changes_nothing(database: Engine) -> None:
    number = ask(database)
    budgets = Budgets(1.0, 10.0, 100)
    with database.execution_options(write=True).begin() as connection:
        assert budget.reserve(connection, number, "ai_trend", 0.1, budgets, NOW) == ""
        budget.finish(connection, number, {"cost": 0.02, "outcome": "answered"}, NOW)
        budget.finish(connection, number, {"cost": 0.09, "outcome": "garbage"}, NOW)
        assert budget.reserve(connection, number, "ai_trend", 0.1, budgets, NOW) == "the call had ended already"
    assert (calls(database)[0].cost, calls(database)[0].outcome) == (0.02, "answered")


def test_alerts_at_half_four_fifths_and_all_once_a_day_and_month(database: Engine) -> None:
    budgets = Budgets(day=1.0, month=2.0, calls=100)
    titles = []
    for cost in (0.3, 0.25, 0.3, 0.14):
        number = ask(database)
        with database.execution_options(write=True).begin() as connection:
            budget.reserve(connection, number, "ai_trend", cost, budgets, NOW)
            budget.finish(connection, number, {"cost": cost, "outcome": "answered"}, NOW)
            budget.tell(connection, 1, budgets, NOW)
            budget.tell(connection, 1, budgets, NOW)
            titles.append(list(connection.execute(select(col(Alert.title)).order_by(col(Alert.id))).scalars()))
    half = "50 % of today's AI budget is spent"
    assert titles[0] == []
    assert titles[1] == [half]
    assert titles[2] == [half, "80 % of today's AI budget is spent"]
    assert titles[3] == titles[2]
    number = ask(database)
    with database.execution_options(write=True).begin() as connection:
        assert "today's budget for AI of 1.00 USD is spent" in budget.reserve(
            connection, number, "ai_trend", 0.1, budgets, NOW
        )
        budget.tell(connection, 1, budgets, NOW, refused=True)
        final = list(connection.execute(select(col(Alert.title)).order_by(col(Alert.id))).scalars())
    assert final[-1] == "Today's AI budget is spent"
