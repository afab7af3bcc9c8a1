"""walk-forward: choose parameters on one span, trade the next, again and again, and see what is left of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from engine.cli import backtest as backtests
from engine.cli import candles as sources
from engine.cli import options
from engine.cli.output import emit_json, emit_pairs, emit_table, say, say_compiling, when
from engine.cli.strategy import make_strategy
from engine.cli.tables import check_kind, write_table

if TYPE_CHECKING:
    from engine.market.candles import Candles
    from engine.research.study import Study
    from engine.research.walk_forward_study import Walked

EXAMPLE = (
    "Example: run_engine.py walk-forward sma_cross --symbol BTC/USD --timeframe 1h --grid fast=5:20:5 --grid slow=30:90:20 "
    "--folds 6 --save"
)


def register(app: typer.Typer) -> None:
    app.command("walk-forward", epilog=EXAMPLE)(walk_forward)


def walk_forward(
    strategy: Annotated[str, typer.Argument(help="a strategy's name, as `strategies` lists it")],
    grid: Annotated[
        list[str] | None, typer.Option(metavar="K=A:B:STEP", help="what to choose from, or K=a,b,c; several times")
    ] = None,
    random: Annotated[int, typer.Option(min=0, help="so many of the grid's sets, drawn at random [default: all]")] = 0,
    folds: Annotated[int, typer.Option(min=1, max=200, help="tests")] = 5,
    train: Annotated[float, typer.Option(help="share of the data before the first test")] = 0.5,
    train_days: Annotated[float, typer.Option(min=0, help="days to choose on, instead of --train")] = 0.0,
    test_days: Annotated[float, typer.Option(min=0, help="days of a test, instead of --folds")] = 0.0,
    anchored: Annotated[bool, typer.Option("--anchored/--rolling", help="choose on all before a test")] = False,
    metric: Annotated[str, typer.Option(help="statistic to choose by: sharpe, cagr, calmar, ...")] = "sharpe",
    least: Annotated[bool, typer.Option("--least", help="choose the lowest of it")] = False,
    open_seal: Annotated[
        bool, typer.Option("--open-seal", help="walk into the sealed last fifth too; that is counted")
    ] = False,
    data: options.Data = None,
    rows: options.Rows = None,
    repair: options.Repair = None,
    exchange: options.Exchange = None,
    symbol: options.Symbol = None,
    timeframe: options.Timeframe = None,
    from_: options.From = None,
    to: options.To = None,
    param: Annotated[list[str] | None, typer.Option(metavar="K=V", help="a parameter that is not chosen")] = None,
    cash: options.Cash = "1000",
    fee: options.Fee = None,
    slippage_bps: options.SlippageBps = 5.0,
    size: options.Size = 0.2,
    stop: options.Stop = None,
    target: options.Target = None,
    short: options.Short = False,
    save: Annotated[bool, typer.Option("--save", help="keep the stitched run in the database, for the app")] = False,
    equity_out: Annotated[Path | None, typer.Option(help="the stitched curve: .csv, .json or .parquet")] = None,
    json_out: Annotated[bool, typer.Option("--json", help="print one JSON object")] = False,
) -> None:
    """Choose on one span, trade the next: the stitched out-of-sample run, how much of the promise it kept, and the verdict."""
    from engine.cli.trials import engine_for
    from engine.research.walk_forward_study import Ask, walk_study

    check_kind(equity_out)
    candles = sources.chosen(data, rows, repair, (exchange, symbol, timeframe), (from_, to))
    words = {"cash": cash, "fee": fee, "slippage_bps": slippage_bps, "size": size, "stop": stop, "target": target}
    study = _study(strategy, param or [], candles, exchange or ("" if data else "coinbase"), short, words)
    ask = Ask(folds, train, train_days, test_days, anchored, metric, least, not open_seal, random)
    say_compiling()
    made = walk_study(
        study,
        grid or [],
        {study.setup.instruments[0].symbol: candles},
        ask,
        engine_for(save),
        save=save,
        progress=_said,
    )
    say("")
    if equity_out is not None:
        curve = made.walk.account.curve
        write_table(equity_out, {"ts": curve.ts, "equity": curve.equity})
    if json_out:
        emit_json(made.as_dict())
    else:
        _print(made)


def _study(name: str, param: list[str], candles: Candles, exchange: str, short: bool, words: dict[str, Any]) -> Study:
    """The same backtest as `backtest` would run, as a study."""
    from engine.core.setup import Setup
    from engine.research.study import Source, Study

    fee = None if words["fee"] is None else backtests.amount("fee", words["fee"])
    options = backtests.Options(
        cash=backtests.amount("cash", words["cash"]), maker=fee, taker=fee, slippage_bps=words["slippage_bps"],
        size=words["size"], stop=words["stop"], target=words["target"], short=short,
    )  # fmt: skip
    options.check()
    spec = backtests._spec(name, make_strategy(name, param), candles, exchange, options)
    setup = Setup(spec.account, (spec.instrument,), (spec.slot,), (spec.params,), (), 0, 0)
    return Study(setup, (Source(spec.instrument.symbol, exchange),))


def _said(share: float, words: str) -> None:
    import sys

    if sys.stderr.isatty():
        sys.stderr.write(f"\r{share:4.0%}  {words:<40}")
        sys.stderr.flush()


def _print(made: Walked) -> None:
    folds = [made.fold_row(k) for k in range(len(made.walk.folds))]
    emit_table(
        ["test from", "to", "chosen", made.ask.metric, "return", "trades"],
        [
            [
                when(row["test_from"]), when(row["test_to"]),
                ", ".join(f"{k}={v}" for k, v in row["point"].items()) or "as given", row["score"], row["test_return"],
                row["trades"],
            ]
            for row in folds
        ],
        "",
    )  # fmt: skip
    told = made.as_dict()
    left_out = ("folds", "doubt", "undefined", "why_no_efficiency")
    pairs = {name: value for name, value in told.items() if name not in left_out}
    typer.echo("")
    emit_pairs({**pairs, "start": when(told["start"]), "end": when(told["end"])})
    typer.echo(f"\n{made.doubt.verdict.grade}: {made.doubt.verdict.sentence}")
    if told["why_no_efficiency"]:
        say(f"note: no efficiency: {told['why_no_efficiency']}")
