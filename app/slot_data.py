"""What a slot's chart and its sentence are made of, gathered: cached by the newest bar, never by the clock.

The bars and what the strategy makes of them are kept for each closed bar; what the engine writes between is read anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import streamlit as st
from sqlalchemy import Engine

from app import data, why
from app.clock import now_ms
from app.read import research, runs, slot_chart
from app.read.overview import as_json, outages
from app.slot_figure import Picture
from db.session import data_folder
from engine.research import slot_view
from engine.research.slot_view import Evaluated, Standing
from engine.research.stock import Candles
from engine.strategies import catalog
from engine.strategies.base import StrategyError

MEMORY_MS, MEMORY_BARS = 2 * 86_400_000, 500
"""How far back the newest entry signal is looked for, at least."""
CELLS = 320
"""Candles on the chart at most: coarser ones are made where a stretch has more."""


@dataclass(frozen=True)
class Seen:
    """The closed bars as `candles` (None without any, and `source` says why) and what the strategy makes of them."""

    candles: Candles | None
    grid: Any
    source: str
    made: Evaluated


def seen(engine: Engine, run: Mapping[str, Any], slot: Mapping[str, Any], stands: Standing) -> Seen:
    """The slot's bars and its strategy on them; to be read only, as everyone gets the same."""
    stamp = stands.stamp(str(slot["symbol"]), int(slot["timeframe_ms"]))
    told = len(stands.known.get(str(slot["strategy"]), ()))
    key = (data._place(engine), int(run["id"]), str(run["status"]), int(slot["id"]), str(slot["params"]), stamp, told)
    return _seen(engine, dict(slot), stands, key, _text(str(slot["strategy"])))


def _text(strategy: str) -> str:
    """The hash of the strategy's file as it is now."""
    try:
        return catalog.source(strategy)[1]
    except StrategyError:
        return ""


@st.cache_resource(show_spinner=False, max_entries=24)
def _seen(_engine: Engine, _slot: dict[str, Any], _stands: Standing, key: tuple[Any, ...], text: str) -> Seen:
    run_id, step = int(key[1]), int(_slot["timeframe_ms"])
    try:
        bars = slot_view.slot_bars(_engine, run_id, int(_slot["id"]), _stands, data_folder())
    except (OSError, ValueError, LookupError) as error:
        return Seen(None, None, f"The bars cannot be read: {error}.", Evaluated())
    params = as_json(_slot["params"])
    name, known = str(_slot["strategy"]), _stands.known.get(str(_slot["strategy"]), ())
    made = slot_view.evaluate(name, params, str(_slot["source_hash"]), bars.grid, step, bars.rows, known)
    if not bars.rows.size:
        return Seen(None, bars.grid, bars.source, made)
    rows = bars.rows
    four = (bars.grid.prices(np.ascontiguousarray(rows[name])) for name in ("open", "high", "low", "close"))
    volume = np.ascontiguousarray(rows["volume"])
    candles = Candles(
        np.ascontiguousarray(rows["ts"]), *four, volume, timeframe_ms=step, symbol=str(_slot["symbol"])
    )  # fmt: skip
    return Seen(candles, bars.grid, bars.source, made)


def with_open(got: Seen, slot: Mapping[str, Any], stands: Standing) -> Candles | None:
    """The closed bars and the one that is open."""
    if got.grid is None:
        return got.candles
    bar = stands.open_bar(str(slot["symbol"]), int(slot["timeframe_ms"]), got.grid)
    if bar is None or (got.candles is not None and bar[0] <= got.candles.ts[-1]):
        return got.candles
    if got.candles is None:
        columns = [np.array([value]) for value in bar]
    else:
        columns = [np.append(getattr(got.candles, name), value) for name, value in zip(_COLUMNS, bar, strict=True)]
    return Candles(*columns, timeframe_ms=int(slot["timeframe_ms"]), symbol=str(slot["symbol"]))


_COLUMNS = ("ts", "open", "high", "low", "close", "volume")


