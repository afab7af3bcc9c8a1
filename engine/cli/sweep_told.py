"""What a sweep on the command line says when it is done: the sets, what they were chosen from, and how far to doubt the first."""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING, Any

from engine.cli.output import emit_pairs, emit_table, say, when

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from engine.market.candles import Candles
    from engine.research.study import Study
    from engine.research.sweep_table import Table

SHOWN = ("trades", "sharpe", "total_return", "max_drawdown", "profit_factor", "win_rate")
DOUBTS = ("trials", "deflated_sharpe", "psr", "pbo", "min_track_record", "grade", "verdict")


def told(
    study: Study,
    candles: dict[str, Candles],
    table: Table,
    metric: str,
    least: bool,
    seconds: float,
    engine: Engine | None,
) -> dict[str, Any]:
    """What the sweep was and found; the first set is never told without the number of trials and its deflated Sharpe."""
    from engine.market.symbols import timeframe_name
    from engine.research.optimise import front_of, ranked, search_of

    slot, own = study.setup.slots[0], next(iter(candles.values()))
    search = search_of(table)
    found: dict[str, Any] = {
        "strategy": slot.strategy, "symbol": slot.symbol, "timeframe": timeframe_name(slot.timeframe_ms), "bars": len(own),
        "start": int(own.ts[0]), "end": int(own.ts[-1]) + own.timeframe_ms, "sets": table.total, "run": len(table),
        "excluded": table.excluded, "failed": table.failed, "complete": table.complete, "file": str(table.path),
        "elapsed_seconds": seconds, "metric": metric,
    }  # fmt: skip
    if search is not None:
        found |= {"search": search.to_json(), "repeated": table.total - table.excluded - len(table)}
    if not len(table):
        return {**found, "why_none": _why_none(study, table)}
    first = int(ranked(table, metric, least=least)[0])
    if search is not None and len(search.names) > 1:
        found["front"] = [table.row(int(i)) for i in front_of(table, search)]
    return {**found, "first": table.row(first), "neighbours": _around(table, metric, first),
            **_doubts(study, candles, table, first, engine)}  # fmt: skip


def _why_none(study: Study, table: Table) -> str:
    every = "every set" if table.total > 1 else "the only set"
    return f"{every} breaks a constraint between the parameters: choose other values" if table.complete else ""


def _around(table: Table, metric: str, row: int) -> float | None:
    """The median of the neighbours in the grid; None where there are none."""
    from engine.research.sweep_plateau import plateau

    try:
        around = float(plateau(table, metric)[row])
    except ValueError:  # drawn points are no grid
        return None
    return around if math.isfinite(around) else None


def _doubts(study: Study, candles: dict[str, Candles], table: Table, row: int, engine: Engine | None) -> dict[str, Any]:
    """Every reason to doubt the first set; only the number of trials where it cannot be run."""
    from engine.research.sweep_doubt import judge, never_trades
    from engine.strategies.base import StrategyError

    try:
        made = judge(study, table.point(row), candles, table, engine)
    except (StrategyError, ValueError, OverflowError):
        return {"trials": len(table), **dict.fromkeys(DOUBTS[1:])}
    every = made.doubt.as_dict()
    silent = {"why_no_trades": made.silence} if never_trades(table) else {}
    return {**{name: every[name] for name in DOUBTS}, "undefined": every["undefined"], **silent}


def printed(table: Table, facts: dict[str, Any], metric: str, least: bool, top: int) -> None:
    """For a person."""
    from engine.research.optimise import ranked

    columns = [*table.names, *dict.fromkeys((metric, *SHOWN))]
    rows = [table.row(int(i)) for i in ranked(table, metric, least=least)[:top]]
    emit_table(columns, [[row[name] for name in columns] for row in rows], facts.get("why_none") or "no set was run")
    sys.stdout.write("\n")
    if "front" in facts:
        sys.stdout.write(f"beaten by none in both of {' and '.join(facts['search']['objectives'])}:\n")
        emit_table(columns, [[row[name] for name in columns] for row in facts["front"]], "no set traded enough")
        sys.stdout.write("\n")
    left = ("first", "front", "undefined", "search", "why_none", "why_no_trades")
    pairs = {name: value for name, value in facts.items() if name not in left}
    pairs |= {name: f"- ({why})" for name, why in facts.get("undefined", {}).items() if name in DOUBTS}
    emit_pairs({**pairs, "start": when(facts["start"]), "end": when(facts["end"])})
    if facts.get("why_no_trades"):
        say(f"note: no set closed a trade. The first: {facts['why_no_trades']}")
    if table.failed:
        error = next(row["error"] for row in (table.row(i) for i in range(len(table))) if row["error"])
        say(f"note: {table.failed} sets could not be run; the first says: {error}")
