"""What the portfolio page shows, brought together: holdings, market and account on the same days; kept by a stamp."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import streamlit as st
from sqlalchemy import Engine

from app import data, formats, result_data, ui
from app.portfolio_views import Holding, View
from app.read import config, market_days, portfolio, positions, results
from app.units import Units
from db.queries import Column
from engine.analytics import portfolio as measures
from engine.analytics.curve import Curve
from engine.analytics.values import Floats, Undefined
from engine.config import sectors
from engine.core.types import MS_DAY

MOMENTS = 720
"""So many moments of a window show what was held."""


@dataclass(frozen=True, eq=False)
class More:
    """`betas` by symbol; `ts` int64[n] with `index` and `gross` float64[n] (concentration and exposure over equity); `strategies`
    and `results` float64[days, k], their closed P&L by day."""

    betas: Mapping[str, float]
    ts: Column
    index: Floats
    gross: Floats
    strategies: list[str]
    results: Floats


def daily(engine: Engine, run: Mapping[str, Any]) -> Curve | None:
    """The account by UTC days; see read.portfolio."""
    return _daily(engine, data._place(engine), int(run["id"]), data.equity_stamp(engine, int(run["id"])), dict(run))


@st.cache_data(show_spinner=False, max_entries=16)
def _daily(_engine: Engine, place: str, run_id: int, stamp: int, _run: dict[str, Any]) -> Curve | None:
    return portfolio.daily_curve(_engine, _run)


def _slots(engine: Engine, run_id: int) -> dict[int, dict[str, Any]]:
    return {slot["id"]: slot for slot in results.slots(engine, run_id)}


def view(page: ui.Page, curve: Curve, known: dict[str, str], window: int, units: Units) -> tuple[View, More]:
    """Everything on the page, of the last `window` UTC days up to the last stored point."""
    last = int(curve.days[-1])
    first = max(last - window, int(curve.days[0]) - 1)
    slots = _slots(page.engine, page.run_id)
    engine, run_id, stamp = page.engine, page.run_id, data.trades_stamp(page.engine, page.run_id)
    held = _held(engine, data._place(engine), run_id, stamp, (last - window + 1) * MS_DAY)
    now = holdings(positions.open_positions(engine, run_id), known)
    ts, by_symbol, signed, names = over_time(held, positions.open_positions(engine, run_id), slots, curve, window)
    mean = [
        Holding(name, sectors.sector_of(name, known), float(size))
        for name, size in zip(names, signed.mean(axis=0) if len(signed) else [], strict=True)
        if abs(size) > 1e-6 * curve.final
    ]
    symbols = tuple(dict.fromkeys([*(str(slot["symbol"]) for slot in slots.values()), *(one.symbol for one in now)]))
    btc = f"BTC/{page.quote}"
    named, levels = result_data.day_levels(page.run, tuple(dict.fromkeys([*symbols, btc])), first, last)
    both, moves = market_days.together(named, levels)
    known_btc = moves[:, both.index(btc)] if btc in both else None
    traded = [name for name in both if name in symbols]
    returns = moves[:, [both.index(name) for name in traded]]
    account = curve.daily_returns[-window:]
    made = View(
        page, units, curve.final, sorted(now or mean, key=lambda one: -abs(one.size)), bool(now), window, traded, returns,
        known_btc,
        account if np.isfinite(account).all() else np.zeros(0), _beside_btc(curve, window, named, levels, btc, first),
    )  # fmt: skip
    equity = np.interp(ts, curve.level_ts, curve.daily_levels[:1].repeat(1) if not curve.ts.size else curve.levels)
    gross = by_symbol.sum(axis=1) / np.maximum(equity, 1e-9)
    by_slot, table = _results(engine, data._place(engine), run_id, stamp, last - window + 1, last)
    moving = [k for k in range(len(by_slot)) if np.count_nonzero(table[:, k]) > 1]
    called = [_called(slots[by_slot[k]], slots) for k in moving]
    return made, More(_betas(made), ts, measures.concentration(by_symbol), gross, called, table[:, moving])


def _called(slot: Mapping[str, Any], slots: Mapping[int, Mapping[str, Any]]) -> str:
    twice = sum(one["strategy"] == slot["strategy"] and one["symbol"] == slot["symbol"] for one in slots.values()) > 1
    more = f" {formats.timeframe(slot['timeframe_ms'])}" if twice else ""
    return f"{formats.strategy(slot['strategy'])} {str(slot['symbol']).partition('/')[0]}{more}"


def named(engine: Engine, run_id: int) -> Mapping[str, Sequence[str]]:
    """The coins of each sector that the run's newest configuration names itself."""
    try:
        limits = tomllib.loads(config.newest_text(engine, run_id)).get("limits", {})
        return {str(name): [str(coin) for coin in coins] for name, coins in limits.get("sectors", {}).items()}
    except (tomllib.TOMLDecodeError, AttributeError, TypeError):
        return {}


