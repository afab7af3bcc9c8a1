"""check and parity: proofs about a strategy and about a run, as commands. What is proven, and how, is engine.research's."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engine.cli import backtest as backtests
from engine.cli import compare, store, sweep, walk_forward
from engine.cli.candles import from_file, plain_instrument
from engine.cli.failures import FAILED
from engine.cli.output import emit_json, emit_pairs, emit_table, say, when
from engine.cli.strategy import make_strategy

if TYPE_CHECKING:
    from engine.research.versus import Versus


def register(app: typer.Typer) -> None:
    backtests.register(app)
    compare.register(app)
    walk_forward.register(app)
    sweep.register(app)
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
    candles: Annotated[
        bool, typer.Option("--candles", help="also against an ordinary backtest on the stored candles of its time")
    ] = False,
    json_out: Annotated[bool, typer.Option("--json", help="print one JSON object")] = False,
) -> None:
    """Replay a run's tape through the backtester: every order, fill, trade and equity point equal to the last bit."""
    from engine.research.parity import replay

    engine = store.open_database()
    found = store.find_run(engine, run)
    report = replay(found["id"])
    told = {"run": found["name"], **{name: value for name, value in vars(report).items() if name[0] != "_"}}
    beside = None
    if candles:
        from engine.cli.data import candle_store
        from engine.research.versus import versus

        beside = versus(engine, int(found["id"]), candle_store())
    if json_out:
        emit_json(told if beside is None else {**told, "candles": beside.as_dict()})
    else:
        emit_pairs(told)
        if beside is not None:
            _print_versus(beside)
    if not report.ok:
        raise typer.Exit(FAILED)


def _print_versus(beside: Versus) -> None:
    from engine.research.versus import worst

    typer.echo(f"\n{beside.sentence}")
    emit_table(["cause", "money"], [[cause, money] for cause, money in beside.by_cause.items()], "no difference")
    rows = [
        [when(one.deal.entry_ts), one.deal.symbol, one.money, one.cause, one.sentence]
        for one in worst(beside.differences)
    ]
    if rows:
        typer.echo("")
        emit_table(["entered", "symbol", "money apart", "cause", "why"], rows, "")
    met = beside.costs
    if met.slippage_bps is not None:
        typer.echo(f"\nslippage met: {met.slippage_bps:.2f} bps over {met.fills} market fills; --slippage-bps takes it")
    for note in beside.notes:
        say(f"note: {note}")
