"""import-trades: closed trades of elsewhere as a run of their own, looked at first."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from engine.cli import store
from engine.cli.failures import FAILED, USAGE, Fail
from engine.cli.output import emit_json, emit_pairs, emit_table, say, when


def register(app: typer.Typer) -> None:
    app.command("import-trades", epilog="Example: run_engine.py import-trades tradesv3.sqlite --dry-run")(import_trades)


def import_trades(
    file: Annotated[Path, typer.Argument(help="our export, freqtrade's database, JSON or zip, or any CSV")],
    map_: Annotated[
        list[str] | None,
        typer.Option("--map", metavar="OURS=THEIRS", help="which column is which, such as qty=Amount; several times"),
    ] = None,
    name: Annotated[
        str, typer.Option(help="what the account is called, where the file does not say [default: the file's name]")
    ] = "",
    zone: Annotated[str, typer.Option(help="of times without one: UTC, Europe/Berlin")] = "",
    decimal: Annotated[str, typer.Option(help="the decimal sign, where it is a comma: ,")] = "",
    quote: Annotated[str, typer.Option(help="the money it is counted in")] = "USD",
    cash: Annotated[
        float, typer.Option(min=0.01, help="what the account began with: percentages rest on it")
    ] = 10_000.0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="show what would be imported, and write nothing")] = False,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="leave wrong rows out instead of refusing the file")
    ] = False,
    json_out: Annotated[bool, typer.Option("--json", help="print one JSON object")] = False,
) -> None:
    """Bring trades in; what is there already is left alone, so the same file twice adds nothing."""
    from engine.ledger.import_read import Options, read
    from engine.ledger.imports import apply, preview, refuse_if_wrong

    options = Options(_mapping(map_ or []), zone, decimal, name)
    if decimal not in ("", ",", "."):
        raise Fail("--decimal is , or .", USAGE)
    engine = store.open_database(read_only=dry_run)
    found = read(file, options)
    planned = preview(engine, found, name or file.stem, {"quote": quote})
    _show(planned, json_out and dry_run, dry_run)
    if dry_run:
        if planned.wrong and not skip_bad:
            raise typer.Exit(FAILED)
        return
    refuse_if_wrong(planned, skip_bad)
    runs = apply(engine, planned, cash)
    names = [part.name for part in planned.parts]
    if json_out:
        emit_json(
            {"imported": planned.new, "known": planned.known, "wrong": planned.wrong, "runs": names, "run_ids": runs}
        )
    else:
        say(f"imported {planned.new:,} trades as {', '.join(names)}; {planned.known:,} were there already")


def _mapping(said: list[str]) -> dict[str, str]:
    pairs = [text.partition("=") for text in said]
    if any(not sign or not theirs for _, sign, theirs in pairs):
        raise Fail("--map takes OURS=THEIRS, such as --map qty=Amount", USAGE)
    return {ours.strip(): theirs.strip() for ours, _, theirs in pairs}


def _show(planned: Any, json_out: bool, rows: bool) -> None:
    """What was understood: to stdout for a dry run, to stderr before writing."""
    if json_out:
        emit_json(
            {
                **{
                    name: getattr(planned, name)
                    for name in ("source", "total", "new", "known", "wrong", "notes", "mapping")
                },
                "problems": [{"line": line, "problem": text} for line, text in planned.problems],
                "runs": [{"name": part.name, "new": len(part.rows)} for part in planned.parts],
            }
        )
        return
    for note in planned.notes:
        say(f"note: {note}")
    for line, problem in planned.problems[:20]:
        say(f"line {line}: {problem}")
    if planned.wrong > 20:
        say(f"and {planned.wrong - 20:,} more")
    if not rows:
        return
    emit_pairs(
        {
            "read as": planned.source,
            "rows": planned.total,
            "new": planned.new,
            "known": planned.known,
            "wrong": planned.wrong,
        }
    )
    first = [(part, row) for part in planned.parts for row in part.rows[:5]]
    table = [
        (part.name, row["symbol"], row["side"], row["qty"], when(row["entry_ts"]), when(row["exit_ts"]), row["pnl"])
        for part, row in first
    ]
    emit_table(("run", "symbol", "side", "qty", "opened", "closed", "pnl"), table, "nothing new")
