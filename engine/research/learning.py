"""A run's own past as its engine and its strategies may know it: outcomes read, records and weights proposed. Writes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import Engine

from db.queries import columns, rows
from engine.analytics import learning, signals_regime
from engine.analytics.learning import EVERY, Outcomes, Rules, Weights
from engine.core.types import MS_DAY
from engine.ledger import steering_rows
from engine.research.market_days import longest

_OUTCOMES = """SELECT s.strategy AS source, s.symbol, s.timeframe_ms AS span, g.decided_ts AS decided,
    o.exit_ts + s.timeframe_ms AS known, o.result, o.regime FROM signal_outcome o
    JOIN signal g ON g.run_id = o.run_id AND g.seq = o.signal_seq
    JOIN slot s ON s.id = g.slot_id WHERE o.run_id = :run AND o.result IS NOT NULL AND o.exit_ts + s.timeframe_ms <= :until
    AND (:source = '' OR s.strategy = :source) ORDER BY o.signal_seq"""
_CHANGES = (
    "SELECT version, ts, source, regime, weight FROM source_weight WHERE run_id = :run ORDER BY version DESC LIMIT 5000"
)
_VERSION = """SELECT source, regime, signals, resolved, won, mean, weight, in_force, acts FROM source_weight
    WHERE run_id = :run AND version = :version AND source <> ''"""


def outcomes_of(engine: Engine, run_id: int, until: int, source: str = "") -> Outcomes:
    """Every signal of the run, or of one `source`, whose end was known by exchange time `until` (ms UTC): once the bar that
    brought it was over, as in a backtest."""
    raw = columns(engine, _OUTCOMES, {"run": run_id, "until": until, "source": source})
    symbols = (
        np.unique(raw["symbol"].astype(str), return_inverse=True)[1] if raw["symbol"].size else np.zeros(0, np.int64)
    )
    window = learning.window_of(raw["decided"].astype(np.int64), raw["span"].astype(np.int64), symbols)
    return Outcomes(
        raw["source"].astype(object), raw["regime"].astype(object), raw["known"].astype(np.int64),
        raw["result"].astype(np.float64), window,
    )  # fmt: skip


def regime_at(moment: int, folder: Path) -> str:
    """BTC's regime of the day of `moment` (ms UTC) from the closes before it in the data `folder`; empty where none is stored."""
    days, closes = longest(folder, "BTC/USD")
    before = days < moment // MS_DAY
    return signals_regime.regimes(days[before], closes[before]).get(moment // MS_DAY, EVERY)


def proposal(
    engine: Engine,
    run_id: int,
    now: int,
    folder: Path,
    rules: Rules = Rules(),
    sizes: bool = False,
    dwell_days: int = 0,
) -> dict[str, Any] | None:
    """The words of a `weights` command as of exchange time `now` (ms UTC); None where nothing new is known. Until `dwell_days`
    have gone since a weight last changed, records move on and weights stay."""
    made = learning.weigh(outcomes_of(engine, run_id, now), now, rules)
    changed = last_change(engine, run_id)
    waits = changed is not None and now - changed < dwell_days * MS_DAY
    if waits:
        made = learning.keep(made, _weights(in_force(engine, run_id)[0]))
    regime = regime_at(now, folder)
    before = in_force(engine, run_id)
    if not made or (_said(made), regime if _in(made, regime) else EVERY, sizes) == before:
        return None
    former = _weights(before[0])
    words = [
        f"{row['source']} {former.get((row['source'], EVERY), 1.0):.2f} -> {row['weight']:.2f} "
        f"({row['resolved']} windows, mean {row['mean']:+.2%})"
        for row in made
        if row["regime"] == EVERY
    ]
    why = f"{', '.join(words)}; the market is {regime or 'of no known regime'}"
    if waits:
        why += f"; weights wait, the least between two changes is {dwell_days} days"
    return {"author": "engine", "why": why, "regime": regime, "acts": sizes, "rows": made}


def last_change(engine: Engine, run_id: int) -> int | None:
    """Exchange time (ms UTC) at which a weight last became another one, by the engine or by a person; None before the first."""
    table: dict[int, tuple[int, dict[tuple[str, str], float]]] = {}
    for row in rows(engine, _CHANGES, {"run": run_id}):
        _, known = table.setdefault(int(row["version"]), (int(row["ts"]), {}))
        if row["source"]:
            known[(str(row["source"]), str(row["regime"]))] = float(row["weight"])
    newest_first = [table[version] for version in sorted(table, reverse=True)]
    for (ts, weights), (_, before) in pairwise(newest_first):
        if any(learning.weight_of(weights, *key) != learning.weight_of(before, *key) for key in {*weights, *before}):
            return ts
    return newest_first[-1][0] if newest_first else None


def versions(engine: Engine, run_id: int) -> list[dict[str, Any]]:
    """The newest rows of the run's weights, newest version first, sources and regimes in order."""
    return steering_rows.weights(engine, run_id)


def newest(engine: Engine, run_id: int) -> dict[str, Any] | None:
    """The version in force: version, ts, author, why; None where nothing was ever learned."""
    return steering_rows.newest(engine, "weights", run_id)


def in_force(engine: Engine, run_id: int) -> tuple[list[tuple[str, str, int, float]], str, bool]:
    """(source, regime, signals and weight of the newest version, the regime it was made in, whether it acts on sizes)."""
    last = newest(engine, run_id)
    found = rows(engine, _VERSION, {"run": run_id, "version": last["version"]}) if last else []
    regime = next((str(row["regime"]) for row in found if row["in_force"] and row["regime"]), EVERY)
    return _said(found), regime, any(bool(row["acts"]) for row in found)


def _weights(said: Sequence[tuple[str, str, int, float]]) -> Weights:
    return {(source, regime): weight for source, regime, _, weight in said}


def _said(made: Sequence[Any]) -> list[tuple[str, str, int, float]]:
    return sorted((str(r["source"]), str(r["regime"]), int(r["signals"]), float(r["weight"])) for r in made)


def _in(made: Sequence[Any], regime: str) -> bool:
    return any(row["regime"] == regime for row in made)
