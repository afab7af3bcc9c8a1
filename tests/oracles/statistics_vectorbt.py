"""Runs in vectorbt's environment: daily ratios of its returns accessor, and a whole Portfolio.stats() of a run of its own.

Imports nothing of ours. The portfolio's curve and trades come back with its numbers, to be judged by our formulas.
"""

from __future__ import annotations

import json
import sys
import warnings
from typing import Any


def main(path: str) -> dict[str, Any]:
    import numpy as np
    import pandas as pd
    import vectorbt as vbt

    warnings.filterwarnings("ignore")
    vbt.settings.array_wrapper["freq"] = "1D"
    data = np.load(path)
    days = pd.date_range("2024-01-01", periods=data["returns"].size, freq="D")
    made = pd.Series(data["returns"], index=days).vbt.returns(freq="1D")
    daily = {
        "sharpe": made.sharpe_ratio(), "sortino": made.sortino_ratio(), "volatility": made.annualized_volatility(),
        "cagr": made.annualized(), "omega": made.omega_ratio(), "tail_ratio": made.tail_ratio(),
        "var_95": made.value_at_risk(), "cvar_95": made.cond_value_at_risk(), "total_return": made.total(),
        "downside_volatility": made.downside_risk(),
    }  # fmt: skip
    return {
        "versions": {"vectorbt": vbt.__version__},
        "vectorbt": {name: float(value) for name, value in daily.items()},
        "portfolio": portfolio(data, pd, vbt),
    }


def portfolio(data: Any, pd: Any, vbt: Any) -> dict[str, Any]:
    import numpy as np

    step = int(data["step"])
    index = pd.to_datetime(data["ts"] - step, unit="ms")
    price = pd.Series(data["price"], index=index)
    entries, exits = np.zeros(price.size, bool), np.zeros(price.size, bool)
    entries[::29], exits[::41] = True, True
    exits[-5] = True
    run = vbt.Portfolio.from_signals(
        price, entries, exits & ~entries, init_cash=float(data["cash"]), fees=0.001, freq=pd.Timedelta(step, unit="ms")
    )
    said = run.stats()
    trades = run.trades.records
    closed = trades[trades["status"] == 1]
    names = (
        "Total Return [%]", "Total Fees Paid", "Max Drawdown [%]", "Max Drawdown Duration", "Win Rate [%]", "Best Trade [%]",
        "Worst Trade [%]", "Profit Factor", "Expectancy", "Sharpe Ratio", "Calmar Ratio", "Omega Ratio", "Sortino Ratio",
    )  # fmt: skip
    return {
        "stats": {name: number(said[name], name) for name in names},
        "equity": [float(value) for value in run.value()],
        "trades": {
            "entry_idx": closed["entry_idx"].tolist(), "exit_idx": closed["exit_idx"].tolist(), "pnl": closed["pnl"].tolist(),
            "entry_notional": (closed["size"] * closed["entry_price"]).tolist(),
            "fees": (closed["entry_fees"] + closed["exit_fees"]).tolist(),
        },
        "fees": float(run.orders.fees.sum()),
    }  # fmt: skip


def number(value: Any, name: str) -> float:
    if hasattr(value, "total_seconds"):
        return float(value.total_seconds())
    return float(value) / (100 if name.endswith("[%]") else 1)


if __name__ == "__main__":
    json.dump([main(path) for path in sys.argv[1:]], sys.stdout)
