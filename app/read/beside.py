"""What stands beside an account's numbers: holding its symbols, its last days' Sharpe, alerts, the last comparison."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy import Engine

from app.read.overview import as_json
from db.queries import Column, columns, rows, scalar
from engine.analytics.curve import Curve
from engine.analytics.ratios import sharpe
from engine.analytics.values import Undefined
from engine.research.stored import flows_of_run
from engine.research.trade_bars import trade_bars

DAY_MS = 86_400_000
DAYS = 30

_CLOSES = """SELECT e.ts, e.equity FROM equity e JOIN (
    SELECT max(ts) AS ts FROM equity WHERE run_id = :run AND slot_id = 0 AND ts > :since GROUP BY (ts - 1) / 86400000
) AS d ON e.ts = d.ts WHERE e.run_id = :run AND e.slot_id = 0 ORDER BY e.ts"""
_BEFORE = "SELECT equity FROM equity WHERE run_id = :run AND slot_id = 0 AND ts <= :since ORDER BY ts DESC LIMIT 1"
_LAST = "SELECT max(ts) FROM equity WHERE run_id = :run AND slot_id = 0"
_ALERTS = """SELECT severity, count(*) AS n FROM alert
    WHERE run_id = :run AND severity IN ('warning', 'critical') AND created_ts >= :since GROUP BY severity"""
_SLOTS = "SELECT symbol, min(timeframe_ms) AS step FROM slot WHERE run_id = :run GROUP BY symbol ORDER BY symbol"
_COMPARED = "SELECT id, args FROM job WHERE kind = 'versus' AND state = 'done' ORDER BY id DESC LIMIT 400"


def recent_sharpe(engine: Engine, run: Mapping[str, Any]) -> tuple[float | None, int, str]:
    """(Sharpe of the last 30 UTC days, of how many days it is, why it has no value), by the conventions of every page."""
    who = {"run": run["id"]}
    last = scalar(engine, _LAST, who)
    if last is None:
        return None, 0, "no equity stored yet"
    since = ((last - 1) // DAY_MS + 1 - DAYS) * DAY_MS
    got = columns(engine, _CLOSES, {**who, "since": since})
    before = scalar(engine, _BEFORE, {**who, "since": since})
    start = float(run["cash_start"] if before is None else before)
    begun = since if before is not None else (int(got["ts"][0]) - 1) // DAY_MS * DAY_MS
    flow_ts, flow = flows_of_run(engine, int(run["id"]))
    later = flow_ts > since
    ts = got["ts"].astype(np.int64)
    curve = Curve(ts, got["equity"], start, begun, int(ts[-1]), flow_ts=flow_ts[later], flow=flow[later])
    returns = curve.daily_returns
    try:
        return sharpe(returns), int(returns.size), ""
    except Undefined as why:
        return None, int(returns.size), str(why)


def alerts(engine: Engine, run_id: int, now: int) -> dict[str, int]:
    """Warnings and critical alerts of the last 24 hours of this machine's clock."""
    found = rows(engine, _ALERTS, {"run": run_id, "since": now - DAY_MS})
    return {"critical": 0, "warning": 0, **{str(row["severity"]): int(row["n"]) for row in found}}


@dataclass(frozen=True)
class Compared:
    """The newest comparison with tape and candles: `score` None where there were no candles, `why_not` says why."""

    ts: int
    equal: bool
    score: float | None
    trades: int
    cause: str | None
    money: float
    why_not: str
    unproven: str


def newest_comparison(engine: Engine, run_id: int) -> int | None:
    """The job that holds it; None where the run was never compared."""
    return next((int(r["id"]) for r in rows(engine, _COMPARED) if as_json(r["args"]).get("run_id") == run_id), None)


def compared(engine: Engine, job_id: int) -> Compared:
    """What came of that job, in short."""
    (row,) = rows(engine, "SELECT done_ts, created_ts, result FROM job WHERE id = :id", {"id": job_id})
    result = as_json(row["result"])
    candles = result.get("candles") or {}
    cause = candles.get("biggest_cause")
    return Compared(
        int(row["done_ts"] or row["created_ts"]), bool(result["tape"]["ok"]), candles.get("reproduced"),
        max(int(candles.get("paper_trades", 0)), int(candles.get("candle_trades", 0))), cause,
        float(candles.get("by_cause", {}).get(cause, 0.0)), str(result.get("why_not", "")),
        str(result["tape"].get("unproven", "")),
    )  # fmt: skip


def held(engine: Engine, run: Mapping[str, Any], ts: Column, equity: float) -> tuple[Column, list[str]]:
    """(what `equity` would be worth at each of `ts` (ms UTC, in order) had it been put into the run's symbols alike at the first,
    before costs; symbols without bars, which are left out). NaN where no bar had closed yet."""
    parts, missing = [], []
    for slot in rows(engine, _SLOTS, {"run": run["id"]}):
        step = int(slot["step"])
        found = trade_bars(engine, run, str(slot["symbol"]), step, int(ts[0]) - 2 * DAY_MS, int(ts[-1])).candles
        at = None if found is None else np.searchsorted(found.ts + found.timeframe_ms, ts, side="right") - 1
        if found is None or at is None or at[0] < 0 or not found.close[at[0]] > 0:
            missing.append(str(slot["symbol"]))
            continue
        parts.append(found.close[at] / found.close[at[0]])
    return (np.mean(parts, axis=0) * equity if parts else np.full(len(ts), np.nan)), missing
