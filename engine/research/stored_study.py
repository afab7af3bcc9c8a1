"""Which study a stored run was, so that it can be played again: a backtest's as it was asked for, a paper or live run's as an
ordinary backtest on candles of its exchange. Reads the database; plays nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import Engine

from db import queries
from engine.core.setup import Setup
from engine.ledger.steering_rows import newest
from engine.market.candles import DataError
from engine.research.compare_config import setup_of_run
from engine.research.own_record import LESSONS
from engine.research.study import Source, Study

_RUN = "SELECT name, kind, exchange, params, started_ts, ended_ts FROM run WHERE id = :run"
_SPAN = """SELECT (SELECT min(ts) FROM equity WHERE run_id = :run AND slot_id = 0) AS first,
    (SELECT max(ts) FROM equity WHERE run_id = :run AND slot_id = 0) AS last"""  # asked together they would scan the curve


def study_of_run(engine: Engine, run_id: int) -> Study:
    """What a run was asked to do. DataError where its candles came from a file that is not named with it, or it never traded."""
    found = queries.rows(engine, _RUN, {"run": run_id})
    if not found:
        raise DataError(f"there is no run {run_id}: choose another")
    row = found[0]
    params = json.loads(row["params"]) if isinstance(row["params"], str) else dict(row["params"] or {})
    if row["kind"] in ("paper", "live"):
        return _lived(engine, run_id, row)
    if "study" in params:
        return Study.from_json(params["study"])
    if row["exchange"] in ("", "file") or "slots" not in params:
        raise DataError(
            f"run {row['name']} ran on a file, or is no backtest, and does not say which candles: run it again from the store"
        )
    return _without_limits(row, params)


def _without_limits(row: Mapping[str, Any], params: Mapping[str, Any]) -> Study:
    """One strategy on stored candles, as `backtest` saves it: it has no breakers and waits for nothing."""
    slots = [dict(slot) for slot in params["slots"]]
    own = [slot.pop("params") for slot in slots]
    plain = {"account": params["account"], "instruments": params["instruments"], "slots": slots, "params": own}
    setup = Setup.from_json({**plain, "breakers": [], "grace_ms": 0, "latency_ms": 0})
    title = f"{setup.slots[0].strategy} on {setup.slots[0].symbol}"
    return Study(setup, _sources(setup, row), int(row["started_ts"] or 0), int(row["ended_ts"] or 0), title)


def _lived(engine: Engine, run_id: int, row: Mapping[str, Any]) -> Study:
    """As configured last, known at the bar's end as on candles, over the time it has traded."""
    setup = setup_of_run(engine, run_id)
    span = queries.rows(engine, _SPAN, {"run": run_id})[0]
    if setup is None or span["first"] is None:
        raise DataError(f"run {row['name']} has not traded yet: there is nothing to play again")
    setup = replace(setup, account=replace(setup.account, delay_ms=0), grace_ms=0, latency_ms=0)
    title = f"{row['name']} on candles"
    lessons = replace(LESSONS, on=newest(engine, "weights", run_id) is not None)  # none, where the run never learned
    return Study(setup, _sources(setup, row), int(span["first"]), int(span["last"]), title, lessons)


def _sources(setup: Setup, row: Mapping[str, Any]) -> tuple[Source, ...]:
    return tuple(Source(one.symbol, str(row["exchange"])) for one in setup.instruments)
