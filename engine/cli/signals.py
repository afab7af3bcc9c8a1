"""signals: which of a run's signals were worth taking, and what each rule that blocked one saved or cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from engine.cli import store
from engine.cli.failures import USAGE, Fail
from engine.cli.output import emit_json, emit_pairs, emit_table, say

if TYPE_CHECKING:
    from engine.analytics.signals_score import Between, Record
    from engine.research.signal_book import SignalBook


def register(app: typer.Typer) -> None:
    app.command(epilog="Example: run_engine.py signals --run main --measure r24")(signals)


def signals(
    run: Annotated[
        str | None, typer.Option("--run", metavar="NAME|N", help="which run [default: the engine heard last]")
    ] = None,
    measure: Annotated[str, typer.Option(help="own (the slot's own exits), or r1, r4, r12, r24, r72 (bars)")] = "own",
    by: Annotated[
        str,
        typer.Option(
            help="strategy, symbol, side, fate, rule, tag, regime, config, source, model or prompt: one row a group"
        ),
    ] = "strategy",
    follow: Annotated[bool, typer.Option("--follow", help="first follow up what is not settled yet")] = False,
    json_out: Annotated[bool, typer.Option("--json", help="print one JSON object")] = False,
) -> None:
    """Every entry signal followed up, taken or blocked: funnel, hit rate, information, decay, calibration, rules."""
    from engine.research import signal_book

    if measure not in signal_book.MEASURES or by not in signal_book.FACETS:
        offered = signal_book.MEASURES if measure not in signal_book.MEASURES else signal_book.FACETS
        raise Fail(
            f"there is no {measure if measure not in signal_book.MEASURES else by}: choose of {', '.join(offered)}",
            USAGE,
        )
    engine = store.open_database()
    found = store.find_run(engine, run)
    if follow:
        _follow(int(found["id"]))
    told = as_dict(signal_book.read(engine, int(found["id"])).entries(), measure, by)
    if json_out:
        emit_json({"run": found["name"], **told})
    else:
        _print(str(found["name"]), told)


def _follow(run_id: int) -> None:
    from engine.research import outcomes

    engine = store.open_database(read_only=False)
    done = outcomes.fill(engine, run_id, folder=store.data_dir())
    say(f"{done.written:,} signals followed up, {done.waiting:,} wait for bars, {done.without:,} have no candles")
    for note in done.notes:
        say(f"note: {note}")
    engine.dispose()


def as_dict(book: SignalBook, measure: str, by: str) -> dict[str, Any]:
    """What the page shows, as plain values; rates and returns as fractions, None with a reason where there is no value."""
    from engine.analytics.values import Undefined

    try:
        made = book.calibration(measure)
        calibration: dict[str, Any] = {
            "signals": made.signals, "brier": _between(made.brier), "base": made.base, "ece": _between(made.ece),
            "skill": made.skill, "bins": [{**vars(one), "right": _between(one.right)} for one in made.bins],
        }  # fmt: skip
    except Undefined as why:
        calibration = {"reason": str(why)}
    return {
        "measure": measure,
        "entries": len(book),
        "unresolved": int((book.raw["resolved"] == 0).sum()),
        **_record(book.record(measure)),
        "funnel": [vars(stage) for stage in book.funnel()],
        "decay": [{"bars": bars, **_record(one)} for bars, one in book.decay()],
        "by": by,
        "groups": [{by: name, **_record(one)} for name, one in book.by(by, measure)],
        "rules": [
            {**vars(one), "would_win": _between(one.would_win), "mean": _between(one.mean)}
            for one in book.ledger(measure)
        ],
        "quote": book.quote,
        "calibration": calibration,
    }


def _between(one: Between) -> dict[str, Any]:
    return {name: value for name, value in vars(one).items() if value != ""}


def _record(one: Record) -> dict[str, Any]:
    return {
        "signals": one.signals, "resolved": one.resolved, "independent": one.independent, "hit_rate": _between(one.won),
        "mean_return": _between(one.mean), "information": _between(one.ic), "few": one.few,
    }  # fmt: skip


def _print(run: str, told: dict[str, Any]) -> None:
    stages = {stage["name"]: stage["signals"] for stage in told["funnel"]}
    pairs = {"run": run, "judged by": told["measure"], **stages, "not settled": told["unresolved"]}
    emit_pairs({**pairs, **{name: _words(told[name]) for name in ("hit_rate", "mean_return", "information")}})
    names = ("signals", "resolved", "independent", "hit_rate", "mean_return", "information")
    groups = [[row[told["by"]] or "-", *(_words(row[name]) for name in names)] for row in told["groups"]]
    emit_table([told["by"], *names], groups, "no entry signals")
    rules = [
        [
            row["rule"],
            row["signals"],
            row["followed"],
            _words(row["mean"]),
            row["saved"],
            row["missed"],
            row["net"],
            row["few"],
        ]
        for row in told["rules"]
    ]
    emit_table(
        ["blocked by", "signals", "followed", "mean", "saved", "missed", "net", "mind"], rules, "nothing was blocked"
    )
    if "reason" in told["calibration"]:
        say(f"calibration: {told['calibration']['reason']}")
    if told["unresolved"]:
        say(f"note: {told['unresolved']:,} signals are not settled: --follow brings them up to date")


def _words(value: Any) -> Any:
    """A value with its interval in one cell."""
    if not isinstance(value, dict):
        return value
    if value.get("value") is None:
        return "-"
    if value.get("low") is None:
        return f"{value['value']:.4f}"
    return f"{value['value']:.4f} ({value['low']:.4f} to {value['high']:.4f})"
