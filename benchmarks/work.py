"""The work every contender does, and the bars it does it on. Needs numpy alone, so that every environment can import
it.

Work: a mean of 10 closes crossing a mean of 50, long only, 99 % of equity, decided at a close and filled at the next
open, fee 0.1 % a side, no slippage, stop 2 % and target 4 % of the entry price checked on high and low from the
entry bar on.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Bars = dict[str, npt.NDArray[np.float64]]

FAST, SLOW = 10, 50
CASH, FEE, SHARE, STOP, TARGET = 10_000_000.0, 0.001, 0.99, 0.02, 0.04
DAYS_90, DAYS_720 = 129_600, 1_036_800
LONG_S = 1.0
START_MS, MINUTE_MS = 1_704_067_200_000, 60_000
FOLDER = Path(os.environ.get("EVENKEEL_BENCH_DATA", Path(__file__).resolve().parents[1] / ".cache" / "bench"))

_QUIET, _TREND, _STORM = (3.5e-4, 0.0), (6.5e-4, 1.1e-4), (1.9e-3, 0.0)


def bars(n: int, seed: int = 7) -> Bars:
    """`n` one-minute bars of a market that is by turns quiet, trending and stormy; ts in ms, prices on a grid of
    1e-4.

    Each bar opens where the last one closed, so that systems which fill at the close and systems which fill at the
    next open trade at one price.
    """
    rng = np.random.default_rng(seed)
    deviation, drift = _regimes(n, rng)
    close = np.round(100.0 * np.exp(np.cumsum(drift + deviation * rng.standard_normal(n))), 4)
    opening = np.concatenate(([100.0], close[:-1]))
    reach = np.abs(rng.standard_normal((2, n))) * deviation * 0.6
    high = np.round(np.maximum(opening, close) * (1.0 + reach[0]), 4)
    low = np.round(np.minimum(opening, close) * (1.0 - reach[1]), 4)
    ts = START_MS + MINUTE_MS * np.arange(n, dtype=np.int64)
    return {"ts": ts, "open": opening, "high": high, "low": low, "close": close, "volume": np.ones(n)}  # type: ignore[dict-item]


def _regimes(n: int, rng: np.random.Generator) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    deviation, drift = np.empty(n), np.empty(n)
    at = 0
    while at < n:
        kind = (_QUIET, _TREND, _TREND, _STORM)[int(rng.integers(4))]
        end = min(n, at + 20 + int(rng.exponential(180.0)))
        deviation[at:end] = kind[0]
        drift[at:end] = kind[1] * rng.choice((-1.0, 1.0))
        at = end
    return deviation, drift


def stored(n: int) -> Bars:
    """The first `n` of the 720-day series, made once and then read back."""
    path = FOLDER / "bars-7.npz"
    if not path.exists():
        FOLDER.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(f".{os.getpid()}.npz")
        np.savez(part, **bars(DAYS_720))  # type: ignore[arg-type]
        part.rename(path)
    with np.load(path) as file:
        return {name: file[name][:n].copy() for name in file.files}


def pairs(count: int) -> list[tuple[int, int]]:
    """A sweep's (fast, slow): 20 fast windows by as many slow ones as it takes, thinned evenly to `count`."""
    slow = max(50, -(-count // 20))
    every = [(a, b) for a in range(5, 25) for b in range(25, 25 + slow)]
    return [every[i * len(every) // count] for i in range(count)]


def peak_mib() -> float:
    """The most memory this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def serve(name: str, facts: dict[str, Any], run: Callable[[], tuple[int, float]], warm: bool = True) -> None:
    """A contender's main loop: first a line of facts, then one timed run for each line read, until the input ends.

    With `warm`, a run that takes less than a second (and the first) is done once untimed before: between two turns the
    others had the machine's caches and memory, and what getting them back costs is no property of the contender (it made one
    and the same run 2.5 times as slow, depending on who had gone before).
    """
    print(json.dumps({"name": name, **facts}), flush=True)
    took = 0.0 if warm else LONG_S
    for _ in sys.stdin:
        if took < LONG_S:
            run()
        start = time.perf_counter()
        trades, equity = run()
        took = time.perf_counter() - start
        facts_now = {"seconds": took, "trades": trades, "equity": equity, "peak_mib": peak_mib()}
        print(json.dumps(facts_now), flush=True)
