"""What the review reckons, once for each closed trade and stretch of time. Numbers come from engine.analytics alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import streamlit as st
from sqlalchemy import Engine

from app import formats, period, result_data, ui
from app.read import review as read
from app.read import strategies
from app.result_data import Result
from app.strategies_data import labels, names_of
from app.units import Units
from db.queries import Column
from engine.analytics import review
from engine.analytics.definitions import Account
from engine.analytics.review import Cause, Place, Version
from engine.analytics.span import choose_trades, cut
from engine.analytics.values import Floats, Undefined
from engine.core.types import MS_DAY

PRESETS = {"1": "1 d", "7": "7 d", "30": "30 d", "90": "90 d", "all": "all"}


@dataclass(frozen=True)
class Span:
    """[since, until] in ms UTC, and the stretch of the same length before it; `before` None where nothing came before."""

    since: int
    until: int
    before: tuple[int, int] | None

    @property
    def days(self) -> float:
        return (self.until - self.since) / MS_DAY


def span(first: int, last: int) -> Span:
    """The time of the address, within what there is: whole UTC days back from the last one, or from a moment to another."""
    a, b = (period.parse(st.query_params.get(name, "")) for name in ("from", "to"))
    since, until = max(first, a or first), min(last, b or last)
    if (a is None and b is None) or since >= until:
        chosen = ui.in_url("range", "7", PRESETS.__contains__)
        since = first if chosen == "all" else max(first, (last - 1) // MS_DAY * MS_DAY - (int(chosen) - 1) * MS_DAY)
        until = last
    early = max(first, since - (until - since))
    return Span(since, until, (early, since - 1) if early < since - 1 else None)


@dataclass(frozen=True, eq=False)
class Week:
    """One stretch of time: the account in it, and which of the run's trades (bool[n], in order of exit) were closed in it."""

    account: Account | None
    inside: Column

    @property
    def pnl(self) -> float | None:
        """What equity grew by, cash flows apart."""
        if self.account is None:
            return None
        curve = self.account.curve
        return curve.final - curve.start - curve.net_flow

    @property
    def grown(self) -> float | None:
        if self.account is None:
            return None
        return float(self.account.curve.levels[-1] / self.account.curve.start - 1)


def week(engine: Engine, found: Result, run: Mapping[str, Any], since: int, until: int) -> Week:
    """The stretch from `since` to `until`, beside the market."""
    return _week((*found.stamp, since, until), engine, found, run)


@st.cache_resource(show_spinner="Reckoning", max_entries=16)
def _week(stamp: tuple[Any, ...], _engine: Engine, _found: Result, _run: Mapping[str, Any]) -> Week:
    since, until = int(stamp[-2]), int(stamp[-1])
    trades = _found.account.trades
    inside = (trades.exit_ts >= since) & (trades.exit_ts <= until)
    try:
        account: Account | None = cut(_found.account, since, until)
    except Undefined:
        account = None
    if account is not None:
        market, _ = result_data.market(_engine, _run, _found)
        account = result_data.beside(account, market)
    return Week(account, inside)


@dataclass(frozen=True, eq=False)
class Cost:
    """What cost most in a stretch of time: all its parts, the dearest first, and the rows of the run's trades that lost most. In
    money, or where it was asked for in R: trades without a stop are left out then, `without` of them."""

    causes: list[Cause]
    worst: Column
    without: int


def cost(engine: Engine, found: Result, since: int, until: int, how: Units) -> Cost:
    """In R where `how` says so, else in money."""
    return _cost((*found.stamp, since, until, how.unit == "r"), engine, found, how)


@st.cache_resource(show_spinner="Reckoning", max_entries=16)
def _cost(stamp: tuple[Any, ...], _engine: Engine, _found: Result, _how: Units) -> Cost:
    since, until, in_r = stamp[-3:]
    trades = _found.account.trades
    inside = np.flatnonzero((trades.exit_ts >= since) & (trades.exit_ts <= until))
    each = _how.each(trades, _found.account.curve.start)[inside] if in_r else np.ones(inside.size)
    known = inside[np.isfinite(each)]
    each = each[np.isfinite(each)]
    own, slip = choose_trades(trades, known), result_data.slippage(_engine, _found)[known]
    parts = review.causes(
        slot_names(_found)[known], _found.trades["exit_reason"][known],
        own.pnl * each, own.fees * each, slip * each, own.funding * each,
    )  # fmt: skip
    return Cost(parts, known[review.worst(own.pnl * each)], int(inside.size - known.size))