def picture(
    engine: Engine, run: Mapping[str, Any], slot: Mapping[str, Any], stands: Standing, first: int, last: int, down: bool
) -> Picture | None:
    """Everything between `first` and `last` (ms UTC); None where no bar lies there."""
    got = seen(engine, run, slot, stands)
    candles = with_open(got, slot, stands)
    bars = None if candles is None else research.market(candles, first, last, CELLS)
    if bars is None or not len(bars["ts"]):
        return None
    run_id, slot_id = int(run["id"]), int(slot["id"])
    over, below = {}, {}
    if got.candles is not None:
        drawn = research.overlays(got.candles.ts, int(slot["timeframe_ms"]), got.made.plot, first, last, CELLS)
        for name, line in drawn.items():
            (over if research.on_price(line[1], bars["close"]) else below)[name] = line
    held = slot_chart.held(engine, run_id, slot_id)
    return Picture(
        bars, first, last, over, below,
        signals=slot_chart.signals(engine, run_id, slot_id, first, last),
        fills=slot_chart.fills(engine, run_id, slot_id, first, last),
        trades=slot_chart.trades(engine, run_id, slot_id, first, last),
        held=held if held is not None and held["entry_ts"] < last else None,
        resting=slot_chart.resting(engine, run_id, slot_id),
        outages=outages(engine, run_id, first), down=down,
    )  # fmt: skip


def facts(
    engine: Engine, run: Mapping[str, Any], slot: Mapping[str, Any], stands: Standing, made: Evaluated
) -> why.Facts:
    """What the slot's sentence is made of, as the engine wrote it last."""
    run_id, slot_id, step = int(run["id"]), int(slot["id"]), int(slot["timeframe_ms"])
    over = run["kind"] in ("backtest", "imported")
    status = None if over else runs.status(engine, run_id)
    now = _now(run, status, stands)
    said = stands.said.get(str(slot["key"]), {})
    position = slot_chart.held(engine, run_id, slot_id)
    tripped = _tripped(slot_chart.holding(engine, run_id, slot_id), str(slot["symbol"]))
    account = [one.level for one in tripped if one.account]
    return why.Facts(
        now, step, over, _silent(run, status),
        str(slot["state"]), str(slot["error"] or ""),
        level=(account[0] if account else "running") if status is None else str(status["state"]),
        tripped=tripped,
        cooling=stands.blocked_until.get(str(slot["key"])),
        bars=said.get("bars"), warmup=int(said.get("warmup", made.warmup)), checks=said.get("checks", made.newest()),
        needs=made.needs(), held=None if position is None else _held(position),
        waiting=_waiting(slot_chart.resting(engine, run_id, slot_id)),
        spoken=_spoken(engine, run_id, slot_id, now - max(MEMORY_MS, MEMORY_BARS * step)),
        left=slot_chart.left(engine, run_id, slot_id),
    )  # fmt: skip


def _tripped(rows: list[dict[str, Any]], symbol: str) -> tuple[why.Tripped, ...]:
    """Those that hold the slot: its own, its symbol's (named `breaker:SYMBOL`), the account's."""
    found = []
    for row in rows:
        owner = "" if row["slot_id"] else str(row["name"]).partition(":")[2]
        if owner in ("", symbol):
            found.append(why.Tripped(row["name"], row["level"], not row["slot_id"] and not owner, row["until_ts"]))
    return tuple(found)


def _now(run: Mapping[str, Any], status: Mapping[str, Any] | None, stands: Standing) -> int:
    """The exchange's clock as the engine last knew it; a backtest's is its end."""
    if status is None:
        return int(run["ended_ts"] or stands.now or run["created_ts"])
    return max(int(status["exchange_ts"] or 0), stands.now)


def _silent(run: Mapping[str, Any], status: Mapping[str, Any] | None) -> str:
    if run["kind"] in ("backtest", "imported"):
        return ""
    health = runs.health(dict(run), dict(status) if status else None, now_ms())
    if not health.alive:
        return f"engine {health.word}"
    return "feed disconnected" if str((status or {}).get("feed", "")).startswith("disconnected") else ""


def _held(position: Mapping[str, Any]) -> why.Held:
    names = ("direction", "mark", "stop", "target", "status")
    return why.Held(since=int(position["entry_ts"]), **{name: position[name] for name in names})


def _waiting(orders: list[dict[str, Any]]) -> why.Waiting | None:
    found = [one for one in orders if one["purpose"] == "entry"]
    return why.Waiting(found[-1]["side"], int(found[-1]["created_ts"]), found[-1]["limit_price"]) if found else None


def _spoken(engine: Engine, run_id: int, slot_id: int, since: int) -> why.Spoken | None:
    found = slot_chart.spoken(engine, run_id, slot_id, since)
    return None if found is None else why.Spoken(int(found["ts"]), str(found["status"]), str(found["reason"]))
