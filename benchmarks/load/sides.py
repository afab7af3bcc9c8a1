"""One engine measured in two states in turn: what a disturbance costs is a ratio taken in the same minutes. Pure arithmetic."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.load import figures

Rows = Any


def landed(notes: dict[str, Rows], begin: float, end: float) -> list[float]:
    """Seconds of each commit that landed and was begun in [begin, end) (monotonic seconds)."""
    commits = notes["commits"]
    chosen = commits[(commits[:, 3] == 1) & (commits[:, 0] >= begin) & (commits[:, 0] < end)]
    return list((chosen[:, 1] - chosen[:, 0]).tolist())


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
