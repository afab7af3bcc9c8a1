"""Other libraries' numbers for the results pages, written to expected/results.json: rolling ratios, months, drawdowns, shrinkage,
clusters. Run it with an environment that has some of them; what one lacks is kept from before:

    .oracles/statistics/bin/python tests/oracles/record_results.py      (quantstats, empyrical, scipy)
    an environment with scikit-learn, the same                          (Ledoit and Wolf)
"""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import numpy as np

FILE = Path(__file__).parent / "expected" / "results.json"
FIRST_DAY = "2023-03-17"


def inputs() -> dict[str, Any]:
    """Daily returns of an account, float64[400], and of twelve symbols that share a market, float64[90, 12]."""
    random = np.random.default_rng(20260105)
    returns = random.standard_t(4, 400) * 0.012 + 0.0006
    shared = random.normal(size=(90, 1))
    symbols = 0.02 * (0.7 * shared + random.normal(size=(90, 12)))
    symbols[:, 0] *= 3
    return {"returns": returns, "symbols": symbols}


def quantstats(made: dict[str, Any]) -> dict[str, Any]:
    import pandas as pd
    import quantstats as qs

    series = pd.Series(made["returns"], index=pd.date_range(FIRST_DAY, periods=400))
    details = qs.stats.drawdown_details(qs.stats.to_drawdown_series(series))
    # without the NaN of the days before the first window
    return {
        "sharpe_60": qs.stats.rolling_sharpe(series, rolling_period=60, periods_per_year=365).dropna().tolist(),
        "volatility_60": qs.stats.rolling_volatility(series, rolling_period=60, periods_per_year=365).dropna().tolist(),
        "depths": sorted(details["max drawdown"].tolist())[:5],
    }


def empyrical(made: dict[str, Any]) -> dict[str, Any]:
    import empyrical as peer
    import pandas as pd

    series = pd.Series(made["returns"], index=pd.date_range(FIRST_DAY, periods=400))
    return {
        "monthly": [
            [int(year), int(month), float(v)] for (year, month), v in peer.aggregate_returns(series, "monthly").items()
        ],
        "yearly": [[int(year), float(v)] for year, v in peer.aggregate_returns(series, "yearly").items()],
    }


def scipy(made: dict[str, Any]) -> dict[str, Any]:
    from scipy.cluster.hierarchy import leaves_list, linkage
    from scipy.spatial.distance import squareform

    correlation = np.corrcoef(made["symbols"].T)
    distance = np.sqrt(np.maximum((1 - correlation) / 2, 0))
    np.fill_diagonal(distance, 0)
    tree = linkage(squareform(distance, checks=False), "average")
    return {"linkage": tree.tolist(), "leaves": leaves_list(tree).tolist()}


def sklearn(made: dict[str, Any]) -> dict[str, Any]:
    from sklearn.covariance import ledoit_wolf

    matrix, weight = ledoit_wolf(made["symbols"])
    scaled = made["symbols"] - made["symbols"].mean(axis=0)
    scaled /= scaled.std(axis=0)
    return {"matrix": matrix.tolist(), "weight": float(weight), "weight_scaled": float(ledoit_wolf(scaled)[1])}


def main() -> None:
    kept = json.loads(FILE.read_text()) if FILE.exists() else {}
    made = inputs()
    for record in (quantstats, empyrical, scipy, sklearn):
        try:
            version = importlib.import_module(record.__name__).__version__
        except ImportError:
            continue
        kept[record.__name__] = {"version": version, **record(made)}
    kept["input"] = [float(made["returns"].sum()), float(made["symbols"].sum())]
    FILE.write_text(json.dumps(kept, indent=1) + "\n")


if __name__ == "__main__":
    main()
