"""The cache of the results pages: a run's columns kept between script runs, and what is reckoned from them kept by a stamp.

What is kept grows with the run and is never copied; nothing here may be changed by a page. app.data holds the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import streamlit as st
from sqlalchemy import Engine

from app import data, numbers
from app.read import market_days, results
from app.read.results import Book, Columns
from db.queries import Column, scalar
from db.session import data_folder
from engine.analytics.curve import Curve
from engine.analytics.definitions import Account
from engine.analytics.span import cut_curve
from engine.analytics.table import figures
from engine.analytics.values import Figure, Undefined

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Result:
    """One run as the results pages see it. `trades` are columns in order of exit, as `account.trades` has them."""

    stamp: tuple[Any, ...]
    account: Account
    trades: Columns
    slots: list[dict[str, Any]]

    def named(self, field: str) -> Column:
        """object[trades]: the strategy, symbol or label of each trade, from its slot."""
        ids = np.array([slot["id"] for slot in self.slots], np.int64)
        names = np.array([slot[field] for slot in self.slots] or [""], object)
        order = np.argsort(ids)
        found = np.searchsorted(ids[order], self.trades["slot_id"])
        return names[order[np.minimum(found, max(ids.size - 1, 0))]] if ids.size else np.empty(0, object)


@st.cache_resource(show_spinner=False, max_entries=6)
def _book(place: str, run_id: int) -> Book:
    return Book()


def _newest_fill(engine: Engine, run_id: int) -> int:
    return int(scalar(engine, "SELECT max(seq) FROM fill WHERE run_id = :run", {"run": run_id}) or 0)


def result(engine: Engine, run_id: int) -> Result:
    """The run up to now: only what came since the last time is read."""
    place = data._place(engine)
    stamp = (place, run_id, data.trades_stamp(engine, run_id), data.equity_stamp(engine, run_id))
    return _result(stamp, engine)


@st.cache_resource(show_spinner="Reading the run", max_entries=8)
def _result(stamp: tuple[Any, ...], _engine: Engine) -> Result:
    place, run_id, trade, point = stamp
    book = _book(place, run_id)
    with book.lock:
        points, trades = book.points.refresh(_engine, run_id, point), book.trades.refresh(_engine, run_id, trade)
    order = np.argsort(trades["exit_ts"], kind="stable")
    by_exit = {name: column[order] for name, column in trades.items()}
    return Result(stamp, results.account(_engine, run_id, points, by_exit), by_exit, results.slots(_engine, run_id))


def slippage(engine: Engine, found: Result) -> Column:
    """float64[trades] in money; see read.results.slippage."""
    return _slippage((*found.stamp[:2], found.stamp[2], _newest_fill(engine, found.stamp[1])), engine, found)


@st.cache_resource(show_spinner="Reading the fills", max_entries=8)
def _slippage(stamp: tuple[Any, ...], _engine: Engine, _found: Result) -> Column:
    place, run_id, _, newest = stamp
    book = _book(place, run_id)
    with book.lock:
        fills = book.fills.refresh(_engine, run_id, newest)
    return results.slippage(_found.trades, fills)


def market(engine: Engine, run: Mapping[str, Any], found: Result) -> tuple[Curve | None, str]:
    """What holding the run's symbols in equal parts would have done (bought on the first day, never touched), and their names."""
    days = found.account.curve.days
    if not days.size:
        return None, ""
    symbols = tuple(dict.fromkeys(str(slot["symbol"]) for slot in found.slots))
    names, levels = day_levels(run, symbols, int(days[0]) - 1, int(days[-1]))
    curve = market_days.held(levels, int(days[0]) - 1) if names else None
    return (curve, ", ".join(names)) if curve is not None else (None, "")


def beside(account: Account, market: Curve | None) -> Account:
    """The account beside the market over its own time."""
    if market is None:
        return account
    try:
        return replace(account, market=cut_curve(market, account.curve.begun, account.curve.ended))
    except Undefined:
        return account


def day_levels(run: Mapping[str, Any], symbols: tuple[str, ...], first: int, last: int) -> tuple[list[str], Column]:
    """(symbols that are known, float64[days, symbols]) of daily closes from day `first` to `last`; see read.market_days."""
    return _day_levels(str(data_folder().resolve()), int(run["id"]), str(run["exchange"]), symbols, first, last)


@st.cache_resource(show_spinner="Reading candles", max_entries=16, ttl=3600)
def _day_levels(
    folder: str, run_id: int, exchange: str, symbols: tuple[str, ...], first: int, last: int
) -> tuple[list[str], Column]:
    return market_days.levels(market_days.closes(Path(folder), run_id, exchange, symbols, first, last), first, last)


def intervals(found: Result, since: int, until: int, account: Account) -> dict[str, tuple[float, float]]:
    """90 % intervals of the chosen time; see app.numbers."""
    return _intervals((*found.stamp[:3], account.returns.size), since, until, account)


@st.cache_data(show_spinner=False, max_entries=64)
def _intervals(stamp: tuple[Any, ...], since: int, until: int, _account: Account) -> dict[str, tuple[float, float]]:
    return numbers.intervals(_account)


def every_figure(found: Result, since: int, until: int, account: Account) -> dict[str, Figure]:
    """Every statistic of the chosen time."""
    return _every_figure(found.stamp, since, until, account)


@st.cache_data(show_spinner="Reckoning", max_entries=16)
def _every_figure(stamp: tuple[Any, ...], since: int, until: int, _account: Account) -> dict[str, Figure]:
    return figures(_account)


def kept(key: tuple[Any, ...], make: Callable[[], T]) -> T:
    """What `make` makes, made once for each key: the run's stamp and everything else it depends on. Not to be changed."""
    made: T = _kept(key, make)
    return made


@st.cache_resource(show_spinner=False, max_entries=200)
def _kept(key: tuple[Any, ...], _make: Callable[[], Any]) -> Any:
    return _make()
