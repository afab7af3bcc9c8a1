"""vectorbt on the sweep's work, in its own environment: `peer_vectorbt_sweep.py BARS SETS ENGINE CHUNK`, served line by line.

Timed: the moving averages, their crossings, `Portfolio.from_signals` with stops, final value and number of trades, a column
a set and CHUNK columns a call (0: all at once). It is not even asked for drawdown and daily returns.
"""

from __future__ import annotations

import sys
from typing import Any

import work

WHOLE = 500  # so many sets take long enough without a turn to warm up


def main() -> None:
    count, sets, engine, chunk = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
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

    def part(pairs: list[tuple[int, int]]) -> tuple[int, float]:
        fast = vbt.MA.run(close, [one for one, _ in pairs], short_name="fast")
        slow = vbt.MA.run(close, [one for _, one in pairs], short_name="slow")
        portfolio = vbt.Portfolio.from_signals(
            close,
            fast.ma_crossed_above(slow).vbt.signals.fshift(1),
            fast.ma_crossed_below(slow).vbt.signals.fshift(1),
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
        return int(portfolio.trades.closed.count().sum()), float(portfolio.final_value().sum())

    def run() -> tuple[int, float]:
        pairs = work.pairs(sets)
        step = chunk or len(pairs)
        found = [part(pairs[i : i + step]) for i in range(0, len(pairs), step)]
        return sum(trades for trades, _ in found), sum(equity for _, equity in found) / len(pairs)

    loaded = work.peak_mib()  # libraries and bars
    part(work.pairs(sets)[:2])  # compiles
    facts = {"version": vbt.__version__, "loaded_mib": loaded}
    work.serve(f"vectorbt {engine} {chunk or 'all'}", facts, run, warm=sets < WHOLE)


if __name__ == "__main__":
    main()
