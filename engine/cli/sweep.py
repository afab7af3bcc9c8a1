"""sweep: a strategy over many parameter sets, all of a grid, some at random, or those that a search asks for. What is run is a
study, as in a backtest; results go to an Arrow file. What is said of them is in engine.cli.sweep_told.
"""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from engine.cli import candles as sources
from engine.cli import options, store, walk_forward
from engine.cli.failures import FAILED, USAGE, Fail
from engine.cli.output import emit_json, say, say_compiling

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from engine.market.candles import Candles
    from engine.research.grid import Points
    from engine.research.optimise import Search
    from engine.research.study import Study
    from engine.research.sweep import Runner
    from engine.research.sweep_table import Table

EXAMPLE = (
    "Example: run_engine.py sweep sma_cross --data candles.parquet --grid fast=5:24:1 --grid slow=25:74:1 --stop 0.02"
)
METHODS = ("grid", "random", "tpe", "nsga2")
TRIALS = 200


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
    method: Annotated[
        str, typer.Option(metavar="|".join(METHODS), help="every set, some at random, or a search that learns")
    ] = "grid",
    trials: Annotated[int, typer.Option(min=0, help="sets to try, of random, tpe and nsga2 [default: 200]")] = 0,
    objective: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME[:min]", help="what a search wants; nsga2 takes two [default: --metric]"),
    ] = None,
    min_trades: Annotated[int, typer.Option(min=1, help="closed trades that a search asks of a set")] = 10,
    random: Annotated[int, typer.Option(min=0, help="the same as --method random --trials N")] = 0,
    seed: Annotated[int, typer.Option(min=0, help="of what is drawn or searched")] = 0,
    metric: Annotated[str, typer.Option(help="statistic to order by: sharpe, calmar, total_return, ...")] = "sharpe",
    least: Annotated[bool, typer.Option("--least", help="the lowest first")] = False,
    top: Annotated[int, typer.Option(min=1, help="sets shown")] = 20,
    workers: Annotated[int, typer.Option(min=0, help="threads [default: one a processor]")] = 0,
    cluster: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="run on the Dask cluster at this address, as in tcp://host:8786"),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="the results' Arrow file [default: in the data folder]")] = None,
    force: Annotated[bool, typer.Option("--force", help="run more than a million sets")] = False,
    open_seal: Annotated[
        bool, typer.Option("--open-seal", help="stored candles: run over the sealed last fifth too; that is counted")
    ] = False,
    data: options.Data = None,
    rows: options.Rows = None,
    repair: options.Repair = None,
    exchange: options.Exchange = None,
    symbol: options.Symbol = None,
    timeframe: options.Timeframe = None,
    from_: options.From = None,
    to: options.To = None,
    param: Annotated[list[str] | None, typer.Option(metavar="K=V", help="a parameter that is not varied")] = None,
    cash: options.Cash = "1000",
    fee: options.Fee = None,
    slippage_bps: options.SlippageBps = 5.0,
    size: options.Size = 0.2,
    stop: options.Stop = None,
    target: options.Target = None,
    research: Annotated[
        bool,
        typer.Option("--research/--exact", help="size at the fill as other libraries do, or as an exchange makes us"),
    ] = False,
    short: options.Short = False,
    json_out: Annotated[bool, typer.Option("--json", help="print one JSON object")] = False,
) -> None:
    """Run a strategy over many parameter sets. Ctrl-C keeps what is done; the same command goes on from there."""
    _known(metric)
    search, draws = _asked(method, random, trials, objective or [], metric, seed, min_trades)
    if search is not None:
        metric, least = search.names[0], search.signs[0] < 0
    candles = sources.chosen(data, rows, repair, (exchange, symbol, timeframe), (from_, to))
    sealed = data is None or search is not None
    if sealed:
        candles = _unsealed(candles, open_seal)
    words = {"cash": cash, "fee": fee, "slippage_bps": slippage_bps, "size": size, "stop": stop, "target": target}
    study = _study(strategy, param or [], candles, exchange or ("" if data else "coinbase"), short, research, words)
    own = {study.setup.instruments[0].symbol: candles}
    go, path = _prepared(study, grid or [], own, search, (draws, seed), out, force)
    origin = "sweep_all" if open_seal or not sealed else "sweep" if search is None else "optimise"
    begun = time.perf_counter()
    with _interrupted() as stop_asked, _runner(cluster) as runner, _counting(study, own, path, origin):
        say_compiling()
        table = go(workers=workers or None, progress=_said, cancelled=stop_asked.is_set, out=path, runner=runner)
    seconds = time.perf_counter() - begun
    if sys.stderr.isatty():
        say("")
    _tell(study, own, table, (metric, least, top, json_out), seconds, origin, open_seal)
    if not table.complete:
        say(f"stopped: {len(table):,} of {table.total:,} sets are kept; the same command goes on from there")
        raise typer.Exit(FAILED)


