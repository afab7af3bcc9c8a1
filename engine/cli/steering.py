"""shares, weights: what evidence has changed in a run's sizes, every version with its reason, and the way back to one."""

from __future__ import annotations

from typing import Annotated

import typer

from engine.cli import control, store
from engine.cli.output import emit_json, emit_table, when

Back = Annotated[
    int | None,
    typer.Option("--back", metavar="VERSION", min=0, help="go back to this version; 0: every size as configured"),
]


def register(app: typer.Typer) -> None:
    app.command(epilog="Example: run_engine.py shares --back 0")(shares)
    app.command(epilog="Example: run_engine.py weights --back 3")(weights)


def shares(
    run: control.Run = None, back: Back = None, wait: control.Wait = control.WAIT, json_out: control.Json = False
) -> None:
    """What each slot's configured size is multiplied by, newest first ([allocator] in the configuration; off by default)."""
    if back is not None:
        control.send("shares", {"version": back}, run, wait, json_out)
        return
    from engine.ledger import steering_rows

    engine = store.open_database()
    number = store.find_run(engine, run)["id"]
    known = store.rows(engine, "SELECT key, strategy, symbol FROM slot WHERE run_id = :run", run=number)
    slots = {slot["key"]: f"{slot['strategy']}:{slot['symbol']}" for slot in known}
    found = steering_rows.allocations(engine, number)
    made = [{**row, "shares": {slots.get(key, key): value for key, value in row["shares"].items()}} for row in found]
    if json_out:
        emit_json({"shares": made})
        return
    table = [(row["version"], when(row["ts"]), row["author"], _said(row["shares"]), row["why"]) for row in made]
    emit_table(
        ("version", "since", "by", "sizes times", "why"), table, "every size is as configured: nothing has changed one"
    )


def weights(
    run: control.Run = None, back: Back = None, wait: control.Wait = control.WAIT, json_out: control.Json = False
) -> None:
    """The record and weight of each source in each regime, newest first ([learning] in the configuration; off by default)."""
    if back is not None:
        control.send("weights", {"version": back}, run, wait, json_out)
        return
    from engine.ledger import steering_rows

    engine = store.open_database()
    found = steering_rows.weights(engine, store.find_run(engine, run)["id"])
    if json_out:
        emit_json({"weights": found})
        return
    names = ("version", "source", "regime", "resolved", "won", "mean", "weight", "in_force", "why")
    emit_table(names, [[row[name] for name in names] for row in found], "nothing has been learned: every weight is 1")


def _said(shares_: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.2f}" for name, value in shares_.items()) or "all 1"
