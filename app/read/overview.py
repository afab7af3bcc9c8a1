"""What the overview shows: the account, its curve, what happened, and the slots."""

from __future__ import annotations

import contextlib
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
from sqlalchemy import Engine

from db.queries import Column, columns, rows, scalar

DAY_MS = 86_400_000
CURVE_POINTS = 1_500


@dataclass(frozen=True)
class Account:
    """The account in one glance, in quote currency (exposure: the notional held); None where unknown.
    Drawdown is a fraction, 0 or below."""

    ts: int | None
    equity: float
    cash: float
    exposure: float
    day_start: float
    peak: float
    open_risk: float
    unprotected: int
    positions: int
    stale_positions: int
    max_positions: int | None
    drawdown_limit: float | None

    @property
    def today(self) -> float:
        return self.equity - self.day_start

    @property
    def used(self) -> float | None:
        """Notional of the open positions as a fraction of equity."""
        return self.exposure / self.equity if self.equity > 0 else None

    @property
    def drawdown(self) -> float:
        return min(self.equity / self.peak - 1, 0.0) if self.peak > 0 else 0.0


LAST = (
    "SELECT ts, equity, cash, exposure FROM equity WHERE run_id = :run AND slot_id = 0 {extra} ORDER BY ts DESC LIMIT 1"
)


def peak(engine: Engine, run_id: int) -> float | None:
    """The highest equity ever stored: every point is looked at, so keep it."""
    found = scalar(engine, "SELECT max(equity) FROM equity WHERE run_id = :run AND slot_id = 0", {"run": run_id})
    return None if found is None else float(found)


def account(engine: Engine, run: Mapping[str, Any], highest: float | None = None) -> Account:
    """The account of a run as last stored; `highest` is its `peak` where that is known. The day starts at the last mark before
    UTC midnight of the exchange's clock."""
    who = {"run": run["id"]}
    start = float(run["cash_start"])
    last = (
        rows(engine, LAST.format(extra=""), who) or [{"ts": None, "equity": start, "cash": start, "exposure": 0.0}]
    )[0]
    midnight = (last["ts"] or 0) // DAY_MS * DAY_MS
    before = rows(engine, LAST.format(extra="AND ts <= :midnight"), {**who, "midnight": midnight})
    top = peak(engine, run["id"]) if highest is None else highest
    held = rows(engine, HELD, who)[0]
    if run["kind"] != "backtest":
        last["exposure"] = held["notional"] or 0.0  # newer than the last stored point
    return Account(
        **last,
        day_start=before[0]["equity"] if before else start,
        peak=max(start, top or start),
        open_risk=held["risk"] or 0.0,
        unprotected=int(held["unprotected"] or 0),
        positions=int(held["positions"]),
        stale_positions=int(held["stale"] or 0),
        max_positions=_max_positions(engine, run),
        drawdown_limit=_drawdown_limit(engine, run["id"]),
    )


HELD = """
SELECT count(*) AS positions, sum(risk) AS risk, sum(qty * coalesce(mark, entry_price)) AS notional,
       sum(CASE WHEN stale THEN 1 ELSE 0 END) AS stale,
       sum(CASE WHEN stop IS NULL THEN 1 ELSE 0 END) AS unprotected
FROM position WHERE run_id = :run
"""


def _drawdown_limit(engine: Engine, run_id: int) -> float | None:
    """The nearest drawdown at which a breaker acts, as a fraction."""
    sql = "SELECT min(threshold) FROM breaker WHERE run_id = :run AND slot_id = 0 AND name LIKE 'drawdown%' AND threshold > 0"
    found = scalar(engine, sql, {"run": run_id})
    return None if found is None else float(found)


def _max_positions(engine: Engine, run: Mapping[str, Any]) -> int | None:
    """From the run's parameters, else from the configuration in force as written."""
    limits = as_json(run.get("params")).get("limits")
    if isinstance(limits, Mapping) and "max_positions" in limits:
        return int(limits["max_positions"])
    text = scalar(
        engine,
        "SELECT text FROM config_version WHERE run_id = :run ORDER BY id DESC LIMIT 1",
        {"run": run["id"]},
    )
    try:
        return int(tomllib.loads(text or "")["limits"]["max_positions"])
    except (tomllib.TOMLDecodeError, KeyError, TypeError, ValueError):
        return None


def as_json(value: Any) -> dict[str, Any]:
    """A JSON column read by plain SQL: text on SQLite, an object on PostgreSQL."""
    if isinstance(value, str):
        with contextlib.suppress(orjson.JSONDecodeError):  # one row that somebody forged must not hide the page
            value = orjson.loads(value)
    return dict(value) if isinstance(value, Mapping) else {}


def difference(older: str, newer: str) -> str:
    """What a configuration says that the one before did not, in a line: `cash = 2000 (was: cash = 1000)`."""
    before, after = ([line.strip() for line in text.splitlines() if line.strip()] for text in (older, newer))
    added = [line for line in after if line not in before]
    removed = [line for line in before if line not in after]
    parts = [", ".join(added[:3]), f"was: {', '.join(removed[:3])}" if removed else ""]
    text = "; ".join(part for part in parts if part)
    return f"{text} …" if max(len(added), len(removed)) > 3 else text or "the same settings, written differently"


