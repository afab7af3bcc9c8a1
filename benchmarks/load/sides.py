"""One engine measured in two states in turn: what a disturbance costs is a ratio taken in the same minutes. Pure arithmetic."""

from __future__ import annotations

from statistics import median
from typing import Any

import numpy as np

from benchmarks.load import figures

Rows = Any


def landed(notes: dict[str, Rows], begin: float, end: float, used: bool = False) -> list[float]:
    """Seconds of each commit that landed and was begun in [begin, end) (monotonic seconds); with `used`, of the processor."""
    commits = notes["commits"]
    chosen = commits[(commits[:, 3] == 1) & (commits[:, 0] >= begin) & (commits[:, 0] < end)]
    return list((chosen[:, 4] if used else chosen[:, 1] - chosen[:, 0]).tolist())


def held(notes: dict[str, Rows], begin: float, end: float) -> int:
    """Commits of [begin, end) that found the database locked and had to be tried again."""
    commits = notes["commits"]
    return int(((commits[:, 3] == 0) & (commits[:, 0] >= begin) & (commits[:, 0] < end)).sum())


def steps(notes: dict[str, Rows], begin: float, end: float) -> list[float]:
    """Seconds of each of the machine's steps in [begin, end)."""
    events = notes["events"]
    return list(events[(events[:, 0] >= begin) & (events[:, 0] < end)][:, 5].tolist())


def both(what: str, without: tuple[str, list[float]], disturbed: tuple[str, list[float]]) -> dict[str, Any]:
    """Both sides told in ms, and the second over the first at p99 and in the middle."""
    sides = [
        {"name": name, "told": figures.told(values), "values": np.round(np.array(values) * 1000, 4).tolist()}
        for name, values in (without, disturbed)
    ]
    ratio = {
        q: sides[1]["told"][q] / sides[0]["told"][q] if sides[0]["told"][q] else float("nan") for q in ("p50", "p99")
    }
    return {"what": what, "sides": sides, "ratio_p99": ratio["p99"], "ratio_p50": ratio["p50"]}


def phases(
    what: str, without: tuple[str, list[list[float]]], disturbed: tuple[str, list[list[float]]]
) -> dict[str, Any]:
    """As `both`, of phases in turn: the ratio is that of the middle phases, so that one bad moment of the machine decides
    nothing. `own` is how far the undisturbed phases differ among themselves, the most by the least at p99: the machine's own."""
    found = both(what, *((name, [one for phase in parts for one in phase]) for name, parts in (without, disturbed)))
    for q, share in (("p50", 0.5), ("p99", 0.99)):
        rows = [[figures.quantile(phase, share) for phase in parts if phase] for _, parts in (without, disturbed)]
        middle = [median(row) if row else float("nan") for row in rows]
        found[f"ratio_{q}"] = middle[1] / middle[0] if middle[0] else float("nan")
        if q == "p99":
            found["own"] = max(rows[0]) / min(rows[0]) if rows[0] and min(rows[0]) > 0 else float("nan")
            found["phases_p99_ms"] = [[round(one * 1000, 3) for one in row] for row in rows]
    return found
