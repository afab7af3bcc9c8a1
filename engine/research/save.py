"""A played batch into the database as a run of kind backtest, in small transactions that let the engine's own through.

While it is being written the run's status is `writing`, and nothing shows it; `complete` is its last word. A process that is
killed meanwhile leaves it so, with its own name on it; `fail_broken` finds those.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from decimal import Decimal
from typing import Any

from sqlalchemy import Engine, func, select, update
from sqlmodel import col

import engine as evenkeel
from db.models import Run
from db.session import write_session
from engine.core.types import AccountSpec, Instrument, SlotSpec
from engine.ledger import write
from engine.ledger.names import Context
from engine.ledger.rows import Row, rows_of
from engine.ledger.standing import breaker_rows, position_rows
from engine.research.play import Played
from engine.strategies import catalog

WRITER = "writer"
"""Where a run that is being written names its process, `host:pid`."""


def save_played(
    engine: Engine,
    played: Played,
    *,
    account: AccountSpec,
    instruments: Sequence[Instrument],
    slots: Sequence[SlotSpec],
    params: Sequence[Mapping[str, Any]],
    exchange: str,
    stats: Mapping[str, Any],
    data_hash: str,
    data_grade: str,
    more: Mapping[str, Any] | None = None,
) -> tuple[int, str]:
    """(id, name) of the stored run. `more` is kept beside its account, instruments and slots, such as the study it came of.

    A failure leaves the run `failed` with the reason, and is raised.
    """
    sources = [catalog.source(slot.strategy) for slot in slots]
    told = {**_run_params(account, instruments, slots, params), **(more or {})}
    with write_session(engine) as session:
        name = _free_name(session.execute(select(func.max(col(Run.id)))).scalar() or 0, slots)
        run_id = write.create_run(
            session,
            name=name,
            kind="backtest",
            status="writing",
            exchange=exchange,
            quote=account.quote,
            cash_start=float(account.cash),
            finest_tf_ms=min(slot.timeframe_ms for slot in slots),
            anchor_ts=played.start,
            created_ts=_wall_ms(),
            started_ts=played.start,
            ended_ts=played.end,
            data_hash=data_hash,
            data_grade=data_grade,
            code_hash=evenkeel.KERNEL_HASH,
            params={**told, WRITER: f"{socket.gethostname()}:{os.getpid()}"},
        )
        write.ensure_instruments(session, exchange, instruments)
        ids = write.ensure_slots(session, run_id, slots, params, sources)
    names = tuple(played.machine.breaker_names)
    hashes = tuple(digest for _, digest in sources)
    context = Context(run_id, tuple(instruments), tuple(slots), ids, names, None, hashes)
    try:
        for part in _parts(context, played):
            _paced(engine, part)
    except BaseException as error:
        _finish(engine, run_id, status="failed", error=f"{type(error).__name__}: {error}", params=told)
        raise
    _finish(engine, run_id, status="complete", stats=dict(stats), params=told)
    return run_id, name


def fail_broken(engine: Engine) -> list[int]:
    """Runs whose writer on this machine is gone become `failed`, with the reason; their numbers. For a worker's start."""
    with engine.connect() as connection:
        rows = connection.execute(select(col(Run.id), col(Run.params)).where(col(Run.status) == "writing")).all()
    found = [(number, params) for number, params in rows if _ended(str((params or {}).get(WRITER, "")))]
    for number, params in found:
        told = {name: value for name, value in params.items() if name != WRITER}
        why = "the process that stored it was ended half way, so a part of its rows is missing: store it again"
        _finish(engine, number, status="failed", error=why, params=told)
    return [number for number, _ in found]


def _ended(writer: str) -> bool:
    """Whether a process `host:pid` is known to be gone: one of another machine never is, nor one without a name."""
    host, _, pid = writer.rpartition(":")
    if host != socket.gethostname() or not pid.isdigit():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return int(pid) == os.getpid()  # a worker that starts has stored nothing yet: the name is an earlier process's


def _free_name(last_id: int, slots: Sequence[SlotSpec]) -> str:
    """Runs are named by number, so that two of the same strategy differ."""
    what = slots[0].strategy if len(slots) == 1 else f"{len(slots)} slots"
    return f"{what} {slots[0].symbol} #{last_id + 1}"


def _run_params(
    account: AccountSpec,
    instruments: Sequence[Instrument],
    slots: Sequence[SlotSpec],
    params: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    """Everything that made the run; the audit reads `instruments`, whose fees another backtest may change in their table."""
    return {
        "account": _plain(asdict(account)),
        "instruments": [_plain(asdict(one)) for one in instruments],
        "slots": [{**_plain(asdict(slot)), "params": dict(own)} for slot, own in zip(slots, params, strict=True)],
    }


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: f"{value:f}" if isinstance(value, Decimal) else value for name, value in values.items()}


def _parts(context: Context, played: Played) -> Iterator[Callable[[Any], None]]:
    """Writes of at most 500 rows each, orders before their fills."""
    tables = rows_of(context, played.reports, played.facts)
    ordered = [table for table in write.FIRST if table in tables] + [t for t in tables if t not in write.FIRST]
    for table in ordered:
        rows = tables[table]
        for start in range(0, len(rows), write.BATCH):
            yield _insert(table, rows[start : start + write.BATCH])
    positions = position_rows(context, played.machine, played.end)
    yield lambda connection: write.replace_positions(connection, context.run_id, positions)
    yield lambda connection: write.write_rows(connection, breaker_rows(context, played.machine))


def _insert(table: Any, rows: list[Row]) -> Callable[[Any], None]:
    return lambda connection: write.write_rows(connection, {table: rows})


def _paced(engine: Engine, part: Callable[[Any], None]) -> None:
    """One transaction, then a pause of its own length: a running engine's commits wait for one, never for a row of them."""
    begun = time.perf_counter()
    with engine.execution_options(write=True).begin() as connection:
        part(connection)
    time.sleep(time.perf_counter() - begun)


def _finish(engine: Engine, run_id: int, **values: Any) -> None:
    with engine.execution_options(write=True).begin() as connection:
        connection.execute(update(Run).where(col(Run.id) == run_id).values(**values))


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000
