"""A span of a run in a few lines, from its stored rows: what the daily message says. Reads; reckons by engine.analytics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from sqlalchemy import Engine

from db.queries import columns, rows
from engine.analytics.curve import Curve
from engine.analytics.definitions import Account
from engine.analytics.trades import Trades
from engine.research.report_summary import summary
from engine.research.report_words import number, price, when
from engine.research.stored import flows_of_run

_BEFORE = "SELECT ts, equity FROM equity WHERE run_id = :run AND slot_id = 0 AND ts <= :since ORDER BY ts DESC LIMIT 1"
_POINTS = (
    "SELECT ts, equity FROM equity WHERE run_id = :run AND slot_id = 0 AND ts > :since AND ts <= :until ORDER BY ts"
)
_TRADES = "SELECT * FROM trade WHERE run_id = :run AND exit_ts > :since AND exit_ts <= :until ORDER BY exit_ts, seq"
_OPEN = "SELECT count(*) AS n FROM position WHERE run_id = :run AND qty > 0"
_TRIPS = """SELECT DISTINCT breaker FROM breaker_event
    WHERE run_id = :run AND ts > :since AND ts <= :until AND action = 'trip' ORDER BY breaker LIMIT 20"""
_BLOCKED = """SELECT reason, count(*) AS n FROM signal WHERE run_id = :run AND decided_ts > :since AND decided_ts <= :until
    AND kind <> 'exit' AND status = 'refused' GROUP BY reason ORDER BY n DESC, reason LIMIT 10"""
_FIRST = "SELECT min(ts) AS ts FROM equity WHERE run_id = :run AND slot_id = 0"
_POSITIONS = """SELECT s.strategy, p.symbol, p.direction, p.qty, p.entry_price, p.mark, p.stop, p.unrealized FROM position p
    JOIN slot s ON s.id = p.slot_id WHERE p.run_id = :run AND p.qty > 0 ORDER BY s.position LIMIT 50"""
_LAST = "SELECT equity, cash FROM equity WHERE run_id = :run AND slot_id = 0 ORDER BY ts DESC LIMIT 1"
_TRIPPED = "SELECT name, level FROM breaker WHERE run_id = :run AND state = 'tripped' ORDER BY name"


def first_point(engine: Engine, run_id: int) -> int | None:
    """When the run's curve begins; None while it has none."""
    found = rows(engine, _FIRST, {"run": run_id})[0]["ts"]
    return None if found is None else int(found)


def span_of(engine: Engine, run: Mapping[str, Any], since: int, until: int) -> str:
    """(since, until] ms UTC of exchange time, in words."""
    who = {"run": run["id"], "since": since, "until": until}
    points, before = columns(engine, _POINTS, who), rows(engine, _BEFORE, who)
    if not points["ts"].size:
        return f"{run['name']}: no market in {when(since)} to {when(until)} UTC"
    start = float(before[0]["equity"]) if before else float(run["cash_start"])
    if not start > 0:
        return f"{run['name']}: the account is used up"
    ts = points["ts"].astype(np.int64)
    flow_ts, flow = flows_of_run(engine, int(run["id"]))
    inside = (flow_ts > (int(before[0]["ts"]) if before else -1)) & (flow_ts <= ts[-1])
    curve = Curve(
        ts, points["equity"], start, min(since, int(ts[0])), until, flow_ts=flow_ts[inside], flow=flow[inside]
    )
    trades = columns(engine, _TRADES, who)
    held = int(rows(engine, _OPEN, who)[0]["n"])
    trips = [str(row["breaker"]) for row in rows(engine, _TRIPS, who)]
    blocked = {str(row["reason"]): int(row["n"]) for row in rows(engine, _BLOCKED, who)}
    symbols = [str(symbol) for symbol in trades["symbol"]]
    account = Account(curve, Trades.of(trades), open_trades=held)
    return summary(str(run["name"]), str(run["kind"]), str(run["quote"]), account, symbols, trips, blocked)


def standing(engine: Engine, run: Mapping[str, Any]) -> str:
    """How the run is now: state, equity, what is open, what has tripped."""
    who = {"run": run["id"]}
    heard = rows(engine, "SELECT state, feed, message FROM engine_status WHERE run_id = :run", who)
    last = rows(engine, _LAST, who)
    equity = float(last[0]["equity"]) if last else float(run["cash_start"])
    state = str(heard[0]["state"]) if heard else "never started"
    lines = [
        f"{run['name']} ({run['kind']}): {state.replace('_', ' ')}",
        f"Equity {number(equity)} {run['quote']}, started with {number(float(run['cash_start']))}.",
        f"{rows(engine, _OPEN, who)[0]['n']} positions open. Feed: {heard[0]['feed'] if heard else 'none'}.",
    ]
    lines += [f"Breaker {row['name']} has tripped ({row['level']})." for row in rows(engine, _TRIPPED, who)]
    if heard and heard[0]["message"]:
        lines.append(str(heard[0]["message"]))
    return "\n".join(lines)


def positions(engine: Engine, run: Mapping[str, Any]) -> str:
    """Each open position on a line."""
    found = rows(engine, _POSITIONS, {"run": run["id"]})
    if not found:
        return "No position is open."
    return "\n".join(_position(row, str(run["quote"])) for row in found)


def _position(row: Mapping[str, Any], quote: str) -> str:
    side = "long" if row["direction"] > 0 else "short"
    stop = f", stop {price(float(row['stop']))}" if row["stop"] else ", no stop"
    mark = f", now {price(float(row['mark']))}" if row["mark"] else ""
    result = number(float(row["unrealized"] or 0.0), sign=True)
    return (
        f"{row['strategy']}:{row['symbol']} {side} {float(row['qty']):g} at {price(float(row['entry_price']))}{mark}{stop}: "
        f"{result} {quote}"
    )
