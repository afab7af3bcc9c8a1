"""sweep: a strategy over many parameter sets. What is run is a study, as in a backtest; results go to an Arrow file."""

from __future__ import annotations

import math
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from engine.cli import backtest as backtests
from engine.cli import candles as sources
from engine.cli import store, walk_forward
from engine.cli.failures import FAILED, USAGE, Fail
from engine.cli.output import emit_json, emit_pairs, emit_table, say, say_compiling, when

if TYPE_CHECKING:
    from engine.market.candles import Candles
    from engine.research.grid import Points
    from engine.research.study import Study
    from engine.research.sweep_table import Table

EXAMPLE = (
    "Example: run_engine.py sweep sma_cross --data candles.parquet --grid fast=5:24:1 --grid slow=25:74:1 --stop 0.02"
)
SHOWN = ("trades", "sharpe", "total_return", "max_drawdown", "profit_factor", "win_rate")


def register(app: typer.Typer) -> None:
    app.command(epilog=EXAMPLE)(sweep)


def sweep(
    strategy: Annotated[str, typer.Argument(help="a strategy's name, as `strategies` lists it")],
    grid: Annotated[
        list[str] | None,
        typer.Option(
            metavar="K=A:B:STEP", help="values of a parameter, or of stop, target, size, fee, ...; or K=a,b,c"
        ),
    ] = None,
    random: Annotated[int, typer.Option(min=0, help="so many sets drawn at random [default: every one]")] = 0,
    seed: Annotated[int, typer.Option(help="of what is drawn at random")] = 0,
    metric: Annotated[str, typer.Option(help="statistic to order by: sharpe, calmar, total_return, ...")] = "sharpe",
    least: Annotated[bool, typer.Option("--least", help="the lowest first")] = False,
    top: Annotated[int, typer.Option(min=1, help="sets shown")] = 20,
    workers: Annotated[int, typer.Option(min=0, help="threads [default: one a processor]")] = 0,
    out: Annotated[Path | None, typer.Option(help="the results' Arrow file [default: in the data folder]")] = None,
    force: Annotated[bool, typer.Option("--force", help="run more than a million sets")] = False,
    open_seal: Annotated[
        bool, typer.Option("--open-seal", help="stored candles: run over the sealed last fifth too; that is counted")
    ] = False,
    data: Annotated[Path | None, typer.Option(help="candles: Parquet, Feather or CSV")] = None,
    rows: Annotated[int | None, typer.Option(min=1, help="the file's first N rows")] = None,
    repair: Annotated[str | None, typer.Option(metavar="drop|fill", help="for files with defects")] = None,
    exchange: Annotated[str | None, typer.Option(help="stored candles of this exchange instead of a file")] = None,
    symbol: Annotated[str | None, typer.Option(help="BTC/USD, BTC-USD or BTCUSD")] = None,
    timeframe: Annotated[str | None, typer.Option(help="1m, 5m, 15m, 1h, 4h, 1d")] = None,
    from_: Annotated[str | None, typer.Option("--from", metavar="DAY", help="first day, UTC")] = None,
    to: Annotated[str | None, typer.Option("--to", metavar="DAY", help="up to this moment, UTC")] = None,
    param: Annotated[list[str] | None, typer.Option(metavar="K=V", help="a parameter that is not varied")] = None,
    cash: Annotated[str, typer.Option(help="starting cash in quote currency")] = "1000",
    fee: Annotated[str | None, typer.Option(help="fee, a fraction [default: Coinbase's entry tier]")] = None,
    slippage_bps: Annotated[float, typer.Option(min=0, max=1000, help="of market orders and stops")] = 5.0,
    size: Annotated[float, typer.Option(help="fraction of equity an entry uses")] = 0.2,
    stop: Annotated[float | None, typer.Option(help="stop loss as a fraction of the fill")] = None,
    target: Annotated[float | None, typer.Option(help="take profit as a fraction of the fill")] = None,
    research: Annotated[
        bool,
        typer.Option("--research/--exact", help="size at the fill as other libraries do, or as an exchange makes us"),
    ] = False,
    short: Annotated[bool, typer.Option("--short", help="take short entries too")] = False,
    json_out: Annotated[bool, typer.Option("--json", help="print one JSON object")] = False,
) -> None:
    """Run a strategy over many parameter sets. Ctrl-C keeps what is done; the same command goes on from there."""
    from engine.research.sweep import sweep as run

    candles = (
        sources.from_file(data, rows, repair, symbol, timeframe)
        if data is not None
        else _unsealed(backtests._stored(exchange, symbol, timeframe, from_, to), open_seal)
    )
    words = {"cash": cash, "fee": fee, "slippage_bps": slippage_bps, "size": size, "stop": stop, "target": target}
    study = _study(strategy, param or [], candles, exchange or ("" if data else "coinbase"), short, research, words)
    points = _points(study, grid or [], random, seed, force)
    _known(metric)
    own = {study.setup.instruments[0].symbol: candles}
    path = out or _default_path(study, points, own)
    say_compiling()
    begun = time.perf_counter()
    with _interrupted() as stop_asked:
        table = run(study, points, own, workers or None, _said, stop_asked.is_set, path, force=force)
    seconds = time.perf_counter() - begun
    if sys.stderr.isatty():
        say("")
    _count(study, table, own, "sweep_all" if data is not None or open_seal else "sweep", open_seal)
    told = _told(study, candles, table, metric, least, seconds)
    if json_out:
        emit_json({**told, "results": [table.row(int(i)) for i in table.order(metric, least=least)]})
    else:
        _print(table, told, metric, least, top)
    if not table.complete:
        say(f"stopped: {len(table):,} of {table.total:,} sets are kept; the same command goes on from there")
        raise typer.Exit(FAILED)


