"""check and parity: proofs about a strategy and about a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from engine.cli import backtest as backtests
from engine.cli import compare, store
from engine.cli.candles import from_file, plain_instrument
from engine.cli.failures import FAILED
from engine.cli.output import emit_json, emit_pairs, emit_table, say
from engine.cli.strategy import make_strategy


def register(app: typer.Typer) -> None:
    backtests.register(app)
    compare.register(app)
    app.command(epilog="Example: run_engine.py check sma_cross --data candles.parquet")(check)
    app.command(epilog="Example: run_engine.py parity --run main")(parity)


def check(
    strategy: Annotated[str, typer.Argument(help="a strategy's name, as `strategies` lists it")],
    data: Annotated[Path, typer.Option(help="candles: Parquet, Feather or CSV")],
    rows: Annotated[int | None, typer.Option(min=100, help="use the first N rows")] = None,
    param: Annotated[
        list[str] | None, typer.Option(metavar="K=V", help="a parameter of the strategy; several times for several")
    ] = None,
    symbol: Annotated[str | None, typer.Option(help="[default: from the file's name]")] = None,
    timeframe: Annotated[str | None, typer.Option(help="[default: from the candles' spacing]")] = None,
    repair: Annotated[
        str | None, typer.Option(metavar="drop|fill", help="what to do with defects [default: refuse]")
    ] = None,
    json_out: Annotated[bool, typer.Option("--json", help="print one JSON object")] = False,
) -> None:
    """Prove that a strategy does not look ahead: the data is cut where it decides, and must give the same decision."""
    from engine.research.backtest import bars_of
    from engine.research.lookahead import check as look

    made = make_strategy(strategy, param or [])
    candles = from_file(data, rows, repair, symbol, timeframe)
    instrument = plain_instrument(candles, None)
    found = look(made, bars_of(candles, instrument), instrument)
    rows_out = [vars(violation) for violation in found]
    if json_out:
        emit_json({"strategy": strategy, "bars": len(candles), "ok": not found, "violations": rows_out})
    elif found:
        emit_table(list(rows_out[0]), [list(row.values()) for row in rows_out], "")
    else:
        say(f"{strategy} on {len(candles)} bars: every decision is the same when the data ends there")
    if found:
        raise typer.Exit(FAILED)


def parity(
    run: Annotated[
        str | None, typer.Option("--run", metavar="NAME|N", help="which run [default: the engine heard last]")
    ] = None,
    json_out: Annotated[bool, typer.Option("--json", help="print one JSON object")] = False,
) -> None:
    """Replay a run's tape through the backtester: every order, fill, trade and equity point equal to the last bit."""
    from engine.research.parity import replay

    found = store.find_run(store.open_database(), run)
    report = replay(found["id"])
    if json_out:
        emit_json({"run": found["name"], **vars(report)})
    else:
        emit_pairs({"run": found["name"], **vars(report)})
    if not report.ok:
        raise typer.Exit(FAILED)
