"""A part of an account: what happened from one instant to another, as an account of its own. Arrays in, an Account out."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np

from engine.analytics.curve import Curve
from engine.analytics.definitions import Account
from engine.analytics.trades import Trades
from engine.analytics.values import Undefined


def cut_curve(curve: Curve, since: int, until: int) -> Curve:
    """The curve from `since` to `until` (ms UTC, both ends in it). It starts from the last equity before `since`, so its first
    return is that of its first point. Undefined where no point lies inside, or where nothing was left to start from."""
    first, last = np.searchsorted(curve.ts, since, "left"), np.searchsorted(curve.ts, until, "right")
    if first >= last:
        raise Undefined("no point of the curve lies in this time")
    a, b = int(first), int(last)
    start = float(curve.equity[a - 1]) if a else curve.start
    if not start > 0:
        raise Undefined("the account was used up before")
    begun = int(curve.ts[a - 1]) if a else curve.begun
    # a flow is in the equity from the first point at or after it: what lies between two points belongs to the later one
    f = int(np.searchsorted(curve.flow_ts, begun, "right")) if a else 0
    g = int(np.searchsorted(curve.flow_ts, curve.ts[b - 1], "right"))
    return Curve(
        curve.ts[a:b], curve.equity[a:b], start, begun, int(curve.ts[b - 1]) if b < curve.ts.size else curve.ended,
        None if curve.exposure is None else curve.exposure[a:b], flow_ts=curve.flow_ts[f:g], flow=curve.flow[f:g],
    )  # fmt: skip


def cut_trades(trades: Trades, since: int, until: int) -> Trades:
    """The trades whose exit lies from `since` to `until` (ms UTC, both ends in it)."""
    first, last = np.searchsorted(trades.exit_ts, since, "left"), np.searchsorted(trades.exit_ts, until, "right")
    return choose_trades(trades, slice(int(first), int(last)))


def choose_trades(trades: Trades, which: object) -> Trades:
    """The chosen trades: a slice, a mask bool[n] or indexes int64[k] in order."""
    return Trades(**{item.name: getattr(trades, item.name)[which] for item in fields(Trades)})


def of_trades(trades: Trades, curve: Curve, since: int, until: int) -> Account:
    """Closed trades, in order of exit, as an account of their own from `since` to `until` (ms UTC, the last exit if that is
    later): the capital of `curve`, and every result at its exit."""
    begun, over = max(since, curve.begun), max(until, int(trades.exit_ts[-1]) if len(trades) else until)
    ts = np.append(trades.exit_ts, over)
    equity = np.append(curve.start + np.cumsum(trades.pnl), curve.start + trades.pnl.sum())
    return Account(Curve(ts, equity, curve.start, min(begun, int(ts[0])), over), trades)


def cut(account: Account, since: int, until: int) -> Account:
    """The account from `since` to `until`, ms UTC: curve, closed trades and market; fees are those of the trades closed then.

    Undefined where no point of the curve lies inside.
    """
    curve = cut_curve(account.curve, since, until)
    market = None
    if account.market is not None:
        try:
            market = cut_curve(account.market, since, until)
        except Undefined:
            market = None
    return replace(account, curve=curve, trades=cut_trades(account.trades, since, until), fees=None, market=market)
