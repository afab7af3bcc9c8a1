"""What the portfolio page asks: days of the account, results by slot and day, what was held; no walk over all equity."""

from __future__ import annotations

from typing import Any

import numpy as np
from sqlalchemy import Engine

from db.queries import Column, columns, rows
from engine.analytics.curve import Curve
from engine.core.types import MS_DAY
from engine.research.stored import flows_of_run

ENDS = "SELECT min(ts) AS first, max(ts) AS last FROM equity WHERE run_id = :run AND slot_id = 0"
FIRST = "SELECT min(ts) AS first FROM equity WHERE run_id = :run AND slot_id = 0"
LAST = "SELECT max(ts) AS last FROM equity WHERE run_id = :run AND slot_id = 0"
DAYS = """
WITH RECURSIVE day(close) AS (
  SELECT CAST(:first AS BIGINT) UNION ALL SELECT close + 86400000 FROM day WHERE close < :last
), kept AS (
  SELECT DISTINCT (SELECT max(e.ts) FROM equity e WHERE e.run_id = :run AND e.slot_id = 0 AND e.ts <= day.close) AS ts FROM day
)
SELECT p.ts, p.equity, p.exposure FROM kept CROSS JOIN equity p
WHERE p.run_id = :run AND p.slot_id = 0 AND p.ts = kept.ts ORDER BY p.ts
"""
BESIDE = """
SELECT ts, equity, exposure FROM equity WHERE run_id = :run AND slot_id = 0 AND ts IN (
  (SELECT max(ts) FROM equity WHERE run_id = :run AND slot_id = 0 AND ts < :flow),
  (SELECT min(ts) FROM equity WHERE run_id = :run AND slot_id = 0 AND ts >= :flow))
"""
BY_DAY = """
SELECT t.slot_id, (t.exit_ts - 1) / 86400000 AS day, sum(t.pnl) AS pnl FROM trade t
WHERE t.run_id = :run AND t.exit_ts > :since GROUP BY t.slot_id, (t.exit_ts - 1) / 86400000
"""
HELD = """
SELECT slot_id, direction, entry_ts, exit_ts, entry_notional FROM trade WHERE run_id = :run AND exit_ts > :since
"""


def daily_curve(engine: Engine, run: dict[str, Any]) -> Curve | None:
    """The account's curve at the close of each UTC day (and around each deposit), None where nothing is stored: its daily returns
    are those of all points. One seek a day down the key, however many points there are."""
    who = {"run": run["id"]}
    first, last = rows(engine, FIRST, who)[0]["first"], rows(engine, LAST, who)[0]["last"]
    if last is None:
        return None
    begun = _begun(run, int(first))
    close = -(-begun // MS_DAY) * MS_DAY
    found = columns(engine, DAYS, {**who, "first": max(close, int(first)), "last": int(last)})
    flow_ts, flow = flows_of_run(engine, int(run["id"]))
    parts = [found, *(columns(engine, BESIDE, {**who, "flow": int(ts)}) for ts in flow_ts)]
    points = {name: np.concatenate([part[name] for part in parts if len(part[name])]) for name in found}
    ts, kept = np.unique(points["ts"].astype(np.int64), return_index=True)
    equity, exposure = points["equity"][kept], points["exposure"][kept]
    return Curve(ts, equity, float(run["cash_start"]), begun, int(ts[-1]), exposure, flow_ts=flow_ts, flow=flow)


def _begun(run: dict[str, Any], first: int) -> int:
    """As research.stored has it: a paper run's own times are the wall's, so it begins with its first bar."""
    if run["kind"] == "backtest" and run["started_ts"] is not None and run["ended_ts"] is not None:
        return int(run["started_ts"])
    return first - int(run["finest_tf_ms"])


def results_by_day(engine: Engine, run_id: int, first: int, last: int) -> tuple[list[int], Column]:
    """(slot ids, float64[days, slots]): closed P&L by UTC day of exit, from day `first` to `last`, in money."""
    got = columns(engine, BY_DAY, {"run": run_id, "since": first * MS_DAY})
    slots, which = np.unique(got["slot_id"].astype(np.int64), return_inverse=True)
    table = np.zeros((last - first + 1, slots.size))
    day = got["day"].astype(np.int64) - first
    inside = (day >= 0) & (day < len(table))
    table[day[inside], which[inside]] = got["pnl"][inside]
    return slots.tolist(), table


def held(engine: Engine, run_id: int, since: int) -> dict[str, Column]:
    """Closed trades that lasted beyond `since`, ms UTC: slot_id, direction, entry_ts, exit_ts, entry_notional."""
    return columns(engine, HELD, {"run": run_id, "since": since})