def _study(
    name: str, param: list[str], candles: Candles, exchange: str, short: bool, research: bool, words: dict[str, Any]
) -> Study:
    from dataclasses import replace

    made = walk_forward._study(name, param, candles, exchange, short, words)
    return replace(made, setup=replace(made.setup, account=replace(made.setup.account, research=research)))


def _points(study: Study, texts: list[str], count: int, seed: int, force: bool) -> Points:
    """The grid, or what is drawn from it; without a grid what is drawn from all that is declared."""
    from engine.research.grid import Grid, axis, checked, declared, drawn
    from engine.research.space import Space

    space = Space(study)
    if not texts and not count:
        raise Fail(
            "say what to vary, as in --grid fast=5:50:5, or --random N; there are " + ", ".join(space.parameters), USAGE
        )
    if count:
        axes = [axis(space, text) for text in texts] if texts else declared(space)
        return drawn(space, axes, count, seed)
    points = Grid.of(space, texts)
    checked(points, force=force)
    return points


def _known(metric: str) -> None:
    from engine.research.sweep_figures import FIGURES

    if metric not in FIGURES:
        raise Fail(f"--metric {metric} is not kept by a sweep; there are {', '.join(FIGURES)}", USAGE)


def _unsealed(candles: Candles, opened: bool) -> Candles:
    """The last fifth of stored candles is kept from what chooses, unless it is asked for."""
    from engine.research.seal import unsealed

    if opened:
        say("note: the sealed last fifth is open to this sweep; what is chosen here cannot be tested on it any more")
        return candles
    left = unsealed(candles)
    say(f"note: the last {len(candles) - len(left):,} of {len(candles):,} candles stay sealed (--open-seal)")
    return left


def _default_path(study: Study, points: Points, candles: dict[str, Candles]) -> Path:
    from engine.research.space import Space
    from engine.research.sweep import sweep_key

    store.point_to_data()
    return store.data_dir() / "sweeps" / f"{sweep_key(study, points, candles, Space(study))}.arrow"


@contextmanager
def _interrupted() -> Iterator[threading.Event]:
    """The first Ctrl-C or SIGTERM asks the sweep to end after what is being run; a second one ends the process."""
    asked = threading.Event()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def ask(number: int, _: Any) -> None:
        asked.set()
        signal.signal(number, signal.SIG_DFL)

    for number in before:
        signal.signal(number, ask)
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _said(share: float, words: str) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r{share:4.0%}  {words:<40}")
        sys.stderr.flush()


