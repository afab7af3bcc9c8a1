"""A backtest's figures come from the one table: the same numbers as its own trades and curve, all of them stored."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import text

from db.session import migrate, open_engine
from engine.analytics.table import DEFINITIONS
from engine.analytics.trades import Trades
from engine.analytics.verdict import verdict
from engine.research.backtest import run_backtest, save_backtest
from engine.research.figures import PRINTED
from tests.research.conftest import spec, walk


def test_trades_are_the_ledgers_rows() -> None:
    result = run_backtest(spec(walk()))
    closed = [row for row in result.trades if row["exit_reason"] != "open"]
    columns = {name: [row[name] for row in closed] for name in closed[0]}
    columns["risk"] = [np.nan if risk is None else risk for risk in columns["risk"]]
    rows, ours = Trades.of(columns), result.account.trades
    for name in ("entry_ts", "exit_ts", "direction", "pnl", "fees", "bars_held", "kind_pnl", "ambiguous", "mae", "mfe"):
        assert getattr(rows, name) == pytest.approx(getattr(ours, name), rel=1e-12), name
    assert rows.returns == pytest.approx(columns["pnl_pct"])
    assert ours.risk == pytest.approx(rows.risk, rel=1e-4), "the ledger floors money to the quantum"


def test_the_printed_figures_are_those_of_the_table() -> None:
    result = run_backtest(spec(walk()))
    told, whole = result.as_dict(), result.statistics
    assert {name: told[name] for name in PRINTED} == {name: whole[name] for name in PRINTED}
    assert set(told["undefined"]) <= set(PRINTED)
    assert whole["hold_return"] == pytest.approx(result.spec.candles.close[-1] / result.spec.candles.open[0] - 1)
    assert whole["closed_profit"] == pytest.approx(sum(row["pnl"] for row in result.trades if row["pnl"] is not None))
    assert verdict(result.account).grade == "none"


def test_a_saved_run_has_the_whole_table(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'evenkeel.db'}")
    migrate(engine)
    made = spec(walk())
    result = save_backtest(engine, made, run_backtest(made))
    with engine.connect() as connection:
        stats = json.loads(connection.execute(text("SELECT stats FROM run")).scalar_one())
    engine.dispose()
    assert set(DEFINITIONS) < set(stats)
    assert stats["too_few"]["sharpe"] == "3 days: too few below 60"
    assert stats["sharpe"] == result.as_dict()["sharpe"]
    assert stats["data_hash"] == result.quality.content_hash
