"""The service against a provider over real HTTP: whatever the provider does, every question ends, within its budget, with one
answer for the loop."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from engine.ai.budget import day_of
from engine.ai.client import KEY, Client
from engine.ai.prices import Price
from engine.ai.service import AiService, wall_ms
from engine.config.ai import AiSection
from engine.core.machine import Machine
from engine.core.types import BreakerSpec
from engine.sandbox.server import Sandbox
from tests.ai.conftest import MODEL, NOW, DirectDoors, ask, calls
from tests.core.picture import ACCOUNT, DAY0, SLOT, X


@pytest.fixture
def serve(database: Engine, stand_in: Sandbox) -> Iterator[Callable[..., tuple[AiService, DirectDoors]]]:
    made: list[AiService] = []

    def service(**settings: Any) -> tuple[AiService, DirectDoors]:
        ai = AiSection(**{"base_url": f"{stand_in.rest_url}/api/v1", "model": MODEL, "timeout_s": 5.0, **settings})
        doors = DirectDoors(database)
        one = AiService(ai, database, 1, doors, lambda: NOW, 1.0)
        made.append(one)
        return one, doors

    yield service
    for one in made:
        one.stop(1.0)


def settle(service: AiService) -> None:
    """Take up, reserve, send, and wait for the pool to have handed everything back."""
    for _ in range(2):
        service.look()
    service._pool.shutdown(wait=True)


def test_a_question_is_asked_and_answered(serve: Any, database: Engine) -> None:
    service, doors = serve()
    number = ask(database)
    settle(service)
    row = calls(database)[0]
    assert (row.id, row.state, row.cost_source) == (number, "done", "usage")
    assert row.outcome in ("answered", "abstained")
    assert 0 < row.cost <= row.reserved < 0.001
    assert row.tokens_prompt > 100
    assert row.tokens_answer > 10
    assert "BTC/USD" in row.prompt_text
    assert len(row.prompt_hash) == 12
    kind, key, about, direction, confidence, horizon, call, model, version = doors.events[0]
    assert (kind, key, about, call, model, version) == ("answer", "slot-1", NOW, number, MODEL, row.prompt_hash)
    assert (direction, confidence, horizon) == (row.direction, row.confidence, row.horizon)


FAULTS = {
    "no_credit": ("http", {"status": 402}, {}),
    "rate_limited": ("http", {"status": 429}, {}),
    "unavailable": ("http", {"status": 503}, {}),
    "refused": ("http", {"status": 403}, {}),
    "garbage": ("garbage", {}, {}),
    "timeout": ("slow", {"delay": 3.0}, {"timeout_s": 0.5}),
}


@pytest.mark.parametrize("outcome", FAULTS)
def test_a_failed_call_leaves_the_decision_to_the_rule(
    serve: Any, database: Engine, stand_in: Sandbox, outcome: str
) -> None:
    kind, words, settings = FAULTS[outcome]
    service, doors = serve(price_prompt=0.1, price_answer=0.4, **settings)
    stand_in.fault(kind, path="chat", **words)
    ask(database)
    settle(service)
    row = calls(database)[0]
    assert (row.state, row.outcome) == ("done", outcome)
    assert row.error
    assert doors.events == [["answer", "slot-1", NOW, None, 0.0, 0, row.id, MODEL, row.prompt_hash]]
    charged = {"garbage": "usage", "timeout": "reserved"}
    assert row.cost_source == charged.get(outcome, "")
    assert row.cost <= row.reserved


def test_nonsense_with_tools_is_garbage(serve: Any, database: Engine, stand_in: Sandbox) -> None:
    service, _ = serve()
    stand_in.fault("nonsense", path="chat")
    ask(database)
    settle(service)
    assert (calls(database)[0].outcome, calls(database)[0].direction) == ("garbage", None)


@pytest.mark.parametrize(
    ("settings", "row", "outcome", "says"),
    [
        ({"model": "evenkeel/standin"}, {}, "no_model", "did you mean evenkeel/stand-in?"),
        ({"base_url": "http://127.0.0.1:9/api/v1"}, {}, "no_price", "price list could not be read"),
        ({"base_url": "https://provider.invalid/api/v1"}, {}, "no_key", "OPENROUTER_API_KEY is not set"),
        ({}, {"prompt_name": "trnd"}, "prompt", "did you mean trend?"),
        ({}, {"about_ts": NOW - 180_000}, "expired", "the market had gone on"),
        ({"budget_day": 0.0}, {}, "budget", "today's budget"),
        ({"budget_strategies": {"ai_trend": 0.00001}}, {}, "budget", "today's budget of ai_trend"),
        ({"calls_day": 0}, {}, "budget", "all 0 calls"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_sent(
    serve: Any, database: Engine, stand_in: Sandbox, settings: Any, row: Any, outcome: str, says: str
) -> None:
    before = stand_in.status()["counters"].get("requests", 0)
    service, doors = serve(**settings)
    ask(database, **row)
    settle(service)
    found = calls(database)[0]
    assert (found.state, found.outcome, found.cost, found.reserved) == ("done", outcome, 0.0, 0.0)
    assert says in found.error
    assert doors.events[-1][:4] == ["answer", "slot-1", found.about_ts, None]
    asked = stand_in.status()["counters"].get("requests", 0) - before
    assert asked <= 1  # the price list at most


def told(doors: DirectDoors) -> list[float]:
    """The shares of the budget that the limits were told of."""
    faults = [words for kind, *words in doors.events if kind == "command"]
    assert all(words[0] == "fault" and words[1]["source"] == "ai" and words[2] == 0 for words in faults)
    return [words[1]["used"] for words in faults]


def test_the_limits_hear_what_share_of_the_budget_is_spent(serve: Any, database: Engine) -> None:
    """A percent at a time, each level that is passed, and the end; again on the exchange's next day and after a start."""
    done = {"state": "done", "outcome": "answered", "day": day_of(wall_ms())}
    service, doors = serve(budget_day=1.0, budget_month=100.0)
    for number, cost in enumerate((0.004, 0.1, 0.0001, 0.39, 0.006)):
        ask(database, number, cost=cost, **done)
        ask(database, 10 + number)
        service.look()
        service.look()
    service._pool.shutdown(wait=True)
    heard = told(doors)
    assert [round(share, 2) for share in heard] == [0.1, 0.49, 0.5]
    with database.execution_options(write=True).begin() as connection:
        connection.execute(text("UPDATE ai_call SET cost = 0.9999 WHERE id = 1"))
    ask(database, 20)
    service.look()
    assert told(doors)[-1] >= 1.0
    assert service.vitals()["ai_budget_used"] >= 1.0
    before = len(told(doors))
    service.exchange_now = lambda: NOW + 86_400_000
    service._spent(service.share)
    service._spent(service.share)
    assert len(told(doors)) == before + 1
    again, other = serve(budget_day=1.0, budget_month=100.0)
    again.start()
    again.stop(2.0)
    assert told(other)[0] >= 1.0


