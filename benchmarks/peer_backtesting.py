"""backtesting.py on the benchmark's work, in its own environment: `peer_backtesting.py BARS`, served line by line."""

from __future__ import annotations

import sys
import warnings
from typing import Any

import work


def _strategy() -> Any:
    import pandas as pd
    from backtesting import Strategy
    from backtesting.lib import crossover

    def mean(values: Any, window: int) -> Any:
        return pd.Series(values).rolling(window).mean()

    class Cross(Strategy):  # type: ignore[misc]
        def init(self) -> None:
            self.fast = self.I(mean, self.data.Close, work.FAST)
            self.slow = self.I(mean, self.data.Close, work.SLOW)

        def next(self) -> None:
            if crossover(self.fast, self.slow):
                if not self.position:
                    price = self.data.Close[-1]  # the next open on these bars
                    self.buy(size=work.SHARE, sl=price * (1 - work.STOP), tp=price * (1 + work.TARGET))
            elif crossover(self.slow, self.fast):
                self.position.close()

    return Cross


def main() -> None:
    import backtesting
    import pandas as pd

    warnings.filterwarnings("ignore")
    backtesting._tqdm = lambda values, *_, **__: values  # no progress bar inside the timing
    bars = work.stored(int(sys.argv[1]))
    frame = pd.DataFrame(
        {name.capitalize(): bars[name] for name in ("open", "high", "low", "close", "volume")},
        index=pd.DatetimeIndex(pd.to_datetime(bars["ts"], unit="ms")),
    )
    strategy = _strategy()

    def run() -> tuple[int, float]:
        result = backtesting.Backtest(frame, strategy, cash=work.CASH, commission=work.FEE).run()
        return len(result["_trades"]), float(result["Equity Final [$]"])

    work.serve("backtesting.py", {"version": backtesting.__version__}, run)


if __name__ == "__main__":
    main()