CURVE = """
WITH part AS (
  SELECT max(ts) AS ts, min(equity) AS low, max(equity) AS high
  FROM equity WHERE run_id = :run AND slot_id = 0 AND ts >= :since GROUP BY ts / :step
)
SELECT part.ts, part.low, part.high, e.equity, e.exposure
FROM part JOIN equity e ON e.run_id = :run AND e.slot_id = 0 AND e.ts = part.ts ORDER BY part.ts
"""


def curve(engine: Engine, run_id: int, cash_start: float, since: int = 0) -> dict[str, Column]:
    """Equity and drawdown in at most about 1,500 points: ts, equity, drawdown (fraction, 0 or below), exposure.

    The drawdown of a stretch is its lowest equity against the highest before it, so thinning hides no low.
    """
    who = {"run": run_id, "since": since}
    span = rows(engine, SPAN, who)[0]
    if not span["n"]:
        return {name: np.empty(0) for name in ("ts", "equity", "drawdown", "exposure")}
    step = 1 if span["n"] <= CURVE_POINTS else max((span["last"] - span["first"]) // CURVE_POINTS, 1)
    got = columns(engine, CURVE, {**who, "step": int(step)})
    before = scalar(engine, BEFORE, who) if since else None
    peaks = np.maximum.accumulate(np.concatenate([[max(cash_start, before or 0.0)], got["high"]]))
    got["drawdown"] = np.minimum(got["low"] / peaks[:-1] - 1, 0.0)
    return got


SPAN = "SELECT count(*) AS n, min(ts) AS first, max(ts) AS last FROM equity WHERE run_id = :run AND slot_id = 0 AND ts >= :since"
BEFORE = "SELECT max(equity) FROM equity WHERE run_id = :run AND slot_id = 0 AND ts < :since"

MARKS = """
SELECT exit_ts AS ts, pnl, symbol, exit_reason FROM trade WHERE run_id = :run AND exit_ts >= :since
ORDER BY exit_ts DESC LIMIT 200
"""


def trade_marks(engine: Engine, run_id: int, since: int = 0) -> dict[str, Column]:
    """The last 200 exits: ts, pnl, symbol, exit_reason."""
    return columns(engine, MARKS, {"run": run_id, "since": since})


def outages(engine: Engine, run_id: int, since: int = 0, limit: int = 50) -> list[dict[str, Any]]:
    """Times without data, newest first; `to_ts` None while one lasts."""
    sql = (
        "SELECT from_ts, to_ts, cause, source, frames, reason FROM outage WHERE run_id = :run "
        "AND coalesce(to_ts, from_ts) >= :since ORDER BY from_ts DESC LIMIT :limit"
    )
    return rows(engine, sql, {"run": run_id, "since": since, "limit": limit})


def markers(engine: Engine, run_id: int, since: int = 0, limit: int = 50) -> list[dict[str, Any]]:
    """What changed the run itself: starts, recoveries, configuration, code; newest first."""
    sql = "SELECT ts, kind, text FROM run_marker WHERE run_id = :run AND ts >= :since ORDER BY ts DESC LIMIT :limit"
    return rows(engine, sql, {"run": run_id, "since": since, "limit": limit})


SLOTS = """
SELECT s.id, s.key, s.position, s.label, s.strategy, s.symbol, s.timeframe_ms, s.state, s.error, p.direction, p.unrealized
FROM slot s LEFT JOIN position p ON p.run_id = s.run_id AND p.slot_id = s.id
WHERE s.run_id = :run ORDER BY s.position, s.id
"""
SUMS = """
SELECT slot_id, count(*) AS trades, sum(pnl) AS pnl, sum(CASE WHEN pnl > 0 THEN 1 ELSE 0 END) AS wins
FROM trade WHERE run_id = :run GROUP BY slot_id
"""


def slots(engine: Engine, run_id: int, sums: Mapping[int, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Every slot in configuration order: its state, what stopped it, what it holds, and its closed trades' `sums`."""
    nothing = {"trades": 0, "pnl": 0.0, "wins": 0}
    return [{**row, **sums.get(row["id"], nothing)} for row in rows(engine, SLOTS, {"run": run_id})]


def slot_sums(engine: Engine, run_id: int) -> dict[int, dict[str, Any]]:
    """Closed trades of each slot: trades, pnl (quote currency, net), wins."""
    return {row.pop("slot_id"): row for row in rows(engine, SUMS, {"run": run_id})}


RECENT = "SELECT pnl FROM trade WHERE run_id = :run AND slot_id = :slot ORDER BY id DESC LIMIT 40"


def slot_lines(engine: Engine, run_id: int, slot_ids: Sequence[int]) -> dict[int, list[float]]:
    """For each slot that closed a trade the running P&L of its last 40, from zero. One short query a slot: an index holds it."""
    found = {slot: columns(engine, RECENT, {"run": run_id, "slot": slot})["pnl"] for slot in slot_ids}
    return {slot: [0.0, *np.cumsum(pnl[::-1]).tolist()] for slot, pnl in found.items() if len(pnl)}
