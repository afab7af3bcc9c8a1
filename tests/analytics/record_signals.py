"""Record what scipy says about seeded samples into expected_signals.json. Run it by hand in an environment that has scipy, from
the repository's root: python tests/analytics/record_signals.py. The tests need no scipy."""

import json
from pathlib import Path

import numpy as np
import scipy
from scipy import stats

RATES = [(0, 7), (7, 7), (1, 30), (24, 40), (51, 100), (473, 1_000), (1, 1)]


def pairs(seed: int) -> tuple[list[int], list[int]]:
    """Two samples of small whole numbers, so that ties are in them."""
    rng = np.random.default_rng(seed)
    x = rng.integers(-9, 10, 12 + 7 * seed)
    return x.tolist(), (x // 2 + rng.integers(-6, 7, x.size)).tolist()


def main() -> None:
    """Write the file."""
    spearman = []
    for seed in range(8):
        x, y = pairs(seed)
        spearman.append(
            {"x": x, "y": y, "r": float(stats.spearmanr(x, y).statistic), "ranks": stats.rankdata(x).tolist()}
        )
    wilson = []
    for won, n in RATES:
        found = stats.binomtest(won, n).proportion_ci(0.90, "wilson")
        wilson.append({"won": won, "n": n, "low": float(found.low), "high": float(found.high)})
    sample = np.random.default_rng(2).normal(size=50)
    low, high = stats.norm.interval(0.90, sample.mean(), sample.std(ddof=1) / np.sqrt(50))
    said = {"scipy": scipy.__version__, "spearman": spearman, "wilson": wilson, "mean": [float(low), float(high)]}
    Path(__file__).with_name("expected_signals.json").write_text(json.dumps(said, indent=1) + "\n")


if __name__ == "__main__":
    main()
