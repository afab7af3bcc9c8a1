"""Which trades deserve a second look: rules that were broken, and what was unlike the rest. Columns in, marks out.

A trade that broke a rule comes before one that is only unusual. Scales are robust (median and median absolute deviation, Huber
1981), so that the outliers that are looked for do not hide themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

BREACH, ODD = 100.0, 10.0
"""Weights of a broken rule and of an oddity; sizes within a kind order it."""
FAR = 4.0
"""Robust deviations from the median that make an outlier."""
MAD = 1.4826
"""Median absolute deviation to standard deviation, of a normal distribution."""


@dataclass(frozen=True, eq=False)
class Mark:
    """One reason: `mask` bool[n] of the trades that have it, `size` float64[n] how much (NaN where it has none)."""

    name: str
    mask: Bools
    size: Floats
    weight: float


def marks(trades: Mapping[str, Any]) -> list[Mark]:
    """Every reason with the trades that have it.

    trades: columns of shape [n]: pnl, r_multiple, risk, entry_notional, mfe, entry_ts, exit_ts (ms), slot_id, exit_reason
    (words), stop_initial; NaN where unknown.

    Names: `beyond_stop` (lost more than 1.25 R, size: R), `by_hand`, `wiped_out`, `outage`, `no_stop` (where most others had
    one), `oversized` (risk or notional above twice the median, size: times), `gave_back` (was 1 R ahead and lost, size: R
    ahead), `large_win`, `large_loss` (size: robust deviations), `long_held` (five times the slot's median, size: times).
    """
    column = {name: np.asarray(trades[name], np.float64) for name in _NUMBERS}
    reason = np.asarray(trades["exit_reason"], object)
    return [*_breaches(column, reason), *_oddities(column)]


_NUMBERS = ("pnl", "r_multiple", "risk", "entry_notional", "mfe", "entry_ts", "exit_ts", "slot_id", "stop_initial")


def _breaches(column: Mapping[str, Floats], reason: npt.NDArray[Any]) -> list[Mark]:
    r, stop = column["r_multiple"], column["stop_initial"]
    none = np.full(r.size, np.nan)
    without = ~(stop > 0)
    usual = np.fmax(_times(column["risk"]), _times(column["entry_notional"]))
    return [
        Mark("beyond_stop", r < -1.25, -r, BREACH),
        Mark("wiped_out", reason == "wiped_out", none, BREACH),
        Mark("by_hand", (reason == "manual") | (reason == "flatten"), none, BREACH),
        Mark("no_stop", without & (without.mean() < 0.5 if r.size else False), none, BREACH),
        Mark("oversized", usual > 2, usual, BREACH),
        Mark("outage", reason == "outage", none, ODD),
    ]


def _oddities(column: Mapping[str, Floats]) -> list[Mark]:
    pnl = column["pnl"]
    far = _deviations(pnl)
    ahead = np.divide(
        column["mfe"] * column["entry_notional"],
        column["risk"],
        out=np.full(pnl.size, np.nan),
        where=column["risk"] > 0,
    )
    held = _times(column["exit_ts"] - column["entry_ts"], column["slot_id"])
    return [
        Mark("gave_back", (ahead >= 1) & (pnl < 0), ahead, ODD),
        Mark("large_loss", (far < -FAR) & (pnl < 0), -far, ODD),
        Mark("large_win", (far > FAR) & (pnl > 0), far, ODD),
        Mark("long_held", held > 5, held, ODD),
    ]


def _deviations(values: Floats) -> Floats:
    """Robust deviations from the median; zeros where nothing varies."""
    if not values.size:
        return values
    middle = np.median(values)
    scale = MAD * np.median(np.abs(values - middle))
    return (values - middle) / scale if scale > 0 else np.zeros(values.size)


def _times(values: Floats, group: Floats | None = None) -> Floats:
    """Each value over the median of its group; NaN where that is nothing."""
    out = np.full(values.size, np.nan)
    for one in np.unique(group) if group is not None else (None,):
        mine = np.isfinite(values) if one is None else (group == one) & np.isfinite(values)
        middle = np.median(values[mine]) if mine.any() else 0.0
        if middle > 0:
            out[mine] = values[mine] / middle
    return out


def scores(found: list[Mark], n: int) -> Floats:
    """float64[n]: the weights of a trade's marks, and within one weight the larger size first; 0 without any."""
    total = np.zeros(n)
    for mark in found:
        size = np.nan_to_num(np.minimum(mark.size, 50.0)) / 10
        total += np.where(mark.mask, mark.weight + size, 0.0)
    return total
