"""Runs in backtesting.py's own environment: bars and signals from an .npz, its trades out as JSON. Imports nothing
of ours.

It takes whole units only, so prices are divided and one unit a trade is bought: entries, exits and prices are
compared, and the result per unit. Its stop and target are absolute prices given with the order; the next open is
known here, as it is the fill.
"""

from __future__ import annotations

import json
import sys
import warnings
from typing import Any

UNIT = 1e-3  # a thousand units to one coin


def main() -> None:
    import backtesting
    import numpy as np
    import pandas as pd

    warnings.filterwarnings("ignore")
    backtesting._tqdm = lambda values, *_, **__: values
    data = np.load(sys.argv[1])
    stop, target, short = float(data["stop"]), float(data["target"]), bool(data["short"])
    opening, enter, leave = data["open"] * UNIT, data["entry"], data["exit"]
    frame = pd.DataFrame({name.capitalize(): data[name] * UNIT for name in ("open", "high", "low", "close")})

    class Signals(backtesting.Strategy):  # type: ignore[misc]
        def init(self) -> None:
            pass

        def next(self) -> None:
            bar = len(self.data) - 1
            if enter[bar] and not self.position and bar + 1 < opening.size:
                self._enter(opening[bar + 1])
            elif leave[bar]:
                self.position.close()

        def _enter(self, price: Any) -> None:
            if short:
                self.sell(size=1, sl=price * (1 + stop), tp=price * (1 - target))
            else:
                self.buy(size=1, sl=price * (1 - stop), tp=price * (1 + target))

    result = backtesting.Backtest(frame, Signals, cash=1e9, commission=float(data["fee"])).run()
    rows = [
        [int(t.EntryBar), int(t.ExitBar), float(t.EntryPrice) / UNIT, float(t.ExitPrice) / UNIT, float(t.PnL) / UNIT]
        for t in result["_trades"].sort_values("EntryBar").itertuples()
    ]
    json.dump({"library": "backtesting.py", "version": backtesting.__version__, "trades": rows}, sys.stdout)


if __name__ == "__main__":
    main()
