"""What stands beside the account's numbers: the recent Sharpe is the statistics' own, the comparison is the newest job's."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, insert

from app.read import beside
from db.models import Job
from db.queries import rows
from db.session import write_session
from engine.analytics.ratios import sharpe
from engine.research.stored import account_of_run


def test_the_recent_sharpe_is_that_of_the_last_thirty_days(database: Engine) -> None:
    seen = 0
    for run in rows(database, "SELECT id, cash_start FROM run"):
        value, days, why = beside.recent_sharpe(database, run)
        returns = account_of_run(database, run["id"]).returns[-beside.DAYS :]
        assert days == returns.size
        if value is None:
            assert why
        else:
            assert value == pytest.approx(sharpe(returns), rel=1e-9)
            seen += 1
    assert seen


def test_the_newest_comparison_of_a_run_is_found(database: Engine) -> None:
    (run,) = rows(database, "SELECT id FROM run WHERE kind = 'paper'")
    assert beside.newest_comparison(database, run["id"]) is None
    candles = {
        "reproduced": 0.75,
        "paper_trades": 8,
        "candle_trades": 7,
        "biggest_cause": "spread",
        "by_cause": {"spread": -2.5},
    }
    for number, (ok, made) in enumerate([(True, None), (True, candles)]):
        result = {"tape": {"ok": ok}, "candles": made, "why_not": "" if made else "no candles"}
        row = {
            "uuid": f"u{number}",
            "kind": "versus",
            "args": {"run_id": run["id"]},
            "source": "cli",
            "created_ts": number,
        }
        with write_session(database) as session:
            session.execute(insert(Job).values(**row, state="done", done_ts=number + 10, result=result))
    job = beside.newest_comparison(database, run["id"])
    assert job is not None
    found = beside.compared(database, job)
    assert (found.score, found.trades, found.cause, found.money, found.ts) == (0.75, 8, "spread", -2.5, 11)
    assert beside.newest_comparison(database, 999) is None
