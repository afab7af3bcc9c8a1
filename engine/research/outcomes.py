"""What came after a run's entry signals, taken or blocked, filled into the database: at once for a backtest, as time passes for a
paper or live run. Doing it again changes nothing, and what was broken off goes on: rows that are settled are never touched.

Forward returns are engine.analytics.signals', the trades that were never made engine.research.outcomes_follow's.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import Engine
from sqlalchemy.dialects import postgresql, sqlite

from db.models import SignalOutcome
from db.queries import Column, columns
from db.session import data_folder
from engine.analytics import signals
from engine.analytics.signals_regime import regime_of
from engine.core.types import Rows
from engine.market.candles import Candles
from engine.research.outcomes_follow import Followed, Said, follow
from engine.research.outcomes_market import Bars, NoSuchRun, Told, told_of

__all__ = ["Filled", "NoSuchRun", "fill"]

BATCH = 500
_SIGNALS = """SELECT seq, slot_id, decided_ts, kind, direction, coalesce(stop_distance, 0.0) AS stop,
    coalesce(target_distance, 0.0) AS target, coalesce(trail_distance, 0.0) AS trail
    FROM signal WHERE run_id = :run ORDER BY seq"""
_DONE = "SELECT signal_seq FROM signal_outcome WHERE run_id = :run AND resolved"
_RETURNS = tuple(f"r{bars}" for bars in signals.HORIZONS)


@dataclass(frozen=True)
class Filled:
    """`entries` of the run, `written` now, `waiting` for bars to come, `without` any candles to follow them on, and notes."""

    run_id: int
    entries: int
    written: int
    waiting: int
    without: int
    notes: tuple[str, ...] = ()


def fill(
    engine: Engine,
    run_id: int,
    *,
    folder: Path | None = None,
    candles: Mapping[str, Candles] | None = None,
    progress: Callable[[float, str], None] | None = None,
) -> Filled:
    """Follow up every entry signal of the run that is not settled yet. `candles` by symbol are those it was played on; else they
    are read from where they came from, the run's own bar files, or the store in `folder`, the data folder.

    Rows go in by 500, then a pause of the same length. `progress` may raise to end it; what is written stays. NoSuchRun.
    """
    tell = progress or (lambda share, words: None)
    told = told_of(engine, run_id)
    said = columns(engine, _SIGNALS, {"run": run_id})
    entry = said["direction"].astype(np.int64) != 0
    todo = entry & ~np.isin(said["seq"], columns(engine, _DONE, {"run": run_id})["signal_seq"])
    notes = list(told.notes)
    if not todo.any():
        return Filled(run_id, int(entry.sum()), 0, 0, 0, tuple(notes))
    bars = Bars(engine, told, folder or data_folder(), candles)
    regimes = bars.regimes()
    if not regimes:
        notes.append("no regimes: `run_engine.py fetch --symbol BTC/USD --timeframe 1d --days 600` brings BTC's days")
    written = waiting = without = 0
    for number, slot in enumerate(told.slots):
        mine = said["slot_id"] == slot["id"]
        count = int(todo[mine].sum())
        if not count:
            continue
        tell(number / len(told.slots), f"{count:,} signals of {slot['strategy']} on {slot['symbol']}")
        own, wanted = _said({name: values[mine] for name, values in said.items()}, todo[mine])
        rows, why = bars.of(slot["id"], int(own.decided[wanted[0]]) - slot["timeframe_ms"])
        made = _rows(told, slot["id"], own, wanted, rows, regimes) if rows.size else []
        without += 0 if made else count
        notes += [why] if not made and why and why not in notes else []
        waiting += sum(not row["resolved"] for row in made)
        for part in _write(engine, made):
            written += part
            tell((number + part / count) / len(told.slots), f"{written:,} written")
    return Filled(run_id, int(entry.sum()), written, waiting, without, tuple(notes))


def _said(own: Mapping[str, Column], todo: Column) -> tuple[Said, Column]:
    """(one slot's signals in order of time, the rows of them to be followed)."""
    order = np.argsort(own["decided_ts"], kind="stable")
    kept = {name: values[order] for name, values in own.items()}
    said = Said(
        kept["seq"].astype(np.int64), kept["decided_ts"].astype(np.int64), kept["direction"].astype(np.int64),
        kept["kind"] != "entry", *(kept[name].astype(np.float64) for name in ("stop", "target", "trail")),
    )  # fmt: skip
    return said, np.flatnonzero(todo[order])


def _rows(
    told: Told, slot_id: int, said: Said, wanted: Column, bars: Rows, regimes: Mapping[int, str]
) -> list[dict[str, Any]]:
    spec, grid = told.specs[slot_id], told.grids[slot_id]
    until = int(bars["ts"][-1]) + spec.timeframe_ms
    opened, high, low, close = (grid.prices(bars[name]) for name in ("open", "high", "low", "close"))
    market = signals.Market(np.ascontiguousarray(bars["ts"]), opened, high, low, close, spec.timeframe_ms, until)
    cost = np.full(wanted.size, 2 * (float(grid.taker) + told.slippage_bps * 1e-4))
    decided = said.decided[wanted]
    came = signals.forward(decided, said.entry[wanted], cost, market)
    followed = follow(said, wanted, bars, spec, grid, told.slippage_bps)
    settled = came.over & ~followed.waits | told.over
    regime = regime_of(decided, dict(regimes))
    return _plain(told, said.seq[wanted], came, followed, cost, regime, settled, market)


def _plain(
    told: Told,
    seq: Column,
    came: signals.Forward,
    followed: Followed,
    cost: Column,
    regime: Column,
    settled: Column,
    market: signals.Market,
) -> list[dict[str, Any]]:
    known = came.base >= 0
    base_ts = np.where(known, market.ts[np.maximum(came.base, 0)], 0)
    result = np.where(known, followed.result, np.nan)  # one that no bar followed in time would have expired
    out = np.isfinite(result)
    table = {
        "signal_seq": seq.tolist(),
        "base_ts": _holes(base_ts, known),
        "base_price": _holes(came.price, known),
        "cost": cost.tolist(),
        **{name: _holes(came.returns[:, k], np.isfinite(came.returns[:, k])) for k, name in enumerate(_RETURNS)},
        "mae": _holes(came.mae, np.isfinite(came.mae)),
        "mfe": _holes(came.mfe, np.isfinite(came.mfe)),
        "result": _holes(result, out),
        "exit_ts": _holes(followed.exit_ts, out),
        "exit_reason": np.where(out, followed.reason, "").tolist(),
        "held_bars": _holes(followed.bars, out),
        "regime": regime.tolist(),
        "resolved": settled.tolist(),
    }
    same = {"run_id": int(told.row["id"]), "updated_ts": time.time_ns() // 1_000_000}
    return [dict(zip(table, values, strict=True)) | same for values in zip(*table.values(), strict=True)]


def _holes(values: Column, known: Column) -> list[Any]:
    """The values as Python has them, None where not known."""
    return [value if there else None for value, there in zip(values.tolist(), known.tolist(), strict=True)]


def _write(engine: Engine, made: list[dict[str, Any]]) -> Iterator[int]:
    """Rows written, batch by batch; a row that stands already is replaced."""
    if not made:
        return
    dialect: Any = sqlite if engine.dialect.name == "sqlite" else postgresql
    statement = dialect.insert(SignalOutcome)
    changed = {name: statement.excluded[name] for name in made[0] if name not in ("run_id", "signal_seq")}
    put = statement.on_conflict_do_update(index_elements=["run_id", "signal_seq"], set_=changed)
    for start in range(0, len(made), BATCH):
        begun = time.perf_counter()
        part = made[start : start + BATCH]
        with engine.execution_options(write=True).begin() as connection:
            connection.execute(put, part)
        yield len(part)
        time.sleep(time.perf_counter() - begun)
