"""The worker on PostgreSQL: a backtest and a sweep asked for, done and stored there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text

from db.session import migrate, open_engine
from engine.core.setup import Setup
from engine.market.store import Store
from engine.research.jobs import ask, job_of
from engine.research.study import Source, Study
from engine.research.worker import work
from tests.research.conftest import spec, walk


@pytest.mark.postgres
@pytest.mark.long
def test_a_backtest_and_a_sweep_are_done_there(postgres: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    admin = open_engine(postgres)
    with admin.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT").execute(text("CREATE DATABASE evenkeel_jobs"))
    admin.dispose()
    url = postgres.replace("/postgres?", "/evenkeel_jobs?")
    monkeypatch.setenv("EVENKEEL_DATA", str(tmp_path))
    monkeypatch.setenv("DATABASE_URL", url)
    candles = walk(3_000)
    Store(tmp_path / "candles").write("coinbase", "BTC/USD", "1m", replace(candles, symbol=""))
    one = spec(candles)
    study = Study(
        Setup(one.account, (one.instrument,), (one.slot,), (one.params,), (), 0, 0), (Source("BTC/USD", "coinbase"),)
    )
    engine = open_engine(url)
    migrate(engine)
    asked = [
        ask(engine, "backtest", {"study": study.to_json()}),
        ask(engine, "sweep", {"study": study.to_json(), "axes": ["fast=5:15:5", "slow=20:60:20"]}),
    ]
    assert work(engine, once=True) >= 2
    jobs = [job_of(engine, uuid) for uuid in asked]
    assert [(job.state, job.error) for job in jobs if job] == [("done", None)] * 2
    with engine.connect() as connection:
        stored = connection.execute(
            text("SELECT status, (SELECT count(*) FROM trade) FROM run WHERE kind = 'backtest'")
        ).one()
        counted = connection.execute(text("SELECT count(*) FROM trial")).scalar_one()
    assert stored[0] == "complete"
    assert stored[1] > 0
    assert counted > 0
    engine.dispose()
