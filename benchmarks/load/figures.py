"""What is said of many durations: quantiles by the nearest rank, joins of two clocks' notes. Pure arithmetic, no measuring."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

Floats = np.ndarray[Any, np.dtype[np.float64]]
SHARES = {"p50": 0.5, "p90": 0.9, "p99": 0.99}


def quantile(values: Any, share: float) -> float:
    """The smallest of `values` that at least `share` (0 to 1) of them do not exceed; NaN without any."""
    ordered = np.sort(np.asarray(values, np.float64))
    if not ordered.size:
        return math.nan
    return float(ordered[max(math.ceil(share * ordered.size - 1e-9) - 1, 0)])


def told(seconds: Any, scale: float = 1000.0) -> dict[str, float]:
    """{"n", "p50", "p90", "p99", "max"} of durations in seconds, as milliseconds (or in 1/scale s)."""
    values = np.asarray(seconds, np.float64)
    found = {name: quantile(values, share) * scale for name, share in SHARES.items()}
    return {"n": int(values.size), **found, "max": float(values.max()) * scale if values.size else math.nan}


def sent_at(bursts: Any, ts: Any) -> Floats:
    """float64[n]: when the burst went out that first reached each of `ts` (exchange ms); NaN where none has.

    `bursts` is float64[k, 2]: newest exchange ms of a burst, monotonic seconds of its sending; both never fall."""
    bursts = np.asarray(bursts, np.float64).reshape(-1, 2)
    place = np.searchsorted(bursts[:, 0], np.asarray(ts, np.float64), side="left")
    times = np.append(bursts[:, 1], math.nan)
    return np.asarray(times[np.minimum(place, len(bursts))], np.float64)


def first_behind(at: Any, ends: Any) -> Floats:
    """float64[n]: the first of `ends` (sorted) that is not before each of `at`; NaN where there is none."""
    ends = np.asarray(ends, np.float64)
    place = np.searchsorted(ends, np.asarray(at, np.float64), side="left")
    return np.asarray(np.append(ends, math.nan)[np.minimum(place, ends.size)], np.float64)


def plain(value: Any) -> Any:
    """The same as JSON can say it: numpy's numbers become Python's, NaN and infinity None."""
    if isinstance(value, dict):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
