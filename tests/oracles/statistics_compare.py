"""Our statistics beside other libraries' answers, conventions aligned: what differs, in sentences."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from engine.analytics import chance, falls, ratios
from engine.analytics.curve import Curve
from engine.analytics.definitions import Account
from engine.analytics.others import others
from engine.analytics.table import figures
from engine.analytics.trades import Trades
from engine.analytics.values import Convention
from tests.oracles import statistics_cases as cases
from tests.oracles.statistics_cases import Case

CLOSE = 1e-12
ROUNDED = {("freqtrade", "SQN"): 5e-5}
"""What a library itself rounds."""


def differences(case: Case, answer: dict[str, Any]) -> list[str]:
    columns = cases.columns_of(case)
    if cases.digest(columns) != answer["input"]:
        return ["the input is not the one that was recorded: run `python -m tests.oracles record`"]
    account = cases.account_of(case, columns)
    found = _against("quantstats", _quantstats(account), answer["quantstats"])
    found += _against("empyrical", _daily(account), answer["empyrical"])
    found += _against("vectorbt", _daily(account), answer["vectorbt"])
    found += _against("scipy", _scipy(account), answer["scipy"])
    found += _against("freqtrade", _others(account, "freqtrade"), answer["freqtrade"])
    found += _against("backtesting.py", _backtesting(account), answer["backtesting.py"])
    if "portfolio" in answer:
        ours = _others(_portfolio(case, answer["portfolio"], columns), "vectorbt")
        found += _against("vectorbt portfolio", ours, answer["portfolio"]["stats"])
    return found


def _against(library: str, ours: dict[str, float | None], theirs: dict[str, float]) -> list[str]:
    out = []
    for name, value in theirs.items():
        own, close = ours.get(name), ROUNDED.get((library, name), CLOSE)
        if own is None or not abs(own - value) <= close * max(1.0, abs(value)):
            out.append(f"{library}: {name} is {value!r} there, {own!r} here")
    return out


def _value(account: Account, name: str) -> float:
    value = figures(account, [name])[name].value
    assert value is not None, name
    return float(value)


def _counted(account: Account) -> float:
    """Growth a year by the number of days, as daily libraries have it."""
    return ratios.growth(account.curve.start, float(account.curve.daily_levels[-1]), account.returns.size / 365)


def _daily(account: Account) -> dict[str, float | None]:
    """By our names; growth by counted days, and falls on days, as those libraries see no more."""
    names = (
        "sharpe sortino volatility downside_volatility max_drawdown_daily omega tail_ratio stability var_95 cvar_95 "
        "total_return"
    ).split()
    ours: dict[str, float | None] = {name: _value(account, name) for name in names}
    deepest = falls.max_drawdown(account.curve.daily_levels)
    return {**ours, "cagr": _counted(account), "calmar": ratios.per_fall(_counted(account), deepest)}


def _quantstats(account: Account) -> dict[str, float | None]:
    free = Account(account.curve, account.trades, Convention(365, 0.05))
    daily = _daily(account)
    return {
        **_others(account, "quantstats"),
        "365 Sharpe": daily["sharpe"],
        "365 Sortino": daily["sortino"],
        "365 Volatility": daily["volatility"],
        "365 CAGR": daily["cagr"],
        "365 Calmar": daily["calmar"],
        "365 Sharpe, 5 % free": _value(free, "sharpe"),
        "365 Sortino, 5 % free": _value(free, "sortino"),
    }


def _scipy(account: Account) -> dict[str, float | None]:
    names = ("skew", "kurtosis", "t_value", "p_value", "win_rate_low", "win_rate_high")
    return {**{name: _value(account, name) for name in names}, "p_above": chance.t_test(account.trades.pnl).p_above}


def _backtesting(account: Account) -> dict[str, float | None]:
    step = 3600
    return {
        **_others(account, "backtesting.py"),
        "# Trades": _value(account, "trades"),
        "Avg. Trade Duration": step * math.ceil(_value(account, "avg_hold_seconds") / step - 1e-9),
        "Max. Trade Duration": _value(account, "max_hold_seconds"),
    }


def _others(account: Account, tool: str) -> dict[str, float | None]:
    return {line.name: line.value for line in others(account) if line.tool == tool}


def _portfolio(case: Case, made: dict[str, Any], columns: cases.Columns) -> Account:
    """vectorbt's own run as an account of ours."""
    rows, ts, step = made["trades"], columns["ts"], case.hours * cases.HOUR
    trades = Trades.of(
        {
            "entry_ts": ts[rows["entry_idx"]],
            "exit_ts": ts[rows["exit_idx"]],
            "pnl": rows["pnl"],
            "entry_notional": rows["entry_notional"],
            "fees": rows["fees"],
        }
    )
    curve = Curve(ts, np.array(made["equity"]), cases.CASH, int(ts[0]) - step, int(ts[-1]))
    return Account(curve, trades, fees=made["fees"])
