"""Definitions of what is measured on closed trades, in money net of fees."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from engine.analytics import trades as t
from engine.analytics.definitions import Account, Definition
from engine.analytics.values import Floats, Undefined

Value = Callable[[Account], float | int]


def _pnl(function: Callable[[Floats], float]) -> Value:
    return lambda account: function(account.trades.pnl)


def _count(function: Callable[[Floats], npt.NDArray[np.bool_]]) -> Value:
    return lambda account: int(np.count_nonzero(function(account.trades.pnl)))


def _held(which: Callable[[Floats], object], what: str) -> Value:
    def value(account: Account) -> float:
        chosen = account.trades.seconds[np.asarray(which(t.some(account.trades.pnl)), bool)]
        return float(t.some(chosen, what).mean())

    return value


def _r(account: Account) -> Floats:
    """R multiples of the trades that had a stop."""
    risk, pnl = account.trades.risk, t.some(account.trades.pnl)
    with_stop = risk > 0
    return t.some(pnl[with_stop] / risk[with_stop], "no trade had a stop, so nothing says what was risked")


def _returns(account: Account) -> Floats:
    return t.some(account.trades.returns)


def _best_share(account: Account) -> float:
    gross = float(t.wins(account.trades.pnl).sum())
    return float(account.trades.pnl.max()) / gross


def _fees(account: Account) -> float:
    return float(account.trades.fees.sum()) if account.fees is None else account.fees


def _fee_share(account: Account) -> float:
    """Of the result before fees; above 1 the fees ate more than was earned."""
    trades = account.trades
    before = float((t.some(trades.pnl) + trades.fees).sum())
    if before <= 0:
        raise Undefined("nothing was earned before fees")
    return float(trades.fees.sum()) / before


def _a_day(account: Account) -> float:
    days = (account.curve.ended - account.curve.begun) / 86_400_000
    if days <= 0:
        raise Undefined("no time has passed")
    return len(account.trades) / days


def _efficiency(account: Account) -> float:
    trades = account.trades
    won = (t.some(trades.pnl) > 0) & (trades.mfe > 0)
    return float(np.mean(t.some(trades.returns[won] / trades.mfe[won], "no trade won")))


TRADES = (
    Definition("trades", "Closed trades", "count", "", lambda a: len(a.trades),
               "Entry to exit; what is open at the end is not among them.", "account"),
    Definition("open_trades", "Open at the end", "count", "", lambda a: a.open_trades,
               "Counted in equity, not in trade statistics.", "account"),
    Definition("long_trades", "Long trades", "count", "", lambda a: int((a.trades.direction > 0).sum()),
               "Closed trades that gained when the price rose.", "account"),
    Definition("short_trades", "Short trades", "count", "", lambda a: int((a.trades.direction < 0).sum()),
               "Closed trades that gained when the price fell.", "account"),
    Definition("wins", "Winners", "count", "", _count(lambda p: p > 0),
               "Closed trades above zero, net of fees.", "account"),
    Definition("losses", "Losers", "count", "", _count(lambda p: p < 0),
               "Closed trades below zero, net of fees.", "account"),
    Definition("draws", "Draws", "count", "", _count(lambda p: p == 0),
               "Closed trades at exactly zero, net of fees.", "account"),
    Definition("win_rate", "Win rate", "fraction", "trades", _pnl(t.win_rate),
               "Winners over all closed trades, draws among them.", "wins / n"),
    Definition("profit_factor", "Profit factor", "ratio", "trades", _pnl(t.profit_factor),
               "Sum of winners over sum of losers, in money net of fees.", "gross win / gross loss"),
    Definition("payoff", "Average win over average loss", "ratio", "trades", _pnl(t.payoff),
               "In money net of fees.", "mean win / mean loss"),
    Definition("expectancy", "Expectancy a trade", "money", "trades", _pnl(t.expectancy),
               "Mean result of a closed trade, net of fees.", "mean"),
    Definition("expectancy_ratio", "Expectancy a unit of loss", "ratio", "trades", _pnl(t.expectancy_ratio),
               "Mean result over the mean loss.", "W payoff - L, where no trade is a draw"),
    Definition("avg_trade_return", "Average trade", "fraction", "trades", lambda a: float(_returns(a).mean()),
               "Mean result over what was paid to enter.", "mean"),
    Definition("avg_win", "Average win", "money", "trades", _pnl(lambda p: float(t.wins(p).mean())),
               "Mean of the winners, net of fees.", "mean"),
    Definition("avg_loss", "Average loss", "money", "trades", _pnl(lambda p: float(t.losses(p).mean())),
               "Mean of the losers, net of fees; negative.", "mean"),
    Definition("gross_profit", "Sum of winners", "money", "", _pnl(lambda p: float(p[p > 0].sum())),
               "Net of fees.", "sum"),
    Definition("gross_loss", "Sum of losers", "money", "", _pnl(lambda p: float(p[p < 0].sum())),
               "Net of fees; negative.", "sum"),
    Definition("closed_profit", "Result of closed trades", "money", "", _pnl(lambda p: float(p.sum())),
               "Sum, net of fees; open positions are not in it.", "sum"),
    Definition("best_trade", "Best trade", "money", "", _pnl(lambda p: float(t.some(p).max())),
               "Highest result, net of fees.", "max"),
    Definition("worst_trade", "Worst trade", "money", "", _pnl(lambda p: float(t.some(p).min())),
               "Lowest result, net of fees.", "min"),
    Definition("best_trade_share", "Best trade's share of winners", "fraction", "trades", _best_share,
               "The best result over the sum of winners: near 1, one trade made it all.", "max / gross win"),
    Definition("without_best", "Result without the best trade", "money", "trades",
               _pnl(lambda p: float(t.without_best(p).sum())),
               "Sum of closed trades less the single best one.", "sum - max"),
    Definition("profit_factor_without_best", "Profit factor without the best trade", "ratio", "trades",
               _pnl(lambda p: t.profit_factor(t.without_best(p))),
               "The profit factor, the single best trade left out.", "gross win / gross loss"),
    Definition("sqn", "System quality number", "ratio", "trades", _pnl(t.sqn),
               "Root of the number of trades, times mean over standard deviation (ddof 1) of results; it grows with "
               "the number.",
               "Tharp (2008)"),
    Definition("kelly", "Kelly fraction", "fraction", "trades", _pnl(t.kelly),
               "W - (1 - W) / payoff: an upper bound for sizing, and only if the future were like the past; negative "
               "means do not.",
               "Kelly (1956)"),
    Definition("win_streak", "Most wins in a row", "count", "", lambda a: t.longest_run(a.trades.pnl > 0),
               "Closed trades in order of exit; a draw ends it.", "account"),
    Definition("loss_streak", "Most losses in a row", "count", "", lambda a: t.longest_run(a.trades.pnl < 0),
               "Closed trades in order of exit; a draw ends it.", "account"),
    Definition("avg_hold_seconds", "Average time held", "seconds", "trades", _held(lambda p: p == p, "no trade was closed"),
               "From the entry's fill to the exit's.", "mean"),
    Definition("avg_hold_win_seconds", "Average time winners were held", "seconds", "trades",
               _held(lambda p: p > 0, "no trade won"),
               "From the entry's fill to the exit's.", "mean"),
    Definition("avg_hold_loss_seconds", "Average time losers were held", "seconds", "trades",
               _held(lambda p: p < 0, "no trade lost"),
               "From the entry's fill to the exit's.", "mean"),
    Definition("max_hold_seconds", "Longest held", "seconds", "", lambda a: float(t.some(a.trades.seconds).max()),
               "From the entry's fill to the exit's.", "max"),
    Definition("trades_a_day", "Trades a day", "ratio", "", _a_day,
               "Closed trades over elapsed days.", "account"),
    Definition("avg_r", "Average R", "ratio", "trades", lambda a: float(_r(a).mean()),
               "Mean result over the money at risk to the first stop; trades with a stop alone.", "Tharp (2008)"),
    Definition("median_r", "Median R", "ratio", "trades", lambda a: float(np.median(_r(a))),
               "Half of the trades with a stop did better.", "Tharp (2008)"),
    Definition("fees", "Fees", "money", "", _fees,
               "All fills, those of open positions among them.", "account"),
    Definition("fee_share", "Fees' share of what was earned", "fraction", "trades", _fee_share,
               "Fees of closed trades over their result before fees; above 100 % the fees ate it all.",
               "fees / (result + fees)"),
    Definition("funding", "Funding", "money", "", lambda a: float(a.trades.funding.sum()),
               "Paid on closed trades of perpetuals; below zero it was received.", "account"),
    Definition("avg_mae", "Average worst moment", "fraction", "trades", lambda a: float(t.some(a.trades.mae).mean()),
               "Mean of how far the price went against a trade, of its entry price.", "Sweeney (1997)"),
    Definition("avg_mfe", "Average best moment", "fraction", "trades", lambda a: float(t.some(a.trades.mfe).mean()),
               "Mean of how far the price went for a trade, of its entry price.", "Sweeney (1997)"),
    Definition("win_efficiency", "Kept of the best moment", "fraction", "trades", _efficiency,
               "Mean share of its best moment that a winner kept, net of fees.", "return / MFE"),
    Definition("ambiguous_trades", "Ambiguous trades", "count", "", lambda a: int(a.trades.ambiguous.sum()),
               "Stop and target lay inside one bar: the stop was taken.", "account"),
    Definition("ambiguous_share", "Share of ambiguous trades", "fraction", "trades",
               lambda a: float(a.trades.ambiguous[t.some(a.trades.pnl) == a.trades.pnl].mean()),
               "Over all closed trades.", "account"),
    Definition("kind_profit", "Result had ambiguous bars been kind", "money", "", lambda a: math.fsum(a.trades.kind_pnl),
               "Sum of closed trades if in each ambiguous bar the target had come first.", "account"),
)  # fmt: skip
