"""Runs in backtesting.py's environment: its statistics of a given curve and list of trades. Imports nothing of ours."""

from __future__ import annotations

import json
import sys
import warnings
from typing import Any


def main(path: str) -> dict[str, Any]:
    import backtesting
    import numpy as np
    import pandas as pd
    from backtesting._stats import compute_stats

    warnings.filterwarnings("ignore")
    data = np.load(path)
    index = pd.to_datetime(data["ts"] - int(data["step"]), unit="ms")
    price = data["price"]
    candles = pd.DataFrame(dict.fromkeys(("Open", "High", "Low", "Close"), price), index=index)
    entry, leave = data["entry"], data["exit"]
    trades = pd.DataFrame(
        {
            "EntryBar": entry, "ExitBar": leave, "PnL": data["pnl"], "ReturnPct": data["pnl"] / data["notional"],
            "EntryTime": index[entry], "ExitTime": index[leave],
        }
    )  # fmt: skip
    trades["Duration"] = trades["ExitTime"] - trades["EntryTime"]
    said = compute_stats(trades=trades, equity=data["equity"], ohlc_data=candles, strategy_instance=None)
    names = (
        "Exposure Time [%]", "Return [%]", "Return (Ann.) [%]", "Volatility (Ann.) [%]", "CAGR [%]", "Sharpe Ratio",
        "Sortino Ratio", "Calmar Ratio", "Max. Drawdown [%]", "Avg. Drawdown [%]", "Max. Drawdown Duration", "Win Rate [%]",
        "Best Trade [%]", "Worst Trade [%]", "Avg. Trade [%]", "Profit Factor", "Expectancy [%]", "SQN", "Kelly Criterion",
        "# Trades", "Avg. Trade Duration", "Max. Trade Duration",
    )  # fmt: skip
    return {
        "versions": {"backtesting.py": backtesting.__version__},
        "backtesting.py": {name: number(said[name], name) for name in names},
    }


def number(value: Any, name: str) -> float:
    if hasattr(value, "total_seconds"):
        return float(value.total_seconds())
    return float(value) / (100 if name.endswith("[%]") else 1)


if __name__ == "__main__":
    json.dump([main(path) for path in sys.argv[1:]], sys.stdout)
