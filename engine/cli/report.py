"""report: one HTML file of a run, of one of its strategies, or of a stretch of its time."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from engine.cli import store
from engine.cli.failures import USAGE, Fail
from engine.cli.output import emit_json, say

DAY_MS = 86_400_000


def register(app: typer.Typer) -> None:
    app.command(epilog="Example: run_engine.py report --run main --from 2026-03-01 --out march.html")(report)


def report(
    out: Annotated[Path, typer.Option(metavar="FILE.html", help="where it is written")],
    run: Annotated[
        str | None, typer.Option("--run", metavar="NAME|N", help="which run [default: the one heard last]")
    ] = None,
    strategy: Annotated[str, typer.Option(help="this strategy's closed trades alone")] = "",
    first: Annotated[str | None, typer.Option("--from", metavar="DAY", help="first UTC day, 2026-03-01")] = None,
    last: Annotated[str | None, typer.Option("--to", metavar="DAY", help="last UTC day, in it")] = None,
    section: Annotated[list[str] | None, typer.Option(help="only these, one --section each [default: all]")] = None,
    json_out: Annotated[bool, typer.Option("--json", help="print one JSON object")] = False,
) -> None:
    """Write a tear sheet that opens anywhere: statistics, curves, months, trades, attribution, verdict, configuration."""
    from engine.cli.data import parse_day
    from engine.research import report as reporting

    if out.suffix.lower() not in (".html", ".htm"):
        raise Fail(f"a report is an HTML file: --out {out.with_suffix('.html')}", USAGE)
    unknown = [name for name in section or [] if name not in reporting.SECTIONS]
    if unknown:
        raise Fail(f"no section {unknown[0]!r}; there are {', '.join(reporting.SECTIONS)}", USAGE)
    engine = store.open_database()
    number = int(store.find_run(engine, run)["id"])
    since = parse_day(first) if first else 0
    until = parse_day(last) + (DAY_MS if len(last) == 10 else 0) if last else 0
    made = reporting.write(engine, reporting.Ask(number, strategy, since, until, tuple(section or ())), out)
    if json_out:
        emit_json({"run_id": number, "file": str(made), "bytes": made.stat().st_size})
        return
    say(f"written: {made}")
