"""A played batch's trades and curve as columns, for files and tables. Nothing is stored, and no statistic is made here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from engine.core.types import Instrument, SlotSpec
from engine.research.play import Played

if TYPE_CHECKING:
    from engine.ledger.rows import Row

_STILL_OPEN = {"exit_ts": None, "exit_price": None, "pnl": None, "pnl_pct": None, "exit_reason": "open"}


def trade_rows(played: Played, instruments: Sequence[Instrument], slots: Sequence[SlotSpec]) -> list[Row]:
    """Closed trades as the ledger would store them, then what is open at the end, its exit fields None."""
    from engine.ledger.names import Context
    from engine.ledger.rows import rows_of
    from engine.ledger.standing import position_rows

    names = tuple(played.machine.breaker_names)
    numbers = tuple(range(1, len(slots) + 1))
    context = Context(0, tuple(instruments), tuple(slots), numbers, names, None, ("",) * len(slots))
    reports = replace(played.reports, signals=played.reports.signals[:0], equity=played.reports.equity[:0])
    closed = [row for table, rows in rows_of(context, reports, {}).items() if table.__name__ == "Trade" for row in rows]
    still = [{**row, **_STILL_OPEN} for row in position_rows(context, played.machine, played.end)]
    strategy = {number: slot.strategy for number, slot in zip(numbers, slots, strict=True)}
    return [_told(row, strategy) for row in (*closed, *still)]


def _told(row: Mapping[str, Any], strategy: Mapping[int, str]) -> Row:
    return {**row, "side": "long" if row["direction"] > 0 else "short", "strategy": strategy[row["slot_id"]]}


def equity_columns(played: Played) -> dict[str, npt.NDArray[Any]]:
    """The account at the close of every bar of the finest strategy: ts int64 ms UTC; equity, cash, exposure float64."""
    curve = played.reports.equity
    return {name: np.ascontiguousarray(curve[name]) for name in ("ts", "equity", "cash", "exposure")}
