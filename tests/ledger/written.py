"""A scene of the oracles run by the machine and written as a run, as the recorder and a saved backtest would."""

from __future__ import annotations

import itertools
from dataclasses import asdict
from decimal import Decimal
from typing import Any

from sqlalchemy import Engine

from db.session import write_session
from engine.core.machine import Machine, Reports
from engine.ledger import rows, write
from engine.ledger.rows import Context, SignalFacts
from tests.oracles.agree import Scene

_NUMBERS = itertools.count(1)


def begun(engine: Engine, scene: Scene) -> Context:
    """A new run's rows: run, instruments, slots."""
    machine = scene.machine()
    with write_session(engine) as session:
        run_id = write.create_run(
            session,
            name=f"scene {next(_NUMBERS)}",
            kind="backtest",
            status="writing",
            exchange="file",
            quote=scene.account.quote,
            cash_start=float(scene.account.cash),
            created_ts=0,
            params={"instruments": [_plain(asdict(one)) for one in scene.instruments]},
        )
        write.ensure_instruments(session, "file", list(scene.instruments))
        sources = [("text", "hash")] * len(scene.slots)
        ids = write.ensure_slots(session, run_id, list(scene.slots), [{}] * len(scene.slots), sources)
    names = tuple(machine.breaker_names)
    return Context(run_id, tuple(scene.instruments), tuple(scene.slots), ids, names, None, ("hash",) * len(ids))


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    return {name: f"{value:f}" if isinstance(value, Decimal) else value for name, value in values.items()}


def facts_of(scene: Scene) -> dict[int, SignalFacts]:
    return {int(row["signal_id"]): SignalFacts(row, "tag", {"up": True}) for row in scene.decisions}


def written(engine: Engine, scene: Scene) -> tuple[Context, Machine, Reports]:
    """The scene played and stored whole."""
    context, machine = begun(engine, scene), scene.machine()
    reports = machine.run(scene.frames(), scene.decisions, scene.payments(), scene.until)
    store(engine, context, machine, reports, facts_of(scene), scene.until)
    return context, machine, reports


def store(
    engine: Engine, context: Context, machine: Machine, reports: Reports, facts: dict[int, SignalFacts], now: int
) -> None:
    with engine.execution_options(write=True).begin() as connection:
        write.write_rows(connection, rows.rows_of(context, reports, facts))
        write.write_rows(connection, rows.breaker_rows(context, machine))
        write.write_rows(connection, rows.slot_equity_rows(context, machine, now))
        write.replace_positions(connection, context.run_id, rows.position_rows(context, machine, now))