def holdings(open_: list[dict[str, Any]], known: dict[str, str]) -> list[Holding]:
    """Open positions by symbol: signed notional at mark, unrealised result, and R over those that had a stop."""
    found: dict[str, list[dict[str, Any]]] = {}
    for row in open_:
        if row["qty"] > 0:
            found.setdefault(row["symbol"], []).append(row)
    return [_holding(symbol, rows, known) for symbol, rows in found.items()]


def _holding(symbol: str, rows: list[dict[str, Any]], known: dict[str, str]) -> Holding:
    size = sum((row["mark"] or row["entry_price"]) * row["qty"] * row["direction"] for row in rows)
    unrealized = sum(row["unrealized"] or 0.0 for row in rows)
    multiples = [row["r"] for row in rows if row["r"] is not None]
    return Holding(symbol, sectors.sector_of(symbol, known), size, unrealized, sum(multiples) if multiples else None)


def over_time(
    held: Mapping[str, Column],
    open_: list[dict[str, Any]],
    slots: Mapping[int, Mapping[str, Any]],
    curve: Curve,
    window: int,
) -> tuple[Column, Floats, Floats, list[str]]:
    """(moments int64[n], float64[n, k] notional at entry by symbol, the same signed, the k symbols) over the window."""
    until = int(curve.ts[-1]) if curve.ts.size else curve.ended
    ts = np.linspace(max(until - window * MS_DAY, curve.begun), until, MOMENTS).astype(np.int64)
    names = list(dict.fromkeys(str(slot["symbol"]) for slot in slots.values()))
    if not names:
        return ts, np.zeros((ts.size, 0)), np.zeros((ts.size, 0)), []
    ids = np.array(sorted(slots), np.int64)
    place = np.array([names.index(str(slots[int(number)]["symbol"])) for number in ids], np.int64)
    still = [row for row in open_ if row["qty"] > 0]
    slot = np.concatenate([held["slot_id"].astype(np.int64), np.array([row["slot_id"] for row in still], np.int64)])
    entry = np.concatenate([held["entry_ts"].astype(np.int64), np.array([row["entry_ts"] for row in still], np.int64)])
    out = np.concatenate([held["exit_ts"].astype(np.int64), np.full(len(still), -1, np.int64)])
    size = np.concatenate([held["entry_notional"], np.array([row["entry_notional"] for row in still], np.float64)])
    side = np.concatenate([held["direction"], np.array([row["direction"] for row in still], np.float64)])
    group = place[np.searchsorted(ids, slot)]
    gross = measures.held_at(ts, entry, out, size, group, len(names))
    return ts, gross, measures.held_at(ts, entry, out, size * side, group, len(names)), names


def _beside_btc(
    curve: Curve, window: int, names: list[str], levels: Column, btc: str, first: int
) -> tuple[Floats, Floats] | None:
    """The account's and Bitcoin's returns of the window's days that both know."""
    if btc not in names:
        return None
    closes = levels[:, names.index(btc)]
    moves = closes[1:] / closes[:-1] - 1
    own = curve.daily_returns[-window:][-len(moves) :]
    moves = moves[len(moves) - len(own) :]
    both = np.isfinite(own) & np.isfinite(moves)
    return (own[both], moves[both]) if both.sum() > 2 else None


def _betas(made: View) -> dict[str, float]:
    if made.btc is None or not len(made.returns):
        return {}
    try:
        return dict(zip(made.symbols, measures.betas(made.returns, made.btc).tolist(), strict=True))
    except Undefined:
        return {}


@st.cache_data(show_spinner=False, max_entries=16)
def _held(_engine: Engine, place: str, run_id: int, stamp: int, since: int) -> dict[str, Column]:
    return portfolio.held(_engine, run_id, since)


@st.cache_data(show_spinner=False, max_entries=16)
def _results(_engine: Engine, place: str, run_id: int, stamp: int, first: int, last: int) -> tuple[list[int], Floats]:
    return portfolio.results_by_day(_engine, run_id, first, last)
