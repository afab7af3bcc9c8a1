"""A played batch as the account that statistics are made of. What they are and how they are reckoned is in engine.analytics."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.analytics.curve import Curve
from engine.analytics.definitions import Account
from engine.analytics.table import figures, plain
from engine.analytics.trades import Trades
from engine.market.candles import Candles
from engine.research.play import Played

PRINTED = tuple(
    "trades open_trades win_rate profit_factor expectancy total_return cagr sharpe sortino calmar max_drawdown volatility "
    "exposure final_equity fees avg_hold_seconds ambiguous_trades".split()
)
"""What a backtest prints, in this order."""


def figures_of(account: Account) -> dict[str, Any]:
    """The printed ones by name; `undefined` maps the names of those that are None to the reason."""
    made = plain(figures(account, PRINTED))
    made.pop("too_few")
    return made


def account_of(played: Played, candles: Candles | None = None) -> Account:
    """Curve, trades and fees of a batch; `candles` are the one market that holding is compared with."""
    row = played.machine.account[0]
    scale = float(row["quantum_scale"])
    points = played.reports.equity
    curve = Curve(
        ts=np.ascontiguousarray(points["ts"]),
        equity=np.ascontiguousarray(points["equity"]),
        start=float(row["start"]) / scale,
        begun=played.start,
        ended=played.end,
        exposure=np.ascontiguousarray(points["exposure"]),
    )
    return Account(
        curve,
        trades_of(played),
        open_trades=int((played.machine.slots["qty"] > 0).sum()),
        fees=float(played.reports.fills["fee"].sum()) / scale,
        market=None if candles is None else _held(candles),
    )


def trades_of(played: Played) -> Trades:
    """The closed trades' log, in money and fractions."""
    rows = played.reports.trades
    scale = float(played.machine.account[0]["quantum_scale"])
    columns: dict[str, Any] = {
        name: rows[name] for name in ("entry_ts", "exit_ts", "direction", "ambiguous", "bars_held")
    }
    for name in ("pnl", "kind_pnl", "entry_notional", "exit_notional", "fees", "funding"):
        columns[name] = rows[name] / scale
    entry, long = rows["entry_price"].astype(np.float64), rows["direction"] > 0
    with np.errstate(divide="ignore", invalid="ignore"):
        down = np.where(entry > 0, (entry - rows["low"]) / entry, 0.0)
        up = np.where(entry > 0, (rows["high"] - entry) / entry, 0.0)
        at_risk = np.abs(entry - rows["stop_initial"]) / entry * columns["entry_notional"]
    columns["mae"] = np.maximum(np.where(long, down, up), 0.0)
    columns["mfe"] = np.maximum(np.where(long, up, down), 0.0)
    columns["risk"] = np.where(rows["stop_initial"] > 0, at_risk, np.nan)
    return Trades.of(columns)


def _held(candles: Candles) -> Curve:
    """One coin bought at the first open and held."""
    closes = candles.ts + candles.timeframe_ms
    return Curve(closes, candles.close, float(candles.open[0]), int(candles.ts[0]), int(closes[-1]))
