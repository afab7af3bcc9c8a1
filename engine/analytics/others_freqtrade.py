"""freqtrade's summary (2026.9): profit per day over deviation per trade, and wallet ratios by population deviation."""

from __future__ import annotations

import math

import numpy as np

from engine.analytics import chance
from engine.analytics import trades as t
from engine.analytics.definitions import Account
from engine.analytics.others_rules import Rule, drop
from engine.analytics.values import Floats, Undefined
from engine.core.types import MS_DAY

YEAR = math.sqrt(365)


def _days(account: Account) -> int:
    return max(1, (account.curve.ended - account.curve.begun) // MS_DAY)


def _shares(account: Account) -> Floats:
    """Each closed trade's result over starting capital."""
    return t.some(account.trades.pnl) / account.curve.start


def _over(mean: float, spread: Floats) -> float:
    deviation = float(spread.std()) if spread.size else 0.0
    return mean / deviation * YEAR if deviation else -100.0


def _sharpe(account: Account) -> float:
    shares = _shares(account)
    return _over(float(shares.sum()) / _days(account), shares)


def _sortino(account: Account) -> float:
    shares = _shares(account)
    return _over(float(shares.sum()) / _days(account), shares[shares < 0])


def _balance(account: Account) -> Floats:
    """Starting capital, then after each closed trade."""
    start = account.curve.start
    return start + np.concatenate([[0.0], np.cumsum(account.trades.pnl)])


def _worst_drop(levels: Floats) -> float:
    """The fall, relative, where it is largest in money."""
    peaks = np.maximum.accumulate(levels)
    at = int(np.argmax(peaks - levels))
    return float(1 - levels[at] / peaks[at])


def _calmar(account: Account) -> float:
    shares, fall = _shares(account), _worst_drop(_balance(account))
    return float(shares.sum()) / _days(account) * 100 / fall * YEAR if fall else -100.0


def _wallet(account: Account) -> Floats:
    """Returns between each day's last balance: the first day's is lost."""
    levels = account.curve.daily_levels[1:]
    if levels.size < 2:
        raise Undefined("fewer than two days")
    return np.diff(levels) / levels[:-1]


def _wallet_sharpe(account: Account) -> float:
    returns = _wallet(account)
    return _over(float(returns.mean()), returns)


def _wallet_sortino(account: Account) -> float:
    returns = _wallet(account)
    return _over(float(returns.mean()), returns[returns < 0])


def _wallet_calmar(account: Account) -> float:
    ts, levels = account.curve.ts, account.curve.equity
    if levels.size < 2:
        raise Undefined("fewer than two bars")
    days = max(1, int(ts[-1] - ts[0]) // MS_DAY)
    gain = (levels[-1] / levels[0] - 1) / days * 100
    fall = _worst_drop(levels)
    return float(gain) / fall * YEAR if fall else -100.0


def _cagr(account: Account) -> float:
    ratio = 1 + float(account.trades.pnl.sum()) / account.curve.start
    return float(ratio ** (365 / _days(account)) - 1) if ratio > 0 else 0.0


def _profit_factor(account: Account) -> float:
    pnl = account.trades.pnl
    lost = -float(pnl[pnl < 0].sum())
    return float(pnl[pnl > 0].sum()) / lost if lost else 0.0


def _expectancy_ratio(account: Account) -> float:
    pnl = t.some(account.trades.pnl)
    won, lost = pnl[pnl > 0], pnl[pnl < 0]
    if not lost.size:
        return 100.0
    reward = (float(won.mean()) if won.size else 0.0) / -float(lost.mean())
    return (1 + reward) * won.size / pnl.size - 1


def _expectancy(account: Account) -> float:
    pnl = t.some(account.trades.pnl)
    won, lost = pnl[pnl > 0], pnl[pnl < 0]
    return float(won.sum() + lost.sum()) / pnl.size


def _sqn(account: Account) -> float:
    shares = _shares(account)
    spread = float(shares.std(ddof=1)) if shares.size > 1 else 0.0
    return math.sqrt(shares.size) * float(shares.mean()) / spread if spread else -100.0


def _p(account: Account) -> float:
    return chance.t_test(account.trades.pnl).p if len(account.trades) > 1 else 1.0


RULES = (
    Rule("Total profit %", "total_return", "fraction", lambda a: float(_shares(a).sum()),
         "Closed trades alone: what is open is not counted."),
    Rule("CAGR %", "cagr", "fraction", _cagr, "From closed trades, by whole days."),
    Rule("Sharpe (closed trades)", "sharpe", "ratio", _sharpe,
         "Profit a day over the deviation of single trades: two clocks in one ratio."),
    Rule("Sortino (closed trades)", "sortino", "ratio", _sortino,
         "Profit a day over the deviation of losing trades about their own mean."),
    Rule("Calmar (closed trades)", "calmar", "ratio", _calmar,
         "Percent a day times the root of 365, over the fall of closed trades: no return a year."),
    Rule("SQN", "sqn", "ratio", _sqn, "The same; -100 where we have no value."),
    Rule("Mean profit p-value", "p_value", "fraction", _p, "The same; 1 for fewer than two trades."),
    Rule("Profit factor", "profit_factor", "ratio", _profit_factor, "The same; 0 where no trade lost."),
    Rule("Expectancy", "expectancy", "money", _expectancy, "The same."),
    Rule("Expectancy (Ratio)", "expectancy_ratio", "ratio", _expectancy_ratio,
         "The same but for draws; 100 where no trade lost."),
    Rule("Absolute drawdown (%)", "max_drawdown", "fraction", lambda a: _worst_drop(_balance(a)),
         "After closed trades alone, and where it was largest in money."),
    Rule("Max % of account underwater", "max_drawdown", "fraction", lambda a: drop(_balance(a)),
         "After closed trades alone: what open trades lost is not seen."),
    Rule("Sharpe (daily wallet balance)", "sharpe", "ratio", _wallet_sharpe,
         "Population deviation; the first day's return is lost."),
    Rule("Sortino (daily wallet balance)", "sortino", "ratio", _wallet_sortino,
         "Deviation of losing days about their own mean; the first day's return is lost."),
    Rule("Calmar (daily wallet balance)", "calmar", "ratio", _wallet_calmar,
         "Percent a day times the root of 365, over the fall where it was largest in money: no return a year."),
)  # fmt: skip
