"""Which search a backtest may have been chosen from: the sweep of the same strategies over the same markets and days, if one is
kept. Its daily returns are what the probability of overfitting is reckoned from. Nothing is run.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from sqlalchemy import Engine

from engine.analytics.values import Floats
from engine.core.setup import Setup
from engine.research.doubt import MOST_COLUMNS
from engine.research.jobs import JobView, jobs_of
from engine.research.lineage import strategies_of
from engine.research.study import Study
from engine.research.work_sweep import table_of

LOOKED_AT = 100
"""Of the newest sweeps."""


def search_of(engine: Engine, setup: Setup, from_ts: int, to_ts: int) -> JobView | None:
    """The largest finished sweep of these strategies on these symbols that shares a day with [from_ts, to_ts), ms UTC; None
    where there is none."""
    symbols, strategies = {slot.symbol for slot in setup.slots}, strategies_of(setup)
    found = None
    for job in jobs_of(engine, ("sweep",), limit=LOOKED_AT):
        if job.state != "done" or not {"file", "names", "rows", "from_ts", "to_ts"} <= set(job.result):
            continue
        if int(job.result["to_ts"]) <= from_ts or int(job.result["from_ts"]) >= to_ts:
            continue
        asked = Study.from_json(job.args["study"]).setup
        same = strategies_of(asked) == strategies and {slot.symbol for slot in asked.slots} == symbols
        if same and (found is None or int(job.result["rows"]) > int(found.result["rows"])):
            found = job
    return found


def matrix_of(job: JobView, folder: Path) -> Floats | None:
    """float64[days, sets]: daily returns of the sweep's sets, at most as many as the probability of overfitting takes; None
    where they were not kept or are gone."""
    try:
        daily = table_of(job.result, folder).daily
    except (OSError, KeyError, ValueError):
        return None
    if daily.ndim != 2 or not daily.shape[1]:
        return None
    known = np.flatnonzero(np.isfinite(daily).all(axis=1))
    if known.size < 2:
        return None
    taken = known[np.linspace(0, known.size - 1, min(known.size, MOST_COLUMNS)).round().astype(int)]
    return np.ascontiguousarray(daily[taken].T)
