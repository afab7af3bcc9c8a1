"""Commands travel through rows: the engine takes them, answers, and the command line tells the person."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, select, text
from sqlalchemy.orm import Session

from db.models import Breaker, Command, EngineStatus, Equity, Position, Run, Slot
from db.session import migrate, open_engine, write_session
from tests.house.conftest import Cli

NOW = 1_790_000_000_000


@pytest.fixture
def database(folder: Path) -> Iterator[Engine]:
    """A paper run with one long position and a tripped breaker, heard just now."""
    engine = open_engine()
    migrate(engine)
    with write_session(engine) as session:
        session.add(Run(name="main", kind="paper", status="running", cash_start=1000.0, created_ts=NOW))
        session.flush()
        session.add(
            Slot(run_id=1, key="abc", strategy="sma_cross", symbol="BTC/USD", timeframe_ms=60_000, state="enabled")
        )
        session.flush()
        session.add(EngineStatus(run_id=1, pid=1, mode="paper", state="running", started_ts=NOW, heartbeat_ts=NOW))
        session.add(Equity(run_id=1, slot_id=0, ts=NOW, equity=1012.5, cash=800.0, exposure=212.5))
        session.add(
            Position(
                run_id=1,
                slot_id=1,
                symbol="BTC/USD",
                direction=1,
                qty=0.002,
                entry_ts=NOW,
                entry_price=100_000.0,
                entry_notional=200.0,
                mark=106_250.0,
                mark_ts=NOW,
                unrealized=12.5,
                mae=0.0,
                mfe=0.06,
                status="open",
                trade_seq=1,
                updated_ts=NOW,
            )
        )
        session.add(
            Breaker(
                run_id=1, name="drawdown_halt", slot_id=0, state="tripped", level="halted", value=0.21, threshold=0.2
            )
        )
    yield engine
    engine.dispose()


@pytest.fixture
def answering(database: Engine) -> Iterator[list[tuple[str, dict[str, object], str]]]:
    """An engine's side of the table: every new command is noted and done, a release of nothing is refused."""
    seen: list[tuple[str, dict[str, object], str]] = []
    over = threading.Event()

    def take() -> None:
        with write_session(database) as session:
            for row in session.scalars(select(Command).where(Command.state == "new")):
                seen.append((row.kind, row.args, row.source))
                refused = row.args.get("breaker") == "nothing"
                row.state, row.acked_ts = ("refused" if refused else "done"), NOW
                row.result = "no such breaker" if refused else f"{row.kind} done"

    def answer() -> None:
        while not over.wait(0.02):
            take()

    thread = threading.Thread(target=answer)
    thread.start()
    yield seen
    over.set()
    thread.join()


@pytest.mark.parametrize(
    ("argv", "kind", "args"),
    [
        (["pause"], "pause", {}),
        (["resume"], "resume", {}),
        (["kill"], "kill", {"flatten": False, "source": "command line"}),
        (["kill", "--flatten", "--yes"], "kill", {"flatten": True, "source": "command line"}),
        (
            ["release", "drawdown_halt", "--reason", "seen", "--yes"],
            "release",
            {"breaker": "drawdown_halt", "reason": "seen"},
        ),
        (["close", "btc-usd"], "close", {"slot": "BTC/USD"}),
        (["close", "all"], "close", {"slot": "all"}),
        (["stop", "sma_cross:BTCUSD", "101000.5"], "tighten_stop", {"slot": "sma_cross:BTC/USD", "price": 101000.5}),
        (["slot", "sma_cross:BTC/USD", "off"], "slot_off", {"slot": "sma_cross:BTC/USD"}),
        (["slot", "abc", "on"], "slot_on", {"slot": "abc"}),
        (["cash", "--", "-250.50"], "cash", {"amount": "-250.50"}),
    ],
)
def test_each_command_arrives_and_is_answered(
    cli: Cli, answering: list[tuple[str, dict[str, object], str]], argv: list[str], kind: str, args: dict[str, object]
) -> None:
    outcome = cli(*argv)
    assert (outcome.code, outcome.out) == (0, "")
    assert f"{kind} done" in outcome.err
    assert answering == [(kind, args, "cli")]


def test_a_refusal_ends_with_1_and_the_engines_words(cli: Cli, answering: list[object]) -> None:
    outcome = cli("release", "nothing", "--reason", "x", "--yes", "--json")
    assert outcome.code == 1
    assert (outcome.json["state"], outcome.json["result"]) == ("refused", "no such breaker")


def test_nobody_answers(cli: Cli, database: Engine) -> None:
    outcome = cli("pause", "--wait", "0")
    assert outcome.code == 1
    assert "no engine answered within 0 s" in outcome.err
    with Session(database) as session:
        assert session.scalars(select(Command)).one().state == "new"


def test_nothing_is_written_for_a_run_that_no_engine_acts_on(cli: Cli, database: Engine) -> None:
    with database.execution_options(write=True).begin() as connection:
        connection.execute(text("UPDATE run SET kind = 'backtest'"))
    outcome = cli("pause", "--wait", "0")
    assert outcome.code == 1
    assert "is a backtest: no engine acts on it" in outcome.err
    with Session(database) as session:
        assert session.scalars(select(Command)).all() == []


@pytest.mark.parametrize(
    "argv", [["cash", "plenty"], ["cash", "0"], ["cash", "nan"], ["slot", "abc", "perhaps"], ["stop", "abc"]]
)
def test_what_cannot_be_meant_writes_nothing(cli: Cli, database: Engine, argv: list[str]) -> None:
    assert cli(*argv).code == 2
    with Session(database) as session:
        assert session.scalars(select(Command)).all() == []


def test_flatten_wants_its_word(cli: Cli, database: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("typer.prompt", lambda *a, **k: "yes")
    outcome = cli("kill", "--flatten")
    assert (outcome.code, "nothing was done" in outcome.err) == (1, True)
    with Session(database) as session:
        assert session.scalars(select(Command)).all() == []


def test_status_says_what_there_is(cli: Cli, database: Engine) -> None:
    state = cli("status", "--json").json
    assert (state["run"], state["equity"], state["cash"], state["mode"]) == ("main", 1012.5, 800.0, "paper")
    assert state["positions"][0]["slot"] == "sma_cross:BTC/USD"
    assert state["breakers"][0]["name"] == "drawdown_halt"
    text = cli("status")
    assert "sma_cross:BTC/USD" in text.out
    assert "drawdown_halt has tripped: 0.21 against 0.2" in text.err


def test_an_engine_not_heard_for_long_is_not_alive(cli: Cli, database: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.cli.store.now_ms", lambda: NOW + 1_000)
    assert cli("status", "--json").json["alive"] is True
    monkeypatch.setattr("engine.cli.store.now_ms", lambda: NOW + 60_000)
    assert cli("status", "--json").json["alive"] is False


def test_an_unknown_run_names_those_there_are(cli: Cli, database: Engine) -> None:
    outcome = cli("status", "--run", "other")
    assert outcome.code == 1
    assert "there are main" in outcome.err


def test_without_a_database_the_way_to_one_is_told(cli: Cli) -> None:
    outcome = cli("status")
    assert outcome.code == 74
    assert "first start makes it" in outcome.err
