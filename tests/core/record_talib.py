"""Record what TA-Lib says about a small series into expected_talib.json. Run it by hand in an environment that has the
packages TA-Lib and numpy, from the repository's root: python tests/core/record_talib.py. The tests need no TA-Lib."""

import json
from pathlib import Path

import numpy as np
import talib

SIZE, SEED = 160, 20240229


def series() -> dict[str, np.ndarray]:
    """Prices on a grid of cents with a flat stretch, so that ties and zero changes are in it."""
    rng = np.random.default_rng(SEED)
    close = 10_000 + np.cumsum(rng.integers(-60, 61, SIZE))
    close[70:80] = close[70]
    opened = np.concatenate((close[:1], close[:-1]))
    high = np.maximum(opened, close) + rng.integers(0, 40, SIZE)
    low = np.minimum(opened, close) - rng.integers(0, 40, SIZE)
    return {"high": high / 100, "low": low / 100, "close": close / 100}


def values(high: np.ndarray, low: np.ndarray, close: np.ndarray) -> dict[str, np.ndarray]:
    """One column for each output, under the name the tests know it by."""
    upper, middle, lower = talib.BBANDS(close, 20, 2.0, 2.0)
    line, signal, histogram = talib.MACD(close, 12, 26, 9)
    return {
        "sma": talib.SMA(close, 10), "ema": talib.EMA(close, 10), "rsi": talib.RSI(close, 14),
        "true_range": talib.TRANGE(high, low, close),
        "atr": talib.ATR(high, low, close, 14), "lower": lower, "middle": middle, "upper": upper, "macd": line, "signal": signal,
        "histogram": histogram, "highest": talib.MAX(high, 20), "lowest": talib.MIN(low, 20), "std": talib.STDDEV(close, 20, 1.0),
    }  # fmt: skip


def listed(columns: dict[str, np.ndarray]) -> dict[str, list[float | None]]:
    return {name: [None if np.isnan(x) else float(x) for x in column] for name, column in columns.items()}


if __name__ == "__main__":
    given = series()
    record = {
        "talib": {"package": talib.__version__, "library": talib.__ta_version__.decode().split(" ")[0]},
        "given": listed(given),
        "expected": listed(values(**given)),
    }
    Path(__file__).with_name("expected_talib.json").write_text(json.dumps(record, indent=None) + "\n")