def _count(study: Study, table: Table, candles: dict[str, Candles], origin: str, opened: bool) -> None:
    """Every set that was run is a trial, and a look at the sealed part an opening, where there is a database to count in."""
    from engine.cli.trials import engine_for

    engine = engine_for(False)
    if engine is None or not len(table):
        return
    from sqlalchemy.exc import SQLAlchemyError

    from engine.research.lineage import count_trial, data_set_of, keys_of, source_of, strategies_of
    from engine.research.seal import open_seal, seal_ts, sentence, span_of
    from engine.research.space import Space

    space, setup = Space(study), study.setup
    keys = keys_of(space.at(table.point(i)).setup for i in range(len(table)))
    try:
        count_trial(
            engine, strategies_of(setup), data_set_of(setup, *span_of(candles)), source_of(setup), keys,
            table.column("sharpe_daily"), origin,
        )  # fmt: skip
        if opened:
            from_ts, to_ts = span_of(candles)
            exchange = study.sources[0].exchange if study.sources else "file"
            cut = seal_ts(from_ts, to_ts)
            times = open_seal(
                engine, exchange, list(candles), "", strategies_of(setup), cut, to_ts, "sweep over all data"
            )
            say(f"note: {sentence(times)}")
    except SQLAlchemyError as error:
        say(f"note: these trials could not be counted: {type(error).__name__}")
    finally:
        engine.dispose()


def _told(study: Study, candles: Candles, table: Table, metric: str, least: bool, seconds: float) -> dict[str, Any]:
    """What the sweep was and found; the first set is never told without the number of trials and its deflated Sharpe."""
    from engine.market.symbols import timeframe_name
    from engine.research.sweep_plateau import plateau

    slot = study.setup.slots[0]
    found: dict[str, Any] = {
        "strategy": slot.strategy, "symbol": slot.symbol, "timeframe": timeframe_name(slot.timeframe_ms),
        "bars": len(candles), "start": int(candles.ts[0]), "end": int(candles.ts[-1]) + candles.timeframe_ms,
        "sets": table.total, "run": len(table), "excluded": table.excluded, "failed": table.failed,
        "complete": table.complete, "file": str(table.path), "elapsed_seconds": seconds, "metric": metric,
    }  # fmt: skip
    if not len(table):
        return found
    first = int(table.order(metric, least=least)[0])
    try:
        around = float(plateau(table, metric)[first])
    except ValueError:  # drawn points are no grid
        around = math.nan
    return {
        **found, "first": table.row(first), "neighbours": around if math.isfinite(around) else None,
        "trials": len(table), "deflated_sharpe": _deflated(table, first),
    }  # fmt: skip


def _deflated(table: Table, row: int) -> float | None:
    """Of the set in this row, as the best of all that this sweep tried; None where it has none."""
    import numpy as np

    from engine.analytics.doubt import deflated_sharpe_of
    from engine.analytics.values import Undefined

    known = table.column("sharpe_daily")
    known = known[np.isfinite(known)]
    if known.size < 2 or not table.daily.shape[1]:
        return None
    try:
        return float(deflated_sharpe_of(table.daily[row], len(table), float(known.var(ddof=1))))
    except Undefined:
        return None


def _print(table: Table, told: dict[str, Any], metric: str, least: bool, top: int) -> None:
    shown = [name for name in (metric, *SHOWN) if name != metric or name not in SHOWN]
    order = table.order(metric, least=least)[:top]
    rows = [table.row(int(i)) for i in order]
    emit_table(
        [*table.names, *shown], [[row[name] for name in (*table.names, *shown)] for row in rows], "no set was run"
    )
    sys.stdout.write("\n")
    pairs = {name: value for name, value in told.items() if name != "first"}
    emit_pairs({**pairs, "start": when(told["start"]), "end": when(told["end"])})
    if table.failed:
        error = next(row["error"] for row in (table.row(i) for i in range(len(table))) if row["error"])
        say(f"note: {table.failed} sets could not be run; the first says: {error}")
