"""What a worker can do: one function a kind, `(args, context) -> result`, both plain JSON. Who calls them is not told here.

A function says how far it is through `context.progress`, which also ends it when the person or the machine wants that;
what it has finished by then must be of use to the next try.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from db.session import data_folder


class Interrupted(Exception):
    """The person cancelled, or the worker is to stop: not an error."""


class Context:
    """What a job's function may use. `progress` raises Interrupted when the work is to end."""

    def __init__(self, engine: Engine, job_id: int) -> None:
        self.engine, self.job_id = engine, job_id

    @property
    def folder(self) -> Path:
        return data_folder()

    def progress(self, share: float, words: str = "") -> None:
        """`share` of 0 to 1 is done; `words` say what is being done."""

    def cancelled(self) -> bool:
        return False


@dataclass(frozen=True)
class Kind:
    """`resumable`: done again from the start, or from what it left, it gives what it would have given. `needs`: words without
    which it is not begun, and of what form they are."""

    run: Callable[[Mapping[str, Any], Context], dict[str, Any]]
    resumable: bool = True
    needs: Mapping[str, type] = field(default_factory=dict)


def fetch(args: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """args: exchange, symbols, timeframe, start, end (ms UTC), base_url. What is stored is not asked for again. With holes, what
    is missing inside of the stored series is asked for once more, and nothing else."""
    if args.get("holes"):
        return _refill(args, context)
    from engine.market.history import fetch as fetch_history
    from engine.market.store import Store

    store, symbols = Store(context.folder / "candles"), list(args["symbols"])
    fetched: list[dict[str, Any]] = []
    for n, symbol in enumerate(symbols):
        at = f"{symbol} {args['timeframe']} from {args['exchange']}"

        def told(done: int, total: int, n: int = n, at: str = at) -> None:
            share = done / total if total else 1.0
            context.progress((n + share) / len(symbols), f"{at}: {done:,} of {total:,} bars asked for")

        context.progress(n / len(symbols), f"{at}: asking for the market")
        done = fetch_history(
            str(args["exchange"]), symbol, str(args["timeframe"]), int(args["start"]), int(args["end"]), store,
            base_url=str(args.get("base_url") or "") or None, progress=told,
        )  # fmt: skip
        quality = done.series.quality if done.series else None
        fetched.append(
            {
                "symbol": done.series.symbol if done.series else symbol,
                "new": done.rows,
                "bars": quality.rows if quality else 0,
                "grade": quality.grade if quality else "",
                "notes": list(done.notes),
            }
        )
    return {"exchange": args["exchange"], "timeframe": args["timeframe"], "fetched": fetched}


def _refill(args: Mapping[str, Any], context: Context) -> dict[str, Any]:
    from engine.market.store import Store
    from engine.research.holes import refill

    store, exchange, timeframe = Store(context.folder / "candles"), str(args["exchange"]), str(args["timeframe"])
    fetched = []
    for symbol in args["symbols"]:
        new = refill(
            store, exchange, symbol, timeframe, str(args.get("base_url") or ""),
            lambda done, total: context.progress(done / total, f"{done:,} of {total:,} stretches with holes asked for"),
        )  # fmt: skip
        quality = store.quality(exchange, symbol, timeframe)
        left = f"{quality.gaps:,} bars stay missing: the exchange has none for them." if quality.gaps else ""
        told = {"symbol": symbol, "new": new, "bars": quality.rows, "grade": quality.grade, "notes": [left]}
        fetched.append(told)
    return {"exchange": exchange, "timeframe": timeframe, "fetched": fetched}


def backtest(args: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """args: study; newest = over the newest candles of the same length. Played and stored as a run; a try that was broken off
    leaves nothing that is shown."""
    from engine.market.store import Store
    from engine.research import lab
    from engine.research.study import Study

    context.progress(0.02, "reading the candles and playing them")
    study, store = Study.from_json(args["study"]), Store(context.folder / "candles")
    done = lab.run_study(lab.newest(study, store) if args.get("newest") else study, store)
    trades = int(done.played.reports.trades.size)
    context.progress(0.4, f"{trades:,} trades; storing the run")
    number, name = lab.save_study(context.engine, done)
    return {"run_id": number, "run": name, "trades": trades, "data_hash": done.data_hash, "data_grade": done.grade}


def sweep(args: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """args: study, axes (texts), draws, seed, search (of optimise.Search). What is done stays in the file, and the next try goes
    on from there."""
    from engine.market.store import Store
    from engine.research import work_sweep
    from engine.research.study import Study

    return work_sweep.run(
        Study.from_json(args["study"]), [str(axis) for axis in args["axes"]], int(args.get("draws") or 0),
        Store(context.folder / "candles"), context.folder / "sweeps", context.engine, context.job_id, context.progress,
        context.cancelled, args.get("search"), int(args.get("seed") or 0),
    )  # fmt: skip


def walk_forward(args: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """args: study, axes (texts), ask (fields of walk_forward_study.Ask). The stitched run is stored as one of its own. What was
    chosen is kept fold by fold, and the next try goes on from there."""
    from engine.market.store import Store
    from engine.research.loading import load
    from engine.research.study import Study
    from engine.research.walk_forward_study import Ask, walk_study

    context.progress(0.0, "reading the candles")
    study, store = Study.from_json(args["study"]), Store(context.folder / "candles")
    made = walk_study(
        study, [str(axis) for axis in args["axes"]], load(study, store), Ask(**args["ask"]), context.engine, save=True,
        job_id=context.job_id, progress=context.progress, kept=context.folder / "walks",
    )  # fmt: skip
    return made.as_dict()


MOST_DIFFERENCES = 1_000


def versus(args: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """args: run_id. The run against its own tape, then against a backtest on the stored candles of its time; candles that are
    missing are said, and the first half stands without the second."""
    from engine.market.candles import DataError
    from engine.market.store import Store
    from engine.research import parity
    from engine.research import versus as beside

    number = int(args["run_id"])
    context.progress(0.05, "replaying the tape")
    replayed = parity.replay(number, context.engine, context.folder / "runs")
    told: dict[str, Any] = {
        "run_id": number,
        "tape": {
            "ok": replayed.ok, "events": replayed.events, "frames": replayed.frames, "counts": replayed.counts,
            "differences": replayed.differences, "unproven": replayed.unproven,
        },
    }  # fmt: skip
    context.progress(0.5, "playing the stored candles of its time")
    try:
        made = beside.versus(context.engine, number, Store(context.folder / "candles"), context.folder / "runs")
    except (DataError, beside.VersusError) as error:
        return {**told, "candles": None, "why_not": str(error)}
    candles = made.as_dict()
    candles["differences"] = [beside.row_of(one) for one in beside.worst(made.differences, MOST_DIFFERENCES)]
    return {**told, "candles": candles}


def outcomes(args: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """args: run_id. What came after the run's signals, where that is not settled yet; the next try goes on from there."""
    from engine.research import outcomes as after

    return asdict(after.fill(context.engine, int(args["run_id"]), folder=context.folder, progress=context.progress))


def report(args: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """args: plan, end (ms UTC), as report_plans.ask_due has them. One file, written whole."""
    from engine.research import report_plans

    context.progress(0.1, "reading the run")
    return report_plans.run(args, context.engine)


KINDS: dict[str, Kind] = {
    "fetch": Kind(fetch, needs={"exchange": str, "symbols": list, "timeframe": str}),
    "backtest": Kind(backtest, needs={"study": dict}),
    "sweep": Kind(sweep, needs={"study": dict, "axes": list}),
    "walk_forward": Kind(walk_forward, needs={"study": dict, "axes": list, "ask": dict}),
    "versus": Kind(versus, needs={"run_id": int}),
    "report": Kind(report, needs={"plan": dict, "end": int}),
    "outcomes": Kind(outcomes, needs={"run_id": int}),
}


def sentence(error: BaseException) -> str:
    """What went wrong, for a person: our own errors speak for themselves."""
    words = str(error).strip() or type(error).__name__
    if type(error).__module__.partition(".")[0] in ("engine", "db") or hasattr(error, "exit_code"):
        return words
    if isinstance(error, MemoryError):
        return "there was not enough memory: ask for a shorter span, a longer timeframe or fewer sets at once"
    if isinstance(error, (OSError, ValueError)):
        return words
    return f"this is a defect of Evenkeel, not of what you asked: {type(error).__name__}: {words}"
