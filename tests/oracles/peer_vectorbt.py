"""Runs in vectorbt's own environment: bars and signals from an .npz, its trades out as JSON. Imports nothing of
ours.
"""

from __future__ import annotations

import json
import sys


def main() -> None:
    import numpy as np
    import pandas as pd
    import vectorbt as vbt
    from vectorbt.portfolio.enums import StopEntryPrice, StopExitPrice

    data = np.load(sys.argv[1])
    series = {name: pd.Series(data[name]) for name in ("open", "high", "low", "close")}
    short = bool(data["short"])
    entries, exits = (pd.Series(data[name]).shift(1, fill_value=False) for name in ("entry", "exit"))
    portfolio = vbt.Portfolio.from_signals(
        series["close"],
        entries,
        exits,
        price=series["open"],
        open=series["open"],
        high=series["high"],
        low=series["low"],
        size=float(data["amount"]),
        size_type="value",
        fees=float(data["fee"]),
        init_cash=float(data["cash"]),
        direction="shortonly" if short else "longonly",
        sl_stop=float(data["stop"]),
        tp_stop=float(data["target"]),
        stop_entry_price=StopEntryPrice.FillPrice,
        stop_exit_price=StopExitPrice.StopLimit,
        freq="1min",
    )
    trades = portfolio.trades.closed.records
    rows = [
        [int(t.entry_idx), int(t.exit_idx), float(t.entry_price), float(t.exit_price), float(t.pnl)]
        for t in trades.sort_values("entry_idx").itertuples()
    ]
    json.dump({"library": "vectorbt", "version": vbt.__version__, "trades": rows}, sys.stdout)


if __name__ == "__main__":
    main()