def test_what_the_limits_hear_trips_their_breaker(serve: Any, database: Engine) -> None:
    service, doors = serve(budget_day=0.0)
    ask(database)
    settle(service)
    _, name, args, _ = next(event for event in doors.events if event[0] == "command")
    budget = BreakerSpec("ai_budget", "ai_budget", "account", 1.0, "running", end="next_day")
    machine = Machine(ACCOUNT, [X], [SLOT], [budget])
    machine.clock(DAY0)
    machine.command(name, DAY0, **args)
    assert (machine.breakers["tripped"].tolist(), machine.level) == ([1], "running")


def test_after_five_failures_the_provider_is_left_alone(serve: Any, database: Engine, stand_in: Sandbox) -> None:
    service, _ = serve(price_prompt=0.1, price_answer=0.4)
    stand_in.fault("http", path="chat", status=503)
    for number in range(5):
        ask(database, number)
        service.look()
        service.look()
    service._pool.shutdown(wait=True)
    ask(database, 6)
    service.look()
    assert [row.outcome for row in calls(database)][-1] == "unavailable"
    assert "left alone for 30 minutes" in calls(database)[-1].error


def test_what_a_former_process_left_is_closed_and_charged(serve: Any, database: Engine) -> None:
    ask(database)
    ask(database, 1, state="reserved", reserved=0.0005, day="2026-01-02")
    service, _ = serve()
    service.start()
    service.stop(2.0)
    first, second = calls(database)
    assert (first.state, first.outcome, first.cost) == ("done", "expired", 0.0)
    assert (second.state, second.outcome, second.cost) == ("done", "lost", 0.0005)


def test_the_key_is_nowhere(
    serve: Any, database: Engine, stand_in: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    """Not in rows, logs or replies, even where the provider repeats it."""
    canary = "sk-or-v1-canary-7f3a9c"
    monkeypatch.setenv(KEY, canary)
    caplog.set_level(logging.DEBUG)
    service, doors = serve(price_prompt=0.1, price_answer=0.4)
    stand_in.fault("http", path="chat", status=401, count=1)
    ask(database)
    settle(service)
    reply = Client(f"{stand_in.rest_url}/api/v1", 2.0)._clean(f"bad key {canary}\u202e in words")
    assert reply == "bad key *** in words"
    with database.connect() as connection:
        tables = connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'table'")).scalars().all()
        dump = str([connection.execute(text(f'SELECT * FROM "{name}"')).all() for name in tables])
    assert canary not in dump + caplog.text + str(doors.events)
    assert "canary" not in "".join(path.read_text(errors="ignore") for path in tmp_path.glob("*.db*"))


def test_an_endless_answer_is_cut_off(stand_in: Sandbox) -> None:
    client = Client(f"{stand_in.rest_url}/api/v1", 2.0)
    reply = client.complete(MODEL, [{"role": "user", "content": "x"}], 50, Price(1e-7, 4e-7), 2.0)
    assert reply.outcome in ("answered", "abstained")
    gone = Client("http://127.0.0.1:9", 1.0).complete(MODEL, [{"role": "user", "content": "x"}], 50, Price(0, 0), 1.0)
    assert (gone.outcome, gone.charged) == ("unavailable", False)
