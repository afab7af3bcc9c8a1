"""A set chosen from a sweep, doubted: by all that was ever tried on its candles, by the sweep's own daily returns, by chance.

What the doubts are is in engine.research.doubt. No candles are loaded here and nothing is stored.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from sqlalchemy import Engine

from engine.analytics.values import Floats, Undefined
from engine.core.setup import Setup
from engine.market.candles import Candles
from engine.research import seal
from engine.research.doubt import Doubt, doubt
from engine.research.figures import account_of
from engine.research.lineage import (
    Lineage,
    count_trial,
    data_set_of,
    keys_of,
    lineage_of,
    source_of,
    strategies_of,
)
from engine.research.play import Played, play
from engine.research.random_entries import random_entries
from engine.research.seal import span_of
from engine.research.silence import why_silent
from engine.research.space import Point, Space
from engine.research.study import Study
from engine.research.sweep_table import Table

MOST_DOUBTED = 2_000
"""The probability of overfitting is reckoned from at most so many of the sets, evenly taken."""
RANDOM = 200
"""Random entries with the set's own exits; the page Backtest takes a thousand."""


@dataclass(frozen=True, eq=False)
class Judged:
    """One set played alone. `silence` says why it closed no trade, "" where it closed one."""

    played: Played
    doubt: Doubt
    silence: str


def judge(
    study: Study, point: Point, candles: Mapping[str, Candles], table: Table, engine: Engine | None = None
) -> Judged:
    """Play the set at `point` over the candles that the sweep saw. Without a database all that is known to have been tried is
    this sweep. ValueError and StrategyError in a sentence for a set that cannot be run."""
    space = Space(study)
    setup, strategies = space.at(point).setup, space.strategies_at(point)
    slots = list(zip(setup.slots, strategies, strict=True))
    played = play(setup.account, setup.instruments, slots, candles, setup.breakers, lessons=study.lessons)
    only = next(iter(candles.values())) if len(candles) == 1 else None
    random, why = None, ""
    try:
        random = random_entries(setup, played, candles, RANDOM)
    except Undefined as reason:
        why = str(reason)
    known, opened = of_table(table, setup, candles), 0
    if engine is not None:
        span = span_of(candles)
        known = lineage_of(engine, strategies_of(setup), data_set_of(setup, *span))
        opened = len(seal.openings(engine, sorted(candles), strategies_of(setup), *span))
    made = doubt(
        account_of(played, only), known, matrix_of(table), random, openings=opened, why_no_random=why, fans=False
    )
    return Judged(played, made, why_silent(setup, played, strategies))


def of_table(table: Table, setup: Setup, candles: Mapping[str, Candles]) -> Lineage:
    """As if nothing but this sweep had ever been tried."""
    sharpes = table.column("sharpe_daily").astype(np.float64)
    data = data_set_of(setup, *span_of(candles))
    return Lineage(strategies_of(setup), data, len(table), sharpes, {"sweep": len(table)}, 0)


def count(
    engine: Engine,
    study: Study,
    table: Table,
    span: tuple[int, int],
    origin: str,
    job_id: int | None = None,
) -> Lineage:
    """Every set of the table is a trial, whoever looks at it later; the lineage with them. `span` as the sweep saw it, ms UTC."""
    space, setup = Space(study), study.setup
    names, data = strategies_of(setup), data_set_of(setup, *span)
    keys = keys_of(space.at(table.point(i)).setup for i in range(len(table)))
    count_trial(engine, names, data, source_of(setup), keys, table.column("sharpe_daily"), origin, job_id)
    return lineage_of(engine, names, data)


def matrix_of(table: Table) -> Floats | None:
    """float64[days, sets] of daily returns of the sets that could be run; None where they were not kept."""
    daily = table.daily
    if not daily.shape[1]:
        return None
    known = np.flatnonzero(np.isfinite(daily).all(axis=1))
    every = max(1, math.ceil(known.size / MOST_DOUBTED))
    return np.ascontiguousarray(daily[known[::every]].T) if known.size > 1 else None


def never_trades(table: Table) -> bool:
    """Whether no set of it closed a trade or is in one."""
    return bool(len(table)) and not table.column("trades").any() and not table.column("open_trades").any()


__all__ = ["Judged", "count", "judge", "matrix_of", "never_trades", "of_table"]
