"""Closed trades: filtered, totalled, accumulated, paged. A filter is a frozen value, so that it can be a cache's key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy import Engine

from db.queries import Column, columns, rows

ORDERS = {
    "newest": "t.exit_ts DESC, t.seq DESC",
    "oldest": "t.exit_ts, t.seq",
    "best": "t.pnl DESC, t.seq",
    "worst": "t.pnl, t.seq",
    "longest": "t.exit_ts - t.entry_ts DESC, t.seq",
}


@dataclass(frozen=True)
class Filter:
    """Which trades; an empty field filters nothing. `since` and `until` bound the exit, ms UTC."""

    symbol: str = ""
    strategy: str = ""
    side: str = ""
    reason: str = ""
    result: str = ""
    since: int = 0
    until: int = 0

    def where(self) -> tuple[str, dict[str, Any]]:
        """SQL conditions on `t` (trade) and `s` (slot), and their parameters."""
        parts, params = ["t.run_id = :run"], dict[str, Any]()
        for column, value in (("t.symbol", self.symbol), ("s.strategy", self.strategy), ("t.exit_reason", self.reason)):
            if value:
                name = column[2:]
                parts.append(f"{column} = :{name}")
                params[name] = value
        if self.side:
            parts.append("t.direction > 0" if self.side == "long" else "t.direction < 0")
        if self.result:
            parts.append({"won": "t.pnl > 0", "lost": "t.pnl < 0", "ambiguous": "t.ambiguous"}[self.result])
        if self.since:
            parts.append("t.exit_ts >= :since")
            params["since"] = self.since
        if self.until:
            parts.append("t.exit_ts < :until")
            params["until"] = self.until
        return " AND ".join(parts), params


FROM = "FROM trade t JOIN slot s ON s.id = t.slot_id WHERE "
FIELDS = """
SELECT t.seq, t.entry_ts, t.exit_ts, t.symbol, s.strategy, s.label, t.direction, t.qty, t.entry_price, t.exit_price, t.fees,
       t.funding, t.pnl, t.pnl_pct, t.r_multiple, t.exit_reason, t.mae, t.mfe, t.bars_held, t.ambiguous
"""
TOTALS = """
SELECT count(*) AS trades, sum(CASE WHEN t.pnl > 0 THEN 1 ELSE 0 END) AS wins,
       sum(CASE WHEN t.pnl < 0 THEN 1 ELSE 0 END) AS losses, sum(t.pnl) AS pnl, sum(t.fees) AS fees,
       sum(CASE WHEN t.pnl > 0 THEN t.pnl ELSE 0 END) AS gained, sum(CASE WHEN t.pnl < 0 THEN t.pnl ELSE 0 END) AS lost,
       avg(t.exit_ts - t.entry_ts) AS held, sum(CASE WHEN t.ambiguous THEN 1 ELSE 0 END) AS ambiguous, avg(t.r_multiple) AS r
"""


def totals(engine: Engine, run_id: int, chosen: Filter) -> dict[str, Any]:
    """Count, wins, losses, money and averages of the chosen trades, net of fees; profit factor None without a loss."""
    where, params = chosen.where()
    source = FROM if chosen.strategy else "FROM trade t WHERE "
    found = rows(engine, f"{TOTALS} {source} {where}", {"run": run_id, **params})[0]
    n = found["trades"]
    found["win_rate"] = found["wins"] / n if n else None
    found["expectancy"] = found["pnl"] / n if n else None
    found["profit_factor"] = found["gained"] / -found["lost"] if n and found["lost"] else None
    return found


def running(engine: Engine, run_id: int, chosen: Filter) -> dict[str, Column]:
    """ts, total: P&L of the chosen trades added up in order of their exits."""
    where, params = chosen.where()
    source = FROM if chosen.strategy else "FROM trade t WHERE "
    got = columns(engine, f"SELECT t.exit_ts AS ts, t.seq, t.pnl {source} {where}", {"run": run_id, **params})
    order = np.lexsort((got["seq"], got["ts"]))  # here, not in SQL: much faster on 100,000 rows
    return {"ts": got["ts"][order], "total": np.cumsum(got["pnl"][order])}


def page(engine: Engine, run_id: int, chosen: Filter, order: str, number: int, size: int) -> dict[str, Column]:
    """One page of trades (`number` from 1), as columns."""
    where, params = chosen.where()
    sql = f"{FIELDS} {FROM} {where} ORDER BY {ORDERS[order]} LIMIT :size OFFSET :skip"
    return columns(engine, sql, {"run": run_id, **params, "size": size, "skip": (number - 1) * size})


def everything(engine: Engine, run_id: int, chosen: Filter) -> dict[str, Column]:
    """All chosen trades, oldest first, for download."""
    where, params = chosen.where()
    return columns(engine, f"{FIELDS} {FROM} {where} ORDER BY t.exit_ts, t.seq", {"run": run_id, **params})


def choices(engine: Engine, run_id: int) -> dict[str, list[str]]:
    """What the filters offer: the symbols and strategies of the run's slots."""
    found = rows(engine, "SELECT DISTINCT symbol, strategy FROM slot WHERE run_id = :run", {"run": run_id})
    return {name: sorted({row[name] for row in found}) for name in ("symbol", "strategy")}


DETAIL = """
SELECT t.*, s.strategy, s.label, s.timeframe_ms, g.tag, g.strength, g.checks, g.decided_ts, g.price AS signal_price
FROM trade t JOIN slot s ON s.id = t.slot_id LEFT JOIN signal g ON g.run_id = t.run_id AND g.seq = t.signal_seq
WHERE t.run_id = :run AND t.seq = :seq
"""


def detail(engine: Engine, run_id: int, seq: int) -> dict[str, Any] | None:
    """One trade whole, with the signal that opened it."""
    found = rows(engine, DETAIL, {"run": run_id, "seq": seq})
    return found[0] if found else None


def fills_of(engine: Engine, run_id: int, trade: dict[str, Any]) -> list[dict[str, Any]]:
    """The fills of a trade's entry and exit orders."""
    sql = """
    SELECT f.ts, f.side, o.purpose, f.qty, f.price, f.base_price, f.fee, f.liquidity FROM fill f
    JOIN orders o ON o.run_id = f.run_id AND o.seq = f.order_seq
    WHERE f.run_id = :run AND f.order_seq IN (:entry, :exit) ORDER BY f.seq
    """
    keys = {"entry": trade["entry_order_seq"] or -1, "exit": trade["exit_order_seq"] or -1}
    return rows(engine, sql, {"run": run_id, **keys})


def stops_of(engine: Engine, run_id: int, trade: dict[str, Any]) -> list[dict[str, Any]]:
    """Where the stop stood while the trade lasted."""
    sql = """
    SELECT ts, stop, reason FROM stop_move WHERE run_id = :run AND slot_id = :slot AND ts BETWEEN :a AND :b
      AND (trade_seq IS NULL OR trade_seq = :trade) ORDER BY ts, id
    """
    who = {
        "run": run_id,
        "slot": trade["slot_id"],
        "a": trade["entry_ts"],
        "b": trade["exit_ts"],
        "trade": trade["seq"],
    }
    return rows(engine, sql, who)
