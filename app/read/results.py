"""What the results pages reckon with: a run's curve, its trades, what its fills slipped; read once, then appended to.

A million points take a second to read and a minute's new ones a millisecond, so what was read is kept (app.result_data) and
only what came since is asked for. Every query goes down an index of its run.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import Lock
from typing import Any

import numpy as np
from sqlalchemy import Engine

from db.queries import Column, columns, rows
from engine.analytics.definitions import Account
from engine.research.stored import account_from, flows_of_run
from engine.research.stored_costs import FILLS, slippage

__all__ = ["Book", "Columns", "Growing", "account", "slippage", "slots"]

Columns = dict[str, Column]

RUN = "SELECT kind, cash_start, started_ts, ended_ts, finest_tf_ms FROM run WHERE id = :run"
POINTS = "SELECT ts, equity, exposure FROM equity WHERE run_id = :run AND slot_id = 0 AND ts >= :since ORDER BY ts"
TRADES = """
SELECT seq, slot_id, direction, entry_ts, exit_ts, entry_notional, exit_notional, fees, funding, pnl, pnl_pct, kind_pnl, mae, mfe,
       bars_held, ambiguous, risk, r_multiple, exit_reason, entry_order_seq, exit_order_seq
FROM trade WHERE run_id = :run AND seq > :since ORDER BY seq
"""
SLOTS = "SELECT id, strategy, symbol, label, timeframe_ms, position FROM slot WHERE run_id = :run ORDER BY position, id"
FEES = "SELECT coalesce(sum(fee), 0.0) AS fees FROM fill WHERE run_id = :run"
LAST_POINT = "SELECT max(ts) AS ts FROM equity WHERE run_id = :run AND slot_id = 0"
OPEN = "SELECT count(*) AS n FROM position WHERE run_id = :run AND qty > 0"


@dataclass
class Growing:
    """Rows of a table that only grows, by the column `by`; `again` reads the newest one once more, for it may have changed."""

    sql: str
    by: str
    again: bool = False
    held: Columns = field(default_factory=dict)

    def refresh(self, engine: Engine, run_id: int, newest: int) -> Columns:
        """All rows up to now; `newest` is the largest `by` in the database (a smaller one than held: read all anew)."""
        last = int(self.held[self.by][-1]) if self.held and len(self.held[self.by]) else 0
        if last and newest == last:
            return self.held
        if newest < last:
            self.held, last = {}, 0
        got = columns(engine, self.sql, {"run": run_id, "since": last})
        self.held = got if not last else _joined(self.held, got, self.again)
        return self.held


def _joined(old: Columns, new: Columns, again: bool) -> Columns:
    end = len(next(iter(old.values()))) - again
    return (
        {name: np.concatenate([old[name][:end], new[name]]) for name in old} if len(next(iter(new.values()))) else old
    )


@dataclass
class Book:
    """One run's columns, kept between script runs. `lock` is held while they grow."""

    points: Growing = field(default_factory=lambda: Growing(POINTS, "ts", again=True))
    trades: Growing = field(default_factory=lambda: Growing(TRADES, "seq"))
    fills: Growing = field(default_factory=lambda: Growing(FILLS, "seq"))
    lock: Lock = field(default_factory=Lock)


def account(engine: Engine, run_id: int, points: Columns, trades: Columns) -> Account:
    """The run as statistics take it; fees are those of all fills."""
    who = {"run": run_id}
    held, paid = rows(engine, OPEN, who)[0]["n"], rows(engine, FEES, who)[0]["fees"]
    return account_from(
        columns(engine, RUN, who), points, trades, flows_of_run(engine, run_id), open_trades=int(held), fees=float(paid)
    )


def slots(engine: Engine, run_id: int) -> list[dict[str, Any]]:
    """The run's slots in order: id, strategy, symbol, label, timeframe_ms."""
    return rows(engine, SLOTS, {"run": run_id})
