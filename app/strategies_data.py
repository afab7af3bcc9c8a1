"""What the strategies page shows, reckoned once for each closed trade and choice: a strategy as an account of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import streamlit as st
from sqlalchemy import Engine

from app import formats
from app.read import strategies
from app.result_data import Result
from db.queries import Column
from engine.analytics import certainty, chance, expectation
from engine.analytics.calendar import daily_sums
from engine.analytics.curve import Curve
from engine.analytics.definitions import Account
from engine.analytics.span import choose_trades, of_trades
from engine.analytics.table import figures
from engine.analytics.values import Figure, Floats, Undefined

BY = {"strategy": "strategy", "slot": "strategy and symbol", "symbol": "symbol"}
SHOWN = (
    "trades", "closed_profit", "win_rate", "profit_factor", "expectancy", "avg_r", "payoff", "avg_hold_seconds", "sharpe",
    "max_drawdown", "best_trade_share", "fees",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Side:
    """One strategy (or slot, or symbol): its trades as an account that started with the run's capital."""

    name: str
    account: Account
    figures: dict[str, Figure]
    intervals: dict[str, tuple[float, float]]
    slots: tuple[int, ...]


def names_of(found: Result, by: str) -> dict[int, str]:
    """By slot id the name that its trades go under."""
    if by == "slot":
        return {s["id"]: formats.slot(s["strategy"], s["symbol"], s["label"]) for s in found.slots}
    return {s["id"]: formats.strategy(s["strategy"]) if by == "strategy" else str(s["symbol"]) for s in found.slots}


def labels(found: Result, names: dict[int, str]) -> Column:
    """object[trades]: the name of each trade."""
    ids = np.array(sorted(names), np.int64)
    said = np.array([names[int(number)] for number in ids] or [""], object)
    return said[np.searchsorted(ids, found.trades["slot_id"].astype(np.int64))] if ids.size else np.empty(0, object)


def sides(found: Result, by: str, since: int, until: int) -> list[Side]:
    """Every one that closed a trade from `since` to `until`, the most trades first."""
    return _sides((*found.stamp[:3], by, since, until), found, by, since, until)


@st.cache_resource(show_spinner="Reckoning", max_entries=16)
def _sides(stamp: tuple[Any, ...], _found: Result, by: str, since: int, until: int) -> list[Side]:
    names = names_of(_found, by)
    own = labels(_found, names)
    trades, curve = _found.account.trades, _found.account.curve
    inside = (trades.exit_ts >= since) & (trades.exit_ts <= until)
    made = []
    for name in dict.fromkeys(names.values()):
        which = np.flatnonzero(inside & (own == name))
        if which.size:
            slots = tuple(number for number, said in names.items() if said == name)
            made.append(_side(name, choose_trades(trades, which), curve, since, until, slots))
    return sorted(made, key=lambda side: -len(side.account.trades))


def _side(name: str, trades: Any, curve: Curve, since: int, until: int, slots: tuple[int, ...]) -> Side:
    account = of_trades(trades, curve, since, until)
    return Side(name, account, figures(account, SHOWN), _intervals(account), slots)


def _intervals(account: Account) -> dict[str, tuple[float, float]]:
    pnl = account.trades.pnl
    found = {"win_rate": chance.wilson(int((pnl > 0).sum()), pnl.size)}
    for name, make in (("expectancy", certainty.mean_interval), ("profit_factor", certainty.profit_factor_interval)):
        try:
            found[name] = make(pnl)
        except Undefined:
            continue
    return found


def by_day(found: Result, chosen: Sequence[Side]) -> Floats:
    """float64[days, sides]: closed P&L by UTC day of exit over the chosen sides' time, in money."""
    days = np.unique(np.concatenate([side.account.curve.days for side in chosen])) if chosen else np.zeros(0, np.int64)
    table = [daily_sums(side.account.trades.exit_ts, side.account.trades.pnl, days) for side in chosen]
    return np.stack(table, axis=1) if table else np.zeros((0, 0))


def fractions(side: Side) -> Floats:
    """float64[n]: each trade's result over what was paid to enter."""
    return side.account.trades.returns


def band(engine: Engine, found: Result, side: Side) -> tuple[expectation.Band | str, list[strategies.Tested]]:
    """The band that the newest backtests of the side's slots expect, or why there is none; and those backtests."""
    return _band(
        (*found.stamp[:3], side.name, side.slots, len(side.account.trades), side.account.curve.begun),
        engine,
        found,
        side,
    )


@st.cache_resource(show_spinner="Laying live beside backtest", max_entries=64)
def _band(
    stamp: tuple[Any, ...], _engine: Engine, _found: Result, _side: Side
) -> tuple[expectation.Band | str, list[strategies.Tested]]:
    known = strategies.tested(_engine, int(stamp[1]))
    references = [known[slot] for slot in _side.slots if slot in known]
    if not references:
        return "no backtest of it is stored", []
    lived = fractions(_side)
    try:
        draws = int(np.clip(4_000_000 // max(lived.size, 1), 200, expectation.DRAWS))
        return expectation.band(lived, strategies.results(_engine, references), draws=draws), references
    except Undefined as why:
        return str(why), references
