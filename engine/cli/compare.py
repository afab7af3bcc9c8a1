"""compare: runs side by side, what they were made of, what they earned, and whether the difference is one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from engine.cli import store
from engine.cli.output import emit_json, emit_table, say, show, when
from engine.cli.tables import check_kind, write_table

if TYPE_CHECKING:
    from engine.research.compare import Comparison

_MOST_ROWS = 20


def register(app: typer.Typer) -> None:
    app.command(epilog="Example: run_engine.py compare main 'sma_cross BTC/USD #7' --trades-out differ.csv")(compare)
    app.command(epilog="Example: run_engine.py promote 'sma_cross BTC/USD #7' --write")(promote)


def compare(
    runs: Annotated[list[str], typer.Argument(metavar="RUN RUN...", help="names or numbers; the first is the measure")],
    trades_out: Annotated[Path | None, typer.Option(help="every trade that differs: .csv, .json or .parquet")] = None,
    json_out: Annotated[bool, typer.Option("--json", help="print one JSON object")] = False,
) -> None:
    """Lay runs side by side: configuration, statistics with intervals, the difference's own interval, and trades."""
    from engine.research import compare as comparing

    check_kind(trades_out)
    engine = store.open_database()
    made = comparing.compare(engine, [int(store.find_run(engine, run)["id"]) for run in runs])
    if trades_out is not None:
        write_table(trades_out, _trades(made))
    if json_out:
        emit_json(comparing.as_dict(made))
        return
    _print(made, comparing.labels())


def _print(made: Comparison, labels: dict[str, str]) -> None:
    names = [side.name for side in made.sides]
    rows = [[label, *(_cell(side, name) for side in made.sides)] for name, label in labels.items()]
    emit_table(["statistic", *names], rows, "")
    if made.config:
        typer.echo("")
        emit_table(["setting", *names], [[one.name, *(show(v) for v in one.values)] for one in made.config], "")
    for one in made.against:
        name = next(side.name for side in made.sides if side.id == one.id)
        typer.echo(f"\n{name} against {names[0]}: {one.sentence}")
        if made.rebased_ts:
            _print_trades(one)
    if not made.rebased_ts:
        say("note: these runs share no time; each curve begins at its own start, and no trade could be the same")


def _cell(side: Any, name: str) -> str:
    figure, interval = side.figures[name], side.intervals.get(name)
    if figure.value is None:
        return "-"
    if interval is None or isinstance(interval, str):
        return show(figure.value)
    return f"{show(figure.value)} ({interval.low:.3g} to {interval.high:.3g})"


def _print_trades(one: Any) -> None:
    differing = one.differing
    typer.echo(f"{len(one.pairs) - len(differing)} trades are the same, {len(differing)} differ")
    rows = [
        [
            when(pair.ts), (pair.one or pair.other)["symbol"], _side(pair.one), _side(pair.other), pair.money,
        ]
        for pair in differing[:_MOST_ROWS]
    ]  # fmt: skip
    if rows:
        emit_table(["entered", "symbol", "the first", "this one", "money apart"], rows, "")
    if len(differing) > _MOST_ROWS:
        say(f"{len(differing) - _MOST_ROWS} more: --trades-out FILE writes them all")


def _side(trade: dict[str, Any] | None) -> str:
    if trade is None:
        return "not made"
    return f"{show(trade['entry_price'])} to {show(trade['exit_price'])} by {trade['exit_reason']}"


def _trades(made: Comparison) -> dict[str, list[Any]]:
    told = ("entry_ts", "exit_ts", "qty", "entry_price", "exit_price", "fees", "pnl", "exit_reason")
    columns: dict[str, list[Any]] = {name: [] for name in ("run", "symbol", "direction", "money")}
    columns |= {f"{who}_{name}": [] for who in ("first", "this") for name in told}
    for one in made.against:
        for pair in one.differing:
            known = pair.one or pair.other or {}
            columns["run"].append(one.id)
            columns["symbol"].append(known["symbol"])
            columns["direction"].append(known["direction"])
            columns["money"].append(pair.money)
            for who, trade in (("first", pair.one), ("this", pair.other)):
                for name in told:
                    columns[f"{who}_{name}"].append(None if trade is None else trade[name])
    return columns


def promote(
    run: Annotated[str, typer.Argument(metavar="RUN", help="name or number of the run")],
    config: Annotated[Path | None, typer.Option(help="configuration file [default: my/config.toml]")] = None,
    write: Annotated[bool, typer.Option("--write", help="write it; without this it is only shown")] = False,
    json_out: Annotated[bool, typer.Option("--json", help="print one JSON object")] = False,
) -> None:
    """Show, and with --write put, a run's parameters, exits, sizes and stricter limits into the configuration."""
    from engine.runtime import promote as promoting

    engine = store.open_database()
    made = promoting.promotion(engine, int(store.find_run(engine, run)["id"]), config)
    if write and made.diff:
        promoting.write(made)
    if json_out:
        emit_json({**promoting.as_dict(made), "written": write and bool(made.diff)})
        return
    typer.echo(made.diff or f"nothing to change: {made.path} says already what {made.run} was made of")
    for note in made.notes:
        say(f"note: {note}")
    if made.diff:
        say(f"{'written' if write else 'not written yet, --write does it'}: {made.path}")
