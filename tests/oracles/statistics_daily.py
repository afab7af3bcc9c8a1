"""Runs where quantstats, empyrical-reloaded, scipy and freqtrade's metrics are: files .npz in, a list of their numbers out.

Imports nothing of ours. `returns` are UTC-daily, the first from starting capital.
"""

from __future__ import annotations

import importlib.util
import json
import sys
import warnings
from importlib.metadata import distribution, version
from typing import Any


def main(path: str) -> dict[str, Any]:
    import numpy as np
    import pandas as pd

    warnings.filterwarnings("ignore")
    data = np.load(path)
    days = pd.date_range("2024-01-01", periods=data["returns"].size, freq="D")
    returns = pd.Series(data["returns"], index=days)
    libraries = {
        "quantstats": "quantstats",
        "empyrical": "empyrical-reloaded",
        "scipy": "scipy",
        "freqtrade": "freqtrade",
    }
    return {
        "versions": {name: version(package) for name, package in libraries.items()},
        "quantstats": quantstats_says(returns),
        "empyrical": empyrical_says(returns),
        "scipy": scipy_says(returns, data["pnl"]),
        "freqtrade": freqtrade_says(data),
    }


def quantstats_says(returns: Any) -> dict[str, float]:
    import quantstats.stats as q

    year = {"periods": 365}
    said = {
        "365 Sharpe": q.sharpe(returns, **year), "365 Sortino": q.sortino(returns, **year),
        "365 Volatility": q.volatility(returns, **year), "365 CAGR": q.cagr(returns, **year),
        "365 Calmar": q.calmar(returns, **year),
        "365 Sharpe, 5 % free": q.sharpe(returns, rf=0.05, **year), "365 Sortino, 5 % free": q.sortino(returns, rf=0.05, **year),
        "Time in Market": q.exposure(returns), "Cumulative Return": q.comp(returns), "CAGR": q.cagr(returns),
        "Sharpe": q.sharpe(returns), "Prob. Sharpe Ratio": q.probabilistic_sharpe_ratio(returns),
        "Smart Sharpe": q.smart_sharpe(returns), "Sortino": q.sortino(returns), "Omega": q.omega(returns),
        "Max Drawdown": q.max_drawdown(returns), "Volatility (ann.)": q.volatility(returns), "Calmar": q.calmar(returns),
        "Skew": q.skew(returns), "Kurtosis": q.kurtosis(returns), "Kelly Criterion": q.kelly_criterion(returns),
        "Daily Value-at-Risk": q.value_at_risk(returns), "Payoff Ratio": q.payoff_ratio(returns),
        "Profit Factor": q.profit_factor(returns), "Gain/Pain Ratio": q.gain_to_pain_ratio(returns),
        "Tail Ratio": q.tail_ratio(returns), "Common Sense Ratio": q.common_sense_ratio(returns),
        "Best Day": q.best(returns), "Worst Day": q.worst(returns), "Recovery Factor": q.recovery_factor(returns),
        "Ulcer Index": q.ulcer_index(returns), "Ulcer Performance Index": q.ulcer_performance_index(returns),
        "Win Days %": q.win_rate(returns),
    }  # fmt: skip
    return {name: float(value) for name, value in said.items()}


def empyrical_says(returns: Any) -> dict[str, float]:
    import empyrical as e

    year = {"annualization": 365}
    said = {
        "sharpe": e.sharpe_ratio(returns, **year), "sortino": e.sortino_ratio(returns, **year),
        "volatility": e.annual_volatility(returns, **year), "downside_volatility": e.downside_risk(returns, **year),
        "cagr": e.annual_return(returns, **year), "calmar": e.calmar_ratio(returns, **year),
        "max_drawdown_daily": e.max_drawdown(returns), "omega": e.omega_ratio(returns, annualization=365),
        "tail_ratio": e.tail_ratio(returns), "stability": e.stability_of_timeseries(returns),
        "var_95": e.value_at_risk(returns), "cvar_95": e.conditional_value_at_risk(returns),
        "total_return": e.cum_returns_final(returns),
    }  # fmt: skip
    return {name: float(value) for name, value in said.items()}


def scipy_says(returns: Any, pnl: Any) -> dict[str, float]:
    from scipy import stats

    test = stats.ttest_1samp(pnl, 0.0)
    above = stats.ttest_1samp(pnl, 0.0, alternative="greater")
    said = {
        "skew": stats.skew(returns), "kurtosis": stats.kurtosis(returns, fisher=False),
        "t_value": test.statistic, "p_value": test.pvalue, "p_above": above.pvalue,
    }  # fmt: skip
    wins = stats.binomtest(int((pnl > 0).sum()), int(pnl.size)).proportion_ci(0.90, method="wilson")
    said |= {"win_rate_low": wins.low, "win_rate_high": wins.high}
    return {name: float(value) for name, value in said.items()}


def freqtrade_says(data: Any) -> dict[str, float]:
    """From freqtrade/data/metrics.py alone: the package around it wants an exchange."""
    import pandas as pd

    path = distribution("freqtrade").locate_file("freqtrade/data/metrics.py")
    spec = importlib.util.spec_from_file_location("metrics", path)
    assert spec is not None
    assert spec.loader is not None
    m: Any = importlib.util.module_from_spec(spec)
    sys.modules["metrics"] = m
    spec.loader.exec_module(m)
    cash = float(data["cash"])
    date = pd.to_datetime(data["ts"] - 1, unit="ms")
    trades = pd.DataFrame({"profit_abs": data["pnl"], "close_date": pd.to_datetime(data["exit_ts"], unit="ms")})
    wallet = pd.DataFrame({"date": date, "total_quote": data["equity"]})
    first, last = pd.Timestamp(int(data["begun"]), unit="ms"), pd.Timestamp(int(data["ts"][-1]), unit="ms")
    days = max(1, (last - first).days)
    fall = m.calculate_max_drawdown(trades, starting_balance=cash)
    deep = m.calculate_max_drawdown(trades, starting_balance=cash, relative=True)
    expectancy, ratio = m.calculate_expectancy(trades)
    said = {
        "Total profit %": trades["profit_abs"].sum() / cash,
        "CAGR %": m.calculate_cagr(days, cash, cash + trades["profit_abs"].sum()),
        "Sharpe (closed trades)": m.calculate_sharpe(trades, first, last, cash),
        "Sortino (closed trades)": m.calculate_sortino(trades, first, last, cash),
        "Calmar (closed trades)": m.calculate_calmar(trades, first, last, cash),
        "SQN": m.calculate_sqn(trades, cash),
        "Mean profit p-value": m.calculate_p_value(trades, cash),
        "Expectancy": expectancy,
        "Expectancy (Ratio)": ratio,
        "Absolute drawdown (%)": fall.relative_account_drawdown,
        "Max % of account underwater": deep.relative_account_drawdown,
        "Sharpe (daily wallet balance)": m.calculate_sharpe_from_balance(wallet),
        "Sortino (daily wallet balance)": m.calculate_sortino_from_balance(wallet),
        "Calmar (daily wallet balance)": m.calculate_calmar_from_balance(wallet),
    }
    return {name: float(value) for name, value in said.items()}


if __name__ == "__main__":
    json.dump([main(path) for path in sys.argv[1:]], sys.stdout)
