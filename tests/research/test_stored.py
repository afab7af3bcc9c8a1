"""A stored run has the same statistics as the run that was stored, and its deposits are no returns."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from db.session import migrate, open_engine
from engine.analytics.table import figures, plain
from engine.research.backtest import run_backtest, save_backtest
from engine.research.stored import NoSuchAccount, account_of_run
from tests.research.conftest import MINUTE, START, spec, walk


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    opened = open_engine(f"sqlite:///{tmp_path / 'evenkeel.db'}")
    migrate(opened)
    yield opened
    opened.dispose()


def test_statistics_survive_the_database(engine: Engine) -> None:
    made = spec(walk())
    result = save_backtest(engine, made, run_backtest(made))
    assert result.run_id is not None
    stored = plain(figures(account_of_run(engine, result.run_id, market=result.account.market)))
    ours = result.statistics
    assert stored.pop("undefined") == ours.pop("undefined")
    assert stored.pop("too_few") == ours.pop("too_few")
    for name in ("avg_r", "median_r"):  # the ledger floors money at risk to the quantum
        assert stored.pop(name) == pytest.approx(ours.pop(name), rel=1e-4)
    known = {name: value for name, value in ours.items() if value is not None}
    assert {name for name, value in stored.items() if value is not None} == set(known)
    assert {name: stored[name] for name in known} == pytest.approx(known, rel=1e-12)


def test_a_deposit_is_a_flow_and_funding_is_not(engine: Engine) -> None:
    made = spec(walk(500))
    result = save_backtest(engine, made, run_backtest(made))
    words = {
        100: "deposit 250.5 USD",
        200: "withdrawal 50 USD",
        300: f"funding paid 1.5 USD on slot {'ab' * 6}",
        400: "paused",
    }
    with engine.begin() as connection:
        for minute, said in words.items():
            connection.execute(
                text("INSERT INTO run_marker (run_id, ts, kind, text) VALUES (:run, :ts, 'command', :text)"),
                {"run": result.run_id, "ts": START + minute * MINUTE, "text": said},
            )
        connection.execute(text("UPDATE run SET kind = 'paper', started_ts = 5, ended_ts = NULL"))
    assert result.run_id is not None
    curve = account_of_run(engine, result.run_id).curve
    assert curve.flow_ts.tolist() == [START + 100 * MINUTE, START + 200 * MINUTE]
    assert curve.flow.tolist() == [250.5, -50.0]
    assert (curve.begun, curve.ended) == (START, START + 500 * MINUTE)


def test_a_run_that_is_not_there_is_said(engine: Engine) -> None:
    with pytest.raises(NoSuchAccount, match="run 7"):
        account_of_run(engine, 7)
