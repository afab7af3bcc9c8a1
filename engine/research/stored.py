"""A stored run, backtest, paper or live, as the account that statistics are made of. Nothing is reckoned here."""

from __future__ import annotations

from typing import Any

import numpy as np
from sqlalchemy import Engine

from db.queries import columns
from engine.analytics.curve import Curve
from engine.analytics.definitions import Account
from engine.analytics.trades import Trades
from engine.analytics.values import Convention
from engine.ledger.flows import cash_flow

_RUN = "SELECT kind, cash_start, started_ts, ended_ts, finest_tf_ms FROM run WHERE id = :run"
_POINTS = "SELECT ts, equity, exposure FROM equity WHERE run_id = :run AND slot_id = 0 ORDER BY ts"
_TRADES = """SELECT entry_ts, exit_ts, direction, pnl, entry_notional, exit_notional, fees, funding, mae, mfe, bars_held,
    kind_pnl, ambiguous, risk FROM trade WHERE run_id = :run ORDER BY exit_ts, seq"""
_FLOWS = "SELECT ts, text FROM run_marker WHERE run_id = :run AND kind = 'command' ORDER BY ts, id"
_SUMS = """SELECT (SELECT coalesce(sum(fee), 0.0) FROM fill WHERE run_id = :run) AS fees,
    (SELECT count(*) FROM position WHERE run_id = :run AND qty > 0) AS open_trades"""


class NoSuchAccount(LookupError):
    """The run is not in the database."""


def account_of_run(
    engine: Engine, run_id: int, market: Curve | None = None, convention: Convention | None = None
) -> Account:
    """Account-level curve, closed trades and cash flows of a run; `market` is what holding would have done."""
    run = columns(engine, _RUN, {"run": run_id})
    if not run["kind"].size:
        raise NoSuchAccount(f"run {run_id} is not in this database")
    points, sums = columns(engine, _POINTS, {"run": run_id}), columns(engine, _SUMS, {"run": run_id})
    return account_from(
        run, points, columns(engine, _TRADES, {"run": run_id}), flows_of_run(engine, run_id), market, convention,
        open_trades=int(sums["open_trades"][0]), fees=float(sums["fees"][0]),
    )  # fmt: skip


def account_from(
    run: dict[str, Any],
    points: dict[str, Any],
    trades: dict[str, Any],
    flows: tuple[Any, Any],
    market: Curve | None = None,
    convention: Convention | None = None,
    *,
    open_trades: int = 0,
    fees: float | None = None,
) -> Account:
    """The account of columns already read: `run` one row of kind, cash_start, started_ts, ended_ts and finest_tf_ms; `points` ts,
    equity and exposure in order; `trades` as in the table; `flows` as flows_of_run has them."""
    ts = points["ts"].astype(np.int64)
    begun, ended = _span(run, ts)
    curve = Curve(
        ts, points["equity"], float(run["cash_start"][0]), begun, ended, points["exposure"], flow_ts=flows[0], flow=flows[1]
    )  # fmt: skip
    return Account(curve, Trades.of(trades), convention or Convention(), open_trades, fees, market)


def _span(run: dict[str, Any], ts: Any) -> tuple[int, int]:
    """From when to when, in exchange time: a paper run's own times are the wall's, so it begins with its first bar."""
    started, ended = float(run["started_ts"][0]), float(run["ended_ts"][0])
    if run["kind"][0] == "backtest" and np.isfinite(started) and np.isfinite(ended):
        return int(started), int(ended)
    if not ts.size:
        return (int(started), int(started)) if np.isfinite(started) else (0, 0)
    return int(ts[0]) - int(run["finest_tf_ms"][0]), int(ts[-1])


def flows_of_run(engine: Engine, run_id: int) -> tuple[Any, Any]:
    """(ts int64[k] ms UTC, amount float64[k]): deposits and withdrawals; funding is a slot's cost, and no flow."""
    rows = columns(engine, _FLOWS, {"run": run_id})
    found = [(int(ts), cash_flow(str(words))) for ts, words in zip(rows["ts"], rows["text"], strict=True)]
    flows = [(ts, float(one[0])) for ts, one in found if one is not None and one[1] is None]
    return np.array([ts for ts, _ in flows], np.int64), np.array([amount for _, amount in flows], np.float64)
