"""Is the ledger of a paper run what the backtester makes of its tape? Compared row by row, to the last bit."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import Connection, Engine, func, select
from sqlmodel import col

import engine as evenkeel
from db.models import BreakerEvent, Equity, Fill, Order, Run, RunMarker, Signal, Snapshot, Trade
from db.session import data_folder, open_engine
from engine.core.types import TF_BAR
from engine.ledger.context import context_of
from engine.ledger.rows import rows_of
from engine.market.tape import START, Position
from engine.research.replay import Replayed
from engine.research.segments import Lived, Provable, replay_provable

COMPARED: dict[str, tuple[Any, tuple[str, ...]]] = {
    "signals": (Signal, ("seq",)),
    "orders": (Order, ("seq",)),
    "fills": (Fill, ("seq",)),
    "trades": (Trade, ("seq",)),
    "equity": (Equity, ("ts",)),
    "breaker events": (BreakerEvent, ("seq",)),
}
WHEN = {Signal: "decided_ts", Order: "created_ts", Fill: "ts", Trade: "exit_ts", Equity: "ts", BreakerEvent: "ts"}
"""The exchange time at which a row came about, by which differences are put in order."""
NOT_COMPARED = {"id", "run_id", "config_version_id", "source_hash", "client_order_id", "venue_trade_id"}
SHOWN = 20


@dataclass
class ParityReport:
    """`counts` are rows compared by table; `differences` are sentences: the 20 earliest by exchange time, the first first.
    `unproven` is a sentence about what `ok` does not speak of, empty where the whole run was replayed."""

    run: str
    ok: bool = True
    events: int = 0
    frames: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    differences: list[str] = field(default_factory=list)
    unproven: str = ""
    _found: list[tuple[int, int, str]] = field(default_factory=list, repr=False)

    def differ(self, ts: int, text: str) -> None:
        """Note a difference in a row of exchange time `ts` (ms UTC)."""
        self.ok = False
        self._found.append((ts, len(self._found), text))

    def done(self) -> None:
        """All tables are compared: the earliest differences become `differences`."""
        self.differences = [text for _, _, text in sorted(self._found)[:SHOWN]]
        self._found.clear()


class NoSuchRun(Exception):
    """The run that was named is not in the database."""

    exit_code = 2


def replay(run: int | str, engine: Engine | None = None, folder: Path | None = None) -> ParityReport:
    """Replay a paper run by id or name, from the earliest point that can be proven up to its newest snapshot; its engine may be
    at work.

    NoSuchRun if there is none to replay, ValueError if it has no tape, or none that the present code can prove anything from.
    """
    engine = engine or open_engine(read_only=True)
    found = _find(engine, run)
    stored, end, bars, lived = _as_of_one_commit(engine, found)
    report = ParityReport(found.name)
    place = (folder or data_folder() / "runs") / str(found.id)
    proven = replay_provable(place, end, evenkeel.KERNEL_HASH, lived)
    played, report.unproven = proven.replayed, proven.unproven
    report.events, report.frames = played.events, played.frames
    for name, (table, key) in COMPARED.items():
        ours = _expected(engine, found.id, played, table)
        _compare(report, name, WHEN[table], ours, _since(proven, table, ours, stored[name]), key)
    _compare_bars(report, place / "bars", bars, played)
    if proven.start is not None:
        report.counts["bars"] -= sum(proven.start.extra["bars"].values())
    report.done()
    return report


def _find(engine: Engine, run: int | str) -> Any:
    with engine.connect() as connection:
        column: Any = col(Run.id) if isinstance(run, int) else col(Run.name)
        found = connection.execute(
            select(col(Run.id), col(Run.name), col(Run.kind), col(Run.code_hash)).where(column == run)
        ).first()
    if found is None:
        raise NoSuchRun(f"no run {run!r} in this database; `run_engine.py status` names them")
    if found.kind == "backtest":
        raise NoSuchRun(f"{found.name} is a backtest: it has no tape to replay")
    return found


Stored = dict[str, list[dict[str, Any]]]


def _as_of_one_commit(engine: Engine, run: Any) -> tuple[Stored, Position, dict[str, int], Lived]:
    """The run's rows by name of table, the place on the tape that they belong to (its beginning before the first snapshot),
    how many strategy bars each of the run's files held then, and which kernels had lived it.

    All in one transaction, so that an engine at work may go on writing: its rows and its snapshot change together.
    """
    level = {"isolation_level": "REPEATABLE READ"} if engine.dialect.name == "postgresql" else {}
    where = (col(Snapshot.tape_day), col(Snapshot.tape_offset), col(Snapshot.tape_seq))
    newest = select(*where, col(Snapshot.extra), col(Snapshot.kernel_hash)).where(col(Snapshot.run_id) == run.id)
    upgrades = select(func.max(col(RunMarker.ts))).where(
        col(RunMarker.run_id) == run.id, col(RunMarker.kind) == "upgrade"
    )
    with engine.connect().execution_options(**level) as connection:
        place = connection.execute(newest.order_by(col(Snapshot.id).desc()).limit(1)).first()
        stored = {name: _stored(connection, run.id, table) for name, (table, _) in COMPARED.items()}
        upgraded = connection.execute(upgrades).scalar()
    last = -1 if upgraded is None else int(upgraded)
    if place is None:
        return stored, START, {}, Lived(run.code_hash, None, last)
    *position, extra, kernel = place
    return stored, Position(*position), dict(extra.get("bars", {})), Lived(run.code_hash, kernel, last)


def _since(
    proven: Provable, table: Any, ours: list[dict[str, Any]], rows: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """The stored rows that the replay speaks of: those after its start, and earlier ones that it changed."""
    if proven.start is None:
        return rows
    (key,), newest = COMPARED_KEYS[table], proven.start.newest[str(table.__tablename__)]
    again = {row[key] for row in ours}
    return [row for row in rows if row[key] > newest or row[key] in again]


def _expected(engine: Engine, run_id: int, played: Replayed, table: Any) -> list[dict[str, Any]]:
    rows: dict[Any, dict[str, Any]] = {}
    contexts: dict[int, Any] = {}
    keys = COMPARED_KEYS[table]
    for setup, reports, facts in played.parts:
        if id(setup) not in contexts:
            contexts[id(setup)] = context_of(engine, run_id, setup)
        context = contexts[id(setup)]
        for row in rows_of(context, reports, facts).get(table, ()):
            key = tuple(row[name] for name in keys)
            rows[key] = {**rows.get(key, {}), **row}
    return list(rows.values())


COMPARED_KEYS = dict(COMPARED.values())


def _stored(connection: Connection, run_id: int, table: Any) -> list[dict[str, Any]]:
    query = select(table.__table__).where(table.run_id == run_id)
    if table is Equity:
        query = query.where(col(Equity.slot_id) == 0)
    return [dict(row) for row in connection.execute(query).mappings()]


def _compare(
    report: ParityReport,
    name: str,
    when: str,
    expected: list[dict[str, Any]],
    stored: list[dict[str, Any]],
    key: tuple[str, ...],
) -> None:
    def by_key(rows: list[dict[str, Any]]) -> dict[Any, dict[str, Any]]:
        return {tuple(row[part] for part in key): row for row in rows}

    ours, theirs = by_key(expected), by_key(stored)
    report.counts[name] = len(theirs)
    for missing in sorted(ours.keys() - theirs.keys()):
        report.differ(ours[missing][when], f"{name} {missing}: the replay has it, the ledger does not")
    for extra in sorted(theirs.keys() - ours.keys()):
        report.differ(theirs[extra][when], f"{name} {extra}: the ledger has it, the replay does not")
    for both in sorted(ours.keys() & theirs.keys()):
        for sentence in _differences(ours[both], theirs[both]):
            report.differ(min(ours[both][when], theirs[both][when]), f"{name} {both}: {sentence}")


def _compare_bars(report: ParityReport, folder: Path, counts: dict[str, int], played: Replayed) -> None:
    """The bars that the strategies saw in life, kept in the run's own files, against those made of the tape."""
    report.counts["bars"] = sum(counts.values())
    for name, count in counts.items():
        path, ours = folder / name, played.bars.get(name, np.zeros(0, TF_BAR))
        theirs = np.fromfile(path, TF_BAR, count) if path.exists() else np.zeros(0, TF_BAR)
        whole = min(ours.size, theirs.size)
        for i in np.flatnonzero(ours[:whole] != theirs[:whole])[:SHOWN]:
            ts = int(theirs["ts"][i])
            report.differ(ts, f"bars {name} {ts}: {theirs[i]} in the run's file, {ours[i]} in the replay")
        if whole < max(ours.size, theirs.size):
            ts = int((ours if ours.size > whole else theirs)["ts"][whole])
            report.differ(ts, f"bars {name} {ts}: the file holds {theirs.size} bars, the replay makes {ours.size}")


def _differences(ours: dict[str, Any], theirs: dict[str, Any]) -> list[str]:
    return [
        f"{column} is {theirs.get(column)!r} in the ledger, {ours[column]!r} in the replay"
        for column in sorted(ours.keys() - NOT_COMPARED)
        if ours[column] != theirs.get(column) and not (_is_nan(ours[column]) and theirs.get(column) is None)
    ]


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and value != value
