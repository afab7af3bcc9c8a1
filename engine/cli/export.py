"""export: trades, fills, orders, signals and equity as CSV, JSON or Parquet, and fills as tax programs read them."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from engine.cli import store
from engine.cli.data import parse_day
from engine.cli.failures import USAGE, Fail
from engine.cli.output import say

if TYPE_CHECKING:
    from sqlalchemy import Engine


def register(app: typer.Typer) -> None:
    app.command(
        epilog="Example: run_engine.py export trades --format csv --from 2026-01-01 --run main --out trades.csv"
    )(export)


def export(
    table: Annotated[str, typer.Argument(help="trades, fills, tax, orders, signals or equity")] = "trades",
    format_: Annotated[
        str | None, typer.Option("--format", help="csv, json or parquet [default: as --out says]")
    ] = None,
    from_: Annotated[str | None, typer.Option("--from", metavar="DAY", help="from this UTC day or moment on")] = None,
    to: Annotated[str | None, typer.Option("--to", metavar="DAY", help="up to this moment, UTC")] = None,
    run: Annotated[
        list[str] | None,
        typer.Option("--run", metavar="NAME|N", help="which run; several times for several [default: every account]"),
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="write here [default: stdout]")] = None,
    symbol: Annotated[str, typer.Option(help="trades of this symbol alone")] = "",
    strategy: Annotated[str, typer.Option(help="trades of this strategy alone")] = "",
    tag: Annotated[str, typer.Option(help="trades with this tag: a signal's, #yours or !mistake")] = "",
) -> None:
    """Write a table whole, times in ms UTC, with all digits; trades can be imported again by `import-trades`."""
    from engine.ledger.export import TABLES, trades
    from engine.ledger.export import table as read
    from engine.ledger.selection import Filter

    if table not in TABLES:
        raise Fail(f"no table {table!r}: {', '.join(TABLES)}", USAGE)
    format_ = _format(format_, out)
    since, until = (parse_day(text) if text else 0 for text in (from_, to))
    if table != "trades" and (symbol or strategy or tag):
        raise Fail("--symbol, --strategy and --tag choose among trades", USAGE)
    engine = store.open_database()
    runs = _runs(engine, run)
    chosen = Filter(symbol=symbol, strategy=strategy, tag=tag, since=since, until=until)
    found = trades(engine, runs, chosen) if table == "trades" else read(engine, table, runs, since, until)
    _put(found.file(format_), out)
    say(f"{found.rows:,} rows of {table}" + (f" to {out}" if out else ""))


def _format(said: str | None, out: Path | None) -> str:
    from engine.ledger.sheets import FORMATS

    chosen = said or (out.suffix.lstrip(".").lower() if out else "csv")
    if chosen not in FORMATS:
        raise Fail(f"no format {chosen!r}: {', '.join(FORMATS)}", USAGE)
    if chosen == "parquet" and out is None:
        raise Fail("Parquet is no text: say where to write it with --out FILE", USAGE)
    return chosen


def _runs(engine: Engine, said: list[str] | None) -> list[int]:
    """The runs that were named; without a name every account and import, backtests left out."""
    if said:
        return [int(store.find_run(engine, name)["id"]) for name in dict.fromkeys(said)]
    found = store.rows(engine, "SELECT id FROM run WHERE kind <> 'backtest' AND status <> 'writing' ORDER BY id")
    if not found:
        raise Fail("no account has run here yet; name a backtest with --run")
    return [int(row["id"]) for row in found]


def _put(content: bytes, out: Path | None) -> None:
    """Whole or not at all."""
    if out is None:
        stream: Any = sys.stdout
        getattr(stream, "buffer", stream).write(content if hasattr(stream, "buffer") else content.decode())
        stream.flush()
        return
    out.parent.mkdir(parents=True, exist_ok=True)
    part = out.with_name(out.name + ".part")
    part.write_bytes(content)
    os.replace(part, out)
