"""audit: the books of a run done again in decimals, from its fills alone."""

from __future__ import annotations

from typing import Annotated

import typer

from engine.cli import store
from engine.cli.failures import FAILED
from engine.cli.output import emit_json, emit_pairs, say


def register(app: typer.Typer) -> None:
    app.command(epilog="Example: run_engine.py audit --run main")(audit)


def audit(
    run: Annotated[
        str | None, typer.Option("--run", metavar="NAME|N", help="which run [default: the engine heard last]")
    ] = None,
    json_out: Annotated[bool, typer.Option("--json", help="print one JSON object")] = False,
) -> None:
    """Derive cash, positions, fees and trades from the fills in Decimal; ends with 1 where a digit differs."""
    from engine.ledger.audit import audit as audit_books

    engine = store.open_database()
    found = store.find_run(engine, run)
    report = audit_books(engine, found["id"])
    values = {"run": found["name"], **vars(report)}
    if json_out:
        emit_json(values)
    else:
        problems, more = values.pop("problems"), values.pop("more_problems")
        emit_pairs(values)
        for problem in problems:
            say(problem)
        if more:
            say(f"and {more:,} more")
    if not report.ok:
        raise typer.Exit(FAILED)
