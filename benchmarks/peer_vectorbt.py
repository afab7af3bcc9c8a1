"""vectorbt on the benchmark's work, in its own environment: `peer_vectorbt.py BARS ENGINE`, served line by line.

Timed: two moving averages, their crossings, `Portfolio.from_signals` with stops, the final value and the number of
trades.
"""

from __future__ import annotations

import sys
from typing import Any

import work


def main() -> None:
    count, engine = int(sys.argv[1]), sys.argv[2]
    import pandas as pd
    import vectorbt as vbt
    from vectorbt.portfolio.enums import StopEntryPrice, StopExitPrice

    bars = work.stored(count)
    index = pd.DatetimeIndex(pd.to_datetime(bars["ts"], unit="ms"))
    opening, high, low, close = (pd.Series(bars[name], index=index) for name in ("open", "high", "low", "close"))
    stops: dict[str, Any] = {
        "open": opening,
        "high": high,
        "low": low,
        "sl_stop": work.STOP,
        "tp_stop": work.TARGET,
        "stop_entry_price": StopEntryPrice.FillPrice,
        "stop_exit_price": StopExitPrice.StopLimit,
    }

    def run() -> tuple[int, float]:
        fast = vbt.MA.run(close, work.FAST, short_name="fast")
        slow = vbt.MA.run(close, work.SLOW, short_name="slow")
        entries = fast.ma_crossed_above(slow).vbt.signals.fshift(1)
        exits = fast.ma_crossed_below(slow).vbt.signals.fshift(1)
        portfolio = vbt.Portfolio.from_signals(
            close,
            entries,
            exits,
            price=opening,
            size=work.SHARE,
            size_type="percent",
            fees=work.FEE,
            init_cash=work.CASH,
            direction="longonly",
            freq="1min",
            engine=engine,
            **stops,
        )
        return int(portfolio.trades.closed.count()), float(portfolio.final_value())

    run()  # compiles
    work.serve(f"vectorbt {engine}", {"version": vbt.__version__}, run)


if __name__ == "__main__":
    main()