def _asked(
    method: str, random: int, trials: int, objectives: list[str], metric: str, seed: int, min_trades: int
) -> tuple[Search | None, int]:
    """(the search, or how many to draw at random, 0 for the whole grid)."""
    if method not in METHODS:
        raise Fail(f"--method {method} is unknown; there are {', '.join(METHODS)}", USAGE)
    if random and method != "grid":
        raise Fail("--random N is --method random --trials N: say one of them", USAGE)
    if method in ("grid", "random"):
        if objectives:
            raise Fail("--objective is for --method tpe and nsga2; --metric orders the sets of a grid", USAGE)
        if trials and method == "grid":
            raise Fail("--trials is for --method random, tpe and nsga2: a grid runs every set", USAGE)
        return None, random or (trials or TRIALS if method == "random" else 0)
    from engine.research.optimise import Search

    wanted = objectives or ([metric, "max_drawdown"] if method == "nsga2" and metric != "max_drawdown" else [metric])
    return Search(method, tuple(wanted), trials or TRIALS, seed, min_trades), 0


def _prepared(
    study: Study, texts: list[str], candles: dict[str, Candles], search: Search | None, drawn: tuple[int, int],
    out: Path | None, force: bool,
) -> tuple[Callable[..., Table], Path]:  # fmt: skip
    """(what runs it, the file of its results)."""
    from engine.research.optimise import optimise, search_key
    from engine.research.space import Space
    from engine.research.sweep import sweep, sweep_key

    store.point_to_data()
    folder = store.data_dir() / "sweeps"
    if search is not None:
        key = search_key(study, texts, candles, search)
        return partial(optimise, study, texts, candles, search), out or folder / f"{key}.arrow"
    points = _points(study, texts, *drawn, force)
    key = sweep_key(study, points, candles, Space(study))
    return partial(sweep, study, points, candles, force=force), out or folder / f"{key}.arrow"


@contextmanager
def _runner(address: str | None) -> Iterator[Runner | None]:
    """The cluster at this address; None for threads."""
    if address is None:
        yield None
        return
    from engine.research.cluster import Cluster

    with Cluster(address) as cluster:
        yield cluster


@contextmanager
def _counting(study: Study, candles: dict[str, Candles], path: Path, origin: str) -> Iterator[None]:
    """What a sweep that ends with an error has tried is counted all the same."""
    try:
        yield
    except BaseException:
        from engine.research.sweep_table import partial as left_at

        left = left_at(path)
        if left is not None:
            with _database() as engine:
                _count(engine, study, left, candles, origin, False)
        raise


def _tell(
    study: Study, candles: dict[str, Candles], table: Table, how: tuple[str, bool, int, bool], seconds: float, origin: str,
    opened: bool,
) -> None:  # fmt: skip
    from engine.cli import sweep_told

    metric, least, top, json_out = how
    with _database() as engine:
        counted = _count(engine, study, table, candles, origin, opened)
        facts = sweep_told.told(study, candles, table, metric, least, seconds, engine if counted else None)
    if json_out:
        from engine.research.optimise import ranked

        emit_json({**facts, "results": [table.row(int(i)) for i in ranked(table, metric, least=least)]})
    else:
        sweep_told.printed(table, facts, metric, least, top)


@contextmanager
def _database() -> Iterator[Engine | None]:
    """The database in force, where there is one to count in."""
    from engine.cli.trials import engine_for

    engine = engine_for(False)
    try:
        yield engine
    finally:
        if engine is not None:
            engine.dispose()


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
            "say what to vary, as in --grid fast=5:50:5, or --random N, or --method tpe; there are "
            + ", ".join(space.parameters),
            USAGE,
        )
    if count:
        axes = [axis(space, text) for text in texts] if texts else declared(space)
        return drawn(space, axes, count, seed, force=force)
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


def _count(
    engine: Engine | None, study: Study, table: Table, candles: dict[str, Candles], origin: str, opened: bool
) -> bool:
    """Every set that was run is a trial, and a look at the sealed part an opening; whether they were counted."""
    if engine is None or not len(table):
        return False
    from sqlalchemy.exc import SQLAlchemyError

    from engine.research.lineage import strategies_of
    from engine.research.seal import open_seal, seal_ts, sentence, span_of
    from engine.research.sweep_doubt import count

    span = span_of(candles)
    try:
        count(engine, study, table, span, origin)
        if opened:
            exchange = study.sources[0].exchange if study.sources else "file"
            cut, names = seal_ts(*span), strategies_of(study.setup)
            times = open_seal(engine, exchange, list(candles), "", names, cut, span[1], "sweep over all data")
            say(f"note: {sentence(times)}")
    except SQLAlchemyError as error:
        say(f"note: these trials could not be counted: {type(error).__name__}")
        return False
    return True