def slot_names(found: Result) -> Column:
    """object[trades]: what the slot of each trade is called."""
    return labels(found, names_of(found, "slot"))


def market(account: Account | None) -> float | None:
    """What holding did over the account's time."""
    if account is None or account.market is None:
        return None
    return float(account.market.levels[-1] / account.market.start - 1)


def placed(engine: Engine, found: Result, since: int, until: int) -> tuple[Place | str, str]:
    """(where this time falls, or why that cannot be said; what it is measured against)."""
    return _placed((*found.stamp[:3], since, until), engine, found)


@st.cache_resource(show_spinner="Drawing what the backtest expects", max_entries=32)
def _placed(stamp: tuple[Any, ...], _engine: Engine, _found: Result) -> tuple[Place | str, str]:
    since, until = int(stamp[-2]), int(stamp[-1])
    trades = _found.account.trades
    inside = (trades.exit_ts >= since) & (trades.exit_ts <= until)
    known = strategies.tested(_engine, int(stamp[1]))
    slots = set(_found.trades["slot_id"][inside].astype(int).tolist()) if inside.any() else set()
    references = [known[slot] for slot in sorted(slots) if slot in known]
    try:
        if references and len(references) == len(slots):
            said = ", ".join(dict.fromkeys(one.name for one in references))
            return review.place(
                trades.returns[inside], strategies.results(_engine, references)
            ), f"the backtests {said}"
        past = trades.returns[trades.exit_ts < since]
        return review.place(
            trades.returns[inside], past
        ), "its own trades before this time, for no other backtest of every slot is stored"
    except Undefined as why:
        return str(why), ""


def blocked(engine: Engine, found: Result, run_id: int, since: int, until: int) -> list[dict[str, Any]]:
    """Signals of this time that led to nothing; counted anew when one was given or followed up. See read.review.blocked."""
    return _blocked((found.stamp[0], run_id, *read.blocked_stamp(engine, run_id), since, until), engine)


@st.cache_data(show_spinner=False, max_entries=32)
def _blocked(stamp: tuple[Any, ...], _engine: Engine) -> list[dict[str, Any]]:
    return read.blocked(_engine, int(stamp[1]), int(stamp[-2]), int(stamp[-1]))


def versions(engine: Engine, found: Result, changes: list[read.Change], how: Units) -> list[Version]:
    """All closed trades by the version of configuration and code they were opened under, in order of first use. In R where `how`
    says so (totals, and means of a trade; without trades that had no stop), else in money and fractions of what was paid."""
    return _versions((*found.stamp[:3], len(changes), how.unit == "r"), engine, found, changes, how)


@st.cache_resource(show_spinner="Reckoning", max_entries=8)
def _versions(
    stamp: tuple[Any, ...], _engine: Engine, _found: Result, _changes: list[read.Change], _how: Units
) -> list[Version]:
    rows = read.under(_engine, int(stamp[1]))
    if not len(rows["seq"]):
        return []
    number = np.nan_to_num(np.asarray(rows["config_version_id"], np.float64)).astype(np.int64)
    hashes, code = rows["sources"], rows["source"]
    pairs, which = np.unique(number * (hashes.size + 1) + code, return_inverse=True)
    firsts = np.unique(which, return_index=True)[1]
    order = np.argsort(firsts, kind="stable")
    place = np.empty(pairs.size, np.int64)
    place[order] = np.arange(pairs.size)
    known = {change.id: change for change in _changes}
    names = [
        _called(int(pairs[k]) // (hashes.size + 1), str(hashes[int(pairs[k]) % (hashes.size + 1)]), known)
        for k in order
    ]
    mine = np.searchsorted(rows["seq"], _found.trades["seq"])
    trades, under = _found.account.trades, place[which][mine]
    if stamp[-1]:
        multiples = trades.pnl * _how.each(trades, _found.account.curve.start)
        known = np.isfinite(multiples)
        return review.by_version(names, under[known], multiples[known], multiples[known])
    return review.by_version(names, under, trades.pnl, _fractions(trades))


def _fractions(trades: Any) -> Floats:
    try:
        got: Floats = trades.returns
    except Undefined:
        got = np.zeros(len(trades))
    return got


def _called(number: int, source: str, known: Mapping[int, read.Change]) -> str:
    change = known.get(number)
    what = f"{change.hash[:8]}, {formats.when(change.ts)} UTC" if change is not None else "no configuration stored"
    return f"{what}, code {source[:8]}" if source else what
